"""ScorePerformer with look-ahead: in DExter's player, nothing is lost, and what is played flat comes out performed."""

import numpy as np
import pytest
from live_takes import LOOKAHEAD_S, assert_nothing_is_lost, drive, flat_take, pedal, random_take, run, shifts_ns
from synthetic_score_performer import LATENTS, STYLE, write_models

from engine.base.errors import UsageError
from engine.midi.events import is_note_on
from engine.performers.score_performer.lookahead import ScorePerformerLookaheadSampler
from engine.performers.score_performer.performer import STYLE_SPACE_FILE, load_performer
from engine.systems.score_performer import StyleRequest
from models.performance.windows import overlap_notes
from models.score_performer.style_space import StyleSpace


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = write_models(tmp_path_factory.mktemp("models"))
    moves = {"loudness": np.eye(STYLE)[0]}
    StyleSpace(LATENTS, np.zeros(STYLE), np.eye(STYLE), moves, {"loudness": "louder"}).save(folder / STYLE_SPACE_FILE)
    return folder


@pytest.fixture(scope="module")
def performer(models):
    return load_performer(models, LOOKAHEAD_S)


def velocities(sent):
    return np.array([event.message[2] for event in sent if is_note_on(event.message)])


def test_nothing_is_lost_of_anything_that_may_come(performer):
    events = random_take(1, seconds=2.0, notes_a_second=100)
    sent, report = run(performer, events, {"temperature": 1}, 1)
    assert_nothing_is_lost(events, sent)
    assert report.windows.windows > 2 and report.windows.carried == report.late == 0


def test_a_flat_take_comes_out_performed_by_seed(performer):
    events = flat_take()
    plain, again, other = (run(performer, events, {"temperature": 1}, seed)[0] for seed in (1, 1, 2))
    assert plain == again != other
    assert velocities(plain).std() > 3 and len(pedal(plain)) > 10
    moved_s = shifts_ns(events, plain) / 1e9
    assert 0.002 < moved_s.std() < 0.2
    louder = run(performer, events, {"temperature": 1, "loudness": 2}, 1)[0]
    assert velocities(louder).mean() > velocities(plain).mean() + 5


def test_it_reads_no_more_than_a_window(performer, monkeypatch):
    requests, answer = [], ScorePerformerLookaheadSampler.answer

    def ask(sampler, request, *rest):
        requests.append(request)
        return answer(sampler, request, *rest)

    monkeypatch.setattr(ScorePerformerLookaheadSampler, "answer", ask)
    run(performer, random_take(1, seconds=4.0, notes_a_second=100))
    window = performer._networks.window
    assert max(request.past for request in requests) == overlap_notes(window) < 200
    assert max(len(request.notes) for request in requests) <= window


def test_without_expression_it_is_as_played(performer):
    events = flat_take(8)
    sent, _ = run(performer, events, {"expression": 0})
    assert np.abs(shifts_ns(events, sent)).max() < 1e6 and set(velocities(sent)) == {64}


def test_a_worker_computes_the_same(performer):
    events = flat_take(10)
    plain = drive(performer.create_stream(3, {}), events)
    stream = performer.create_stream(3, {})
    stream.work_ahead()
    ahead = drive(stream, events)
    stream.close()
    assert ahead == plain and stream.counts.carried == 0


def test_controls_of_scores_mean_nothing_here(models, performer):
    of_scores = load_performer(models, None)
    assert {control.name for control in of_scores.controls} - {control.name for control in performer.controls} == {"tempo", "tempo_from"}
    with pytest.raises(UsageError, match="--lookahead 2"):
        of_scores.perform(None, StyleRequest(), {}, 0, False)
