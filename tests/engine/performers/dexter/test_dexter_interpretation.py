"""A score's performance by DExter in progress: the same as its columns decoded, and never out of time; see also test_score_stream."""

from dataclasses import replace

import numpy as np
import pytest
from score_playing import BARS, START_NS, assert_all_released, marked, melody, notes_of, play
from synthetic_dexter import write_models

from engine.midi.events import is_control_change, is_note_off
from engine.performers.dexter.performer import load_performer
from engine.performers.dexter.window_worker import WindowWorker
from engine.performers.score_playing.columns import playback_columns
from engine.performers.score_playing.stream import HEAD_START_NS, POLL_NS
from engine.score.realisation.ornaments import ROLL, ROLL_POWER
from models.dexter.representation import Settings
from models.dexter.windows import perform
from models.performance.features import denormalise
from models.performance.representation import (
    Pedal,
    Performed,
    decode_performance,
    settle,
)
from models.performance.score_representation import encode_score


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def test_what_is_sent_is_what_the_columns_say(performer):
    piece = melody()
    stream = performer.perform_score(piece, 3, {"temperature": 1, "tempo_from": 0}, ahead=False)
    events = play(stream)
    score = piece.score
    columns = encode_score(score.notes, score.measures, score.time_signatures, score.tempos, None)
    normalised = perform(performer.sampler(score.notes, playback_columns(score), 3), Settings(), len(score.notes))
    expected = decode_performance(score.notes, settle(denormalise(normalised, columns), score.notes))
    begin = min(expected.onset_sec.min(), 0.0)
    order = np.argsort(expected.onset_sec, kind="stable")
    sent = notes_of(events)
    np.testing.assert_allclose([note[0] for note in sent], expected.onset_sec[order] - begin, atol=2e-9)
    assert [note[1:] for note in sent] == list(zip(score.notes["pitch"][order], expected.velocity[order], strict=True))
    ends = {}
    for event in events:
        if is_note_off(event.message):
            ends.setdefault(event.message[1], []).append(event.time_ns / 1e9)
    whole = expected.onset_sec + np.maximum(expected.duration_sec, 0.01) - begin
    for pitch, times in ends.items():
        np.testing.assert_allclose(times, whole[score.notes["pitch"] == pitch], atol=2e-9)
    table = stream.performed
    assert (table["velocity"] == expected.velocity).all()
    np.testing.assert_allclose((table["onset_ns"] - START_NS) / 1e9, expected.onset_sec - begin, atol=2e-9)
    assert_all_released(events)


def test_expression_0_plays_dynamics_as_a_notation_program_does(performer):
    piece = melody()
    markings = piece.score.markings.copy()
    markings["velocity"] = np.linspace(40, 100, len(markings)).astype(int)
    marked = replace(piece, score=replace(piece.score, markings=markings, has_markings=True))
    events = play(performer.perform_score(marked, 0, {"expression": 0}, ahead=False))
    assert [note[2] for note in notes_of(events)] == markings["velocity"].tolist()


def test_each_expression_moves_its_own(performer):
    def figures(**controls):
        events = play(performer.perform_score(melody(), 0, {"temperature": 0} | controls, ahead=False))
        onsets, _, velocities = np.array(notes_of(events)).T
        lengths = sum(event.time_ns for event in events if is_note_off(event.message)) / 1e9 - onsets.sum()
        pedal = sum(event.message[2] for event in events if is_control_change(event.message))
        return {
            "tempo": np.std(np.diff(np.unique(np.round(onsets, 3)))),
            "velocity": np.std(velocities),
            "articulation": abs(lengths / len(onsets) - 0.6),
            "pedal": pedal,
            "dynamics": np.mean(velocities),
        }

    plain, steady = figures(), {"expression_tempo": 0}
    for name in ("velocity", "articulation", "pedal"):
        assert figures(**steady, **{f"expression_{name}": 0})[name] < 0.2 * figures(**steady)[name]
    assert figures(expression_tempo=0, expression_timing=0)["tempo"] < 1e-3 < plain["tempo"]
    assert figures(expression_velocity=2)["velocity"] > 1.5 * plain["velocity"]
    assert figures(dynamics=10)["dynamics"] == pytest.approx(plain["dynamics"] + 10, abs=1)
    assert figures(melodiousness=2)["dynamics"] > plain["dynamics"] + 3


def test_a_sampling_control_is_heard_within_a_window(performer):
    stream = performer.perform_score(melody(), 0, {"temperature": 0}, ahead=False)
    changed = play(stream, [(20, lambda _: stream.set_control("melodiousness", 3.0))])
    plain = play(performer.perform_score(melody(), 0, {"temperature": 0}, ahead=False))
    louder = np.array([a[2] - b[2] for a, b in zip(notes_of(changed), notes_of(plain), strict=True)])
    first = int(np.flatnonzero(louder)[0])
    before = sum(note[0] < 20 for note in notes_of(plain))
    assert before < first <= before + 64 and louder[-20:].mean() > 5


class Late(WindowWorker):
    """Windows that never are ready after the first."""

    def take(self):
        return super().take() if self.counts.windows == 0 else None


def test_without_windows_the_last_expression_goes_on_in_time(performer):
    stream = performer.perform_score(melody(), 0, {}, ahead=False)
    stream.interpretation.worker.__class__ = Late
    events = play(stream)
    onsets, _, velocities = np.array(notes_of(events)).T
    assert len(onsets) == 5 * BARS and stream.interpretation.worker.counts.carried > 5
    assert np.diff(np.sort(onsets)).max() < 1.5
    assert velocities[-50:].std() < 1
    assert_all_released(events)


class AtSecondAsking(WindowWorker):
    """Windows that are not ready when they are first asked for after a beginning."""

    def begin(self, route, settings):
        self.asked = 0
        super().begin(route, settings)

    def take(self):
        self.asked += 1
        return super().take() if self.asked > 1 else None


def test_what_had_to_be_waited_for_begins_a_little_later(performer):
    """So that its first notes are not late when they have been decoded."""
    stream = performer.perform_score(melody(bars=8), 0, {}, ahead=False)
    at_once = notes_of(play(stream))
    stream.interpretation.worker.__class__ = AtSecondAsking
    stream.reset()
    waited = notes_of(play(stream, [(9, lambda now_ns: stream.seek(7, now_ns))]))
    head_start_s = (POLL_NS + HEAD_START_NS) / 1e9
    expected = [(note[0] + head_start_s, *note[1:]) for note in at_once if note[0] + head_start_s < 9]
    np.testing.assert_allclose(waited[: len(expected)], expected, atol=2e-9)
    assert 0 <= waited[len(expected)][0] - (9 + head_start_s) < 0.3  # a chord's first note is not the one on its beat


def test_an_ornament_is_added_to_what_is_played(performer):
    trill, mordent, short = 7, 18, 29  # alone in their quarters
    ornamented = marked(melody(bars=8), "ornament_kind", [trill, mordent, short], [1, 2, 1])
    ornamented.score.notes["duration_quarter"][short] = 0.1
    plain = melody(bars=8)
    plain.score.notes["duration_quarter"][short] = 0.1
    pitches = plain.score.notes["pitch"]
    without, events = (play(performer.perform_score(piece, 2, {}, ahead=False)) for piece in (plain, ornamented))
    before, after = set(notes_of(without)), notes_of(events)
    assert before < set(after) and len(after) == len(ornamented.played.score.notes) > len(before) + 4
    added = sorted(set(after) - before)
    onset, following = (next(time_s for time_s, pitch, _ in before if pitch == pitches[row]) for row in (trill, trill + 1))
    trilled = [note for note in added if note[0] < following]
    assert {pitch - pitches[trill] for _, pitch, _ in trilled} <= {0, 1, 2} and len(trilled) % 2 == 0
    np.testing.assert_allclose(np.diff([onset, *(note[0] for note in trilled)]), np.diff([onset, trilled[0][0]])[0], rtol=0.01)
    assert [pitch - pitches[mordent] in (-1, -2) for _, pitch, _ in added[len(trilled) :]] == [True, False]
    assert_all_released(events)


def test_a_chord_under_a_sign_is_rolled(performer):
    chord = [25, 26]
    even = {"expression_timing": 0}
    plain = performer.perform_score(melody(bars=8), 0, even, ahead=False)
    rolled = performer.perform_score(marked(melody(bars=8), "arpeggio", chord, -1), 0, even, ahead=False)
    for stream in (plain, rolled):
        assert_all_released(play(stream))
    moved_s = (rolled.performed["onset_ns"] - plain.performed["onset_ns"]) / 1e9
    held_s = (plain.performed["end_ns"] - plain.performed["onset_ns"])[chord].mean() / 1e9
    spread_s = ROLL * held_s**ROLL_POWER
    np.testing.assert_allclose(moved_s[chord], [0.2 * spread_s, -0.8 * spread_s], rtol=0.05)
    np.testing.assert_allclose(np.delete(moved_s, chord), 0, atol=1e-6)


def test_a_reference_is_played_as_it_is_at_depth_0_and_left_behind_at_1(performer):
    piece = melody(bars=30)
    human = performer.perform_score(piece, 9, {"temperature": 1}, ahead=False)
    play(human)
    table = human.performed
    onsets, ends = table["onset_ns"] / 1e9, table["end_ns"] / 1e9
    onsets[40] = np.nan  # not played
    reference = Performed(onsets, ends - onsets, np.where(np.isnan(onsets), 0, table["velocity"]), Pedal(np.array([]), np.array([])))
    results = {}
    for depth in (0, 0.01, 0.5, 1):
        stream = performer.perform_score(piece, 3, {"depth": depth}, ahead=False, reference=reference)
        assert_all_released(play(stream))
        results[depth] = stream.performed
    known = np.isfinite(onsets)
    for field in ("onset_ns", "end_ns"):
        difference_s = (results[0][field] - table[field])[known] / 1e9
        np.testing.assert_allclose(difference_s, difference_s[0], atol=0.002)
    np.testing.assert_array_equal(results[0]["velocity"][known], table["velocity"][known])
    plain = performer.perform_score(piece, 3, {}, ahead=False)
    play(plain)
    np.testing.assert_array_equal(results[1], plain.performed)
    distance = [np.abs(results[depth]["velocity"] - table["velocity"].astype(float))[known].mean() for depth in (0, 0.01, 0.5, 1)]
    assert distance[0] < distance[1] < distance[2] < distance[3]


def test_descriptors_hold_note_by_note_and_controls_are_added(performer):
    piece = melody(bars=30)
    described = np.zeros((len(piece.score.notes), 7))
    described[75:, 0] = 2
    steady = {"temperature": 0}

    def velocities(controls, descriptors=None):
        stream = performer.perform_score(piece, 0, steady | controls, ahead=False, descriptors=descriptors)
        play(stream)
        return stream.performed["velocity"].astype(int)

    plain, raised = velocities({}), velocities({"melodiousness": 1})
    varied = velocities({}, described)
    np.testing.assert_array_equal(varied[:75], plain[:75])
    assert (varied[75:] > raised[75:]).mean() > 0.9
    np.testing.assert_array_equal(velocities({"melodiousness": 1}, np.zeros_like(described)), raised)
