"""A score's performance by DExter in progress: the same as its columns decoded, and never out of time; see also test_score_stream."""

import gc
import os
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from score_playing import BARS, START_NS, assert_all_released, marked, melody, notes_of, play
from synthetic_dexter import write_models

from engine.base.errors import PerfLiveError
from engine.midi.events import is_control_change, is_note_off
from engine.onnx.model import Model
from engine.performers.dexter.performer import FILES, OnnxNetworks, load_performer
from engine.performers.dexter.window_worker import Route, Supply
from engine.performers.score_playing.columns import playback_columns
from engine.performers.score_playing.feature_check import columns_read
from engine.performers.score_playing.stream import HEAD_START_NS, POLL_NS
from engine.score.ornaments import ROLL, ROLL_POWER
from models.dexter.expression_profile import PIECE_FEATURES
from models.dexter.hold_quantiles import LEVELS, SHORTEST_HELD_S, WRITTEN_OCTAVES, Touch
from models.dexter.windows import Settings, perform
from models.performance.descriptors import DESCRIPTORS
from models.performance.features import FEATURES, denormalise, notated_octaves, note_features
from models.performance.pedal import Pedal
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    REPRESENTATION_VERSION,
    VELOCITY,
    Performed,
    decode_performance,
    settle,
)
from models.performance.score_representation import encode_score


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def sampler_of(performer, score):
    return performer.sampler(score.notes, playback_columns(score), 0)


def test_a_score_is_read_by_the_trees_too(performer, tmp_path):
    score, mean = melody().score, Settings(temperature=0)
    alone = load_performer(write_models(tmp_path, share=0), None)
    apart, own = (perform(sampler_of(each, score), mean, len(score.notes)) for each in (performer, alone))
    columns = playback_columns(score)
    reading = performer._trees.read(columns, note_features(columns))
    added = 0.5 * (reading.read(slice(None)) - (own - sampler_of(alone, score).average) / 1.5)  # without the gain
    np.testing.assert_allclose(((apart - own) / 1.5)[:, :4], added[:, :4], atol=1e-4)


def test_the_timing_of_keys_that_voices_meet_on_does_not_count_for_how_wide_it_is(tmp_path):
    score = melody(bars=2).score
    score.notes["onset_quarter"][1], score.notes["pitch"][1] = score.notes["onset_quarter"][0], score.notes["pitch"][0]
    passage = sampler_of(load_performer(write_models(tmp_path), None), score)._passage
    assert np.flatnonzero(passage.doubled).tolist() == [0, 1]


def test_a_piece_gets_as_much_expression_as_suits_it(tmp_path):
    """Velocities deviate by what is said, times the gain; samples are further apart by what is said."""
    score = melody(bars=60).score
    said = (0.1, 1.0), (0.2, 2.0)
    folders = [write_models(tmp_path / str(apart), deviation=deviation, apart=apart) for deviation, apart in said]
    performers = [load_performer(folder, None) for folder in folders]
    means = [perform(sampler_of(each, score), Settings(temperature=0), len(score.notes)) for each in performers]
    samples = [perform(sampler_of(each, score), Settings(), len(score.notes)) for each in performers]
    deviation = sampler_of(performers[0], score).deviation[VELOCITY]
    assert 0.2 / 3 < deviation < 0.3  # within what a gain may do
    assert [mean[:, VELOCITY].std() for mean in means] == pytest.approx([0.15, 0.3], rel=0.1)
    others = np.arange(8) != VELOCITY
    np.testing.assert_allclose(means[1][:, others], means[0][:, others], atol=1e-5)
    small, large = (np.std((sample - mean)[:, VELOCITY]) for sample, mean in zip(samples, means, strict=True))
    assert large > 1.5 * small


def test_no_key_is_held_for_less_than_a_finger_takes(performer):
    score = melody().score
    score.notes["duration_quarter"] = 0.001
    sampler, columns = sampler_of(performer, score), playback_columns(score)
    for settings in (Settings(temperature=0), Settings()):
        normalised = perform(sampler, settings, len(score.notes))
        held = denormalise(normalised, columns)[:, ARTICULATION] + notated_octaves(columns)
        period = denormalise(normalised, columns)[:, BEAT_PERIOD] - np.log2(60 / 100)
        assert (np.exp2(held + period) >= 0.99 * SHORTEST_HELD_S).all()


def test_samples_hold_keys_as_humans_do_and_the_mean_as_it_does(performer):
    score = melody().score
    shape = len(WRITTEN_OCTAVES), len(LEVELS)
    shorter = replace(performer.scales, touch=Touch(np.zeros(shape) + np.linspace(-9, 9, len(LEVELS)), np.full(shape, -2.0)))

    def articulation(scales, **settings):
        columns = playback_columns(score)
        sampler = performer.sampler(score.notes, columns, 0, scales=scales)
        return denormalise(perform(sampler, Settings(**settings), len(score.notes)), columns)[:, ARTICULATION]

    plain, all_alike = (articulation(scales, temperature=1) for scales in (performer.scales, shorter))
    np.testing.assert_allclose(all_alike, (plain - 2) / 2, atol=1e-4)
    half = articulation(shorter, temperature=0.5)
    np.testing.assert_allclose(half, 0.75 * articulation(performer.scales, temperature=0.5) - 0.5, atol=1e-4)
    np.testing.assert_array_equal(articulation(shorter, temperature=0), articulation(performer.scales, temperature=0))


def test_amounts_of_other_features_are_refused_in_one_line(tmp_path, monkeypatch):
    folder = write_models(tmp_path / "models")
    monkeypatch.setattr("engine.performers.dexter.expression_profile.PIECE_FEATURES", (*PIECE_FEATURES[1:], "pitch"))
    with pytest.raises(PerfLiveError, match="dexter_amounts.onnx: contract constant 'features'.*use a model exported for this version"):
        load_performer(folder, None)


def test_what_is_sent_is_what_the_columns_say(performer):
    piece = melody()
    stream = performer.perform(piece, 3, {"temperature": 1}, ahead=False)
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
    events = play(performer.perform(marked, 0, {"expression": 0}, ahead=False))
    assert [note[2] for note in notes_of(events)] == markings["velocity"].tolist()


def test_each_expression_moves_its_own(performer):
    def figures(**controls):
        events = play(performer.perform(melody(), 0, {"temperature": 0} | controls, ahead=False))
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
    stream = performer.perform(melody(), 0, {"temperature": 0}, ahead=False)
    changed = play(stream, [(20, lambda _: stream.set_control("melodiousness", 3.0))])
    plain = play(performer.perform(melody(), 0, {"temperature": 0}, ahead=False))
    louder = np.array([a[2] - b[2] for a, b in zip(notes_of(changed), notes_of(plain), strict=True)])
    first = int(np.flatnonzero(louder)[0])
    before = sum(note[0] < 20 for note in notes_of(plain))
    assert before < first <= before + 64 and louder[-20:].mean() > 5


class Late(Supply):
    """Windows that never are ready after the first."""

    def take(self):
        return super().take() if self.counts.windows == 0 else None


def test_without_windows_the_last_expression_goes_on_in_time(performer):
    stream = performer.perform(melody(), 0, {}, ahead=False)
    stream.interpretation.supply.__class__ = Late
    events = play(stream)
    onsets, _, velocities = np.array(notes_of(events)).T
    assert len(onsets) == 5 * BARS and stream.interpretation.supply.counts.carried > 5
    assert np.diff(np.sort(onsets)).max() < 1.5
    assert velocities[-50:].std() < 1
    assert_all_released(events)


class AtSecondAsking(Supply):
    """Windows that are not ready when they are first asked for after a beginning."""

    def begin(self, route, settings):
        self.asked = 0
        super().begin(route, settings)

    def take(self):
        self.asked += 1
        return super().take() if self.asked > 1 else None


def test_what_had_to_be_waited_for_begins_a_little_later(performer):
    """So that its first notes are not late when they have been decoded."""
    stream = performer.perform(melody(bars=8), 0, {}, ahead=False)
    at_once = notes_of(play(stream))
    stream.interpretation.supply.__class__ = AtSecondAsking
    stream.reset()
    waited = notes_of(play(stream, [(9, lambda now_ns: stream.seek(7, now_ns))]))
    head_start_s = (POLL_NS + HEAD_START_NS) / 1e9
    expected = [(note[0] + head_start_s, *note[1:]) for note in at_once if note[0] + head_start_s < 9]
    np.testing.assert_allclose(waited[: len(expected)], expected, atol=2e-9)
    assert 0 <= waited[len(expected)][0] - (9 + head_start_s) < 0.3  # a chord's first note is not the one on its beat


WRITTEN = np.zeros((200, 8), np.float32)
PLAIN, WILD, CALM = (Settings(evaluations=2, temperature=temperature) for temperature in (0.5, 1.5, 0))


def take_ready(supply):
    while (window := supply.take()) is None:
        time.sleep(0.001)
    return window


def one_by_one(sampler, steps):
    """Return windows, each computed when its time has come; ``steps`` are the notes to begin at, or None to go on, and settings."""
    state, windows = None, []
    for first, settings in steps:
        window, state = sampler.next(state if first is None else sampler.begin(first), settings)
        windows.append(window)
    return windows


def assert_same_windows(some, others):
    assert [window.first_note for window in some] == [window.first_note for window in others]
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.columns, other.columns)


@pytest.mark.parametrize("waits", [False, True])
def test_windows_computed_ahead_are_the_same(performer, waits):
    sampler = sampler_of(performer, melody().score)
    supply = Supply(sampler, WRITTEN, waits)
    supply.begin(Route(10, 200), PLAIN)
    ahead = [take_ready(supply) for _ in range(5)]
    supply.close()
    assert_same_windows(ahead, one_by_one(sampler, [(10, PLAIN), *[(None, PLAIN)] * 4]))
    assert supply.counts.windows == 5 and supply.counts.evaluations == sum(window.evaluations for window in ahead) > 0


def test_what_is_waited_for_is_as_if_computed_when_taken(performer):
    """Whatever changes on the way, and however much was computed before that."""
    sampler, computed = sampler_of(performer, melody().score), threading.Semaphore(0)
    supply = Supply(sampler, WRITTEN, waits=True)
    supply.on_window = lambda window: computed.release()
    supply.begin(Route(0, 96, again=32), PLAIN)
    taken = [supply.take() for _ in range(2)]
    for _ in range(4):  # so that there is something to drop
        assert computed.acquire(timeout=10)
    supply.change(WILD, keep=True)
    taken += [supply.take() for _ in range(2)]
    snapshot = supply.snapshot()
    supply.change(CALM, keep=False)
    taken.append(supply.take())
    supply.leave_loop(200)
    taken.append(supply.take())
    supply.restore(snapshot)
    taken += [supply.take() for _ in range(3)]
    supply.begin(Route(100, 200), PLAIN)
    taken.append(supply.take())
    supply.close()
    looped = [(0, PLAIN), (None, PLAIN), (None, WILD), (32, WILD)]
    expected = one_by_one(sampler, [*looped, (None, CALM), (None, CALM)])
    expected += one_by_one(sampler, [*looped, (None, WILD), (32, WILD), (None, WILD)])[4:]
    assert_same_windows(taken, [*expected, *one_by_one(sampler, [(100, PLAIN)])])
    assert supply.counts.windows == 10 and supply.counts.reduced == 0


def test_the_next_window_is_kept_if_it_is_there_and_asked_for_in_time(performer):
    sampler, computed = sampler_of(performer, melody().score), threading.Semaphore(0)
    supply = Supply(sampler, WRITTEN, waits=False)
    supply.on_window = lambda window: computed.release()
    supply.begin(Route(0, 200), PLAIN)
    for _ in range(2):
        assert computed.acquire(timeout=10)
    supply.change(WILD, keep=True)
    taken = [take_ready(supply) for _ in range(2)]
    supply.close()
    assert_same_windows(taken, one_by_one(sampler, [(0, PLAIN), (None, WILD)]))


@pytest.mark.parametrize("waits", [False, True])
def test_a_worker_that_fails_says_so(waits):
    def fail(*_):
        raise PerfLiveError("the network is gone")

    empty = np.zeros((0, 8), np.float32)
    broken = SimpleNamespace(begin=lambda first=0: SimpleNamespace(next_note=first, columns=empty), next=fail)
    supply = Supply(broken, empty, waits)
    supply.begin(Route(0, 5), Settings())
    for _ in range(2):
        with pytest.raises(PerfLiveError, match="the network is gone"):
            take_ready(supply)
    supply.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_the_worker_gives_way_to_what_is_sent(performer):
    sampler, asked = sampler_of(performer, melody().score), []

    def note_priority(*arguments):
        asked.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return sampler.next(*arguments)

    supply = Supply(SimpleNamespace(begin=sampler.begin, next=note_priority), WRITTEN, waits=True)
    supply.begin(Route(0, len(WRITTEN)), PLAIN)
    supply.take()
    supply.close()
    assert asked[0] > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_worker_that_nobody_holds_ends(performer):
    stream = performer.perform(melody(), 0, {}, ahead=False)
    play(stream)
    (worker,) = stream.interpretation.supply._executor._threads
    assert worker.is_alive()
    del stream
    gc.collect()
    worker.join(10)
    assert not worker.is_alive()


def test_a_model_of_other_features_is_refused(tmp_path):
    folder = write_models(tmp_path / "models", features=["loudness"])
    with pytest.raises(PerfLiveError, match="dexter_mean.onnx: contract constant 'features': found 'loudness', which is none of the"):
        load_performer(folder, None)


def test_a_model_reads_the_features_that_it_knows(tmp_path):
    """One that was exported before there were more, or with them in another order."""
    names = [*FEATURES[:40], *FEATURES[:50:-1]]
    model = Model(write_models(tmp_path / "models", features=names) / "dexter_mean.onnx", FILES["dexter_mean.onnx"], REPRESENTATION_VERSION)
    assert [FEATURES[column] for column in columns_read(model)] == names
    features = np.random.default_rng(0).normal(size=(5, len(FEATURES))).astype(np.float32)
    nothing = np.zeros((5, len(DESCRIPTORS)), np.float32)
    mean, _ = OnnxNetworks(model, model).mean(features, nothing, nothing[:, :1])
    named = np.stack([features[:, FEATURES.index(name)] for name in names], axis=1)
    inputs = {"features": named[None], "descriptors": nothing[None], "descriptors_known": nothing[None, :, :1]}
    np.testing.assert_array_equal(mean, model.run(inputs, {})[0]["mean"][0])


def test_a_window_that_was_under_way_when_the_route_changed_is_dropped(performer):
    sampler, begun, go_on = sampler_of(performer, melody().score), threading.Event(), threading.Event()

    def slow(state, settings):
        begun.set()
        go_on.wait(10)
        return sampler.next(state, settings)

    supply = Supply(SimpleNamespace(begin=sampler.begin, next=slow), WRITTEN, waits=False)
    supply.begin(Route(0, 200), Settings())
    begun.wait(10)
    supply.begin(Route(100, 200), Settings())
    go_on.set()
    window = take_ready(supply)
    supply.close()
    assert window.first_note == 100


def test_an_ornament_is_added_to_what_is_played(performer):
    trill, mordent, short = 7, 18, 29  # alone in their quarters
    ornamented = marked(melody(bars=8), "ornament_kind", [trill, mordent, short], [1, 2, 1])
    ornamented.score.notes["duration_quarter"][short] = 0.1
    plain = melody(bars=8)
    plain.score.notes["duration_quarter"][short] = 0.1
    pitches = plain.score.notes["pitch"]
    without, events = (play(performer.perform(piece, 2, {}, ahead=False)) for piece in (plain, ornamented))
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
    plain = performer.perform(melody(bars=8), 0, even, ahead=False)
    rolled = performer.perform(marked(melody(bars=8), "arpeggio", chord, -1), 0, even, ahead=False)
    for stream in (plain, rolled):
        assert_all_released(play(stream))
    moved_s = (rolled.performed["onset_ns"] - plain.performed["onset_ns"]) / 1e9
    held_s = (plain.performed["end_ns"] - plain.performed["onset_ns"])[chord].mean() / 1e9
    spread_s = ROLL * held_s**ROLL_POWER
    np.testing.assert_allclose(moved_s[chord], [0.2 * spread_s, -0.8 * spread_s], rtol=0.05)
    np.testing.assert_allclose(np.delete(moved_s, chord), 0, atol=1e-6)


def test_a_reference_is_played_as_it_is_at_depth_0_and_left_behind_at_1(performer):
    piece = melody(bars=30)
    human = performer.perform(piece, 9, {"temperature": 1}, ahead=False)
    play(human)
    table = human.performed
    onsets, ends = table["onset_ns"] / 1e9, table["end_ns"] / 1e9
    onsets[40] = np.nan  # not played
    reference = Performed(onsets, ends - onsets, np.where(np.isnan(onsets), 0, table["velocity"]), Pedal(np.array([]), np.array([])))
    results = {}
    for depth in (0, 0.01, 0.5, 1):
        stream = performer.perform(piece, 3, {"depth": depth}, ahead=False, reference=reference)
        assert_all_released(play(stream))
        results[depth] = stream.performed
    known = np.isfinite(onsets)
    for field in ("onset_ns", "end_ns"):
        difference_s = (results[0][field] - table[field])[known] / 1e9
        np.testing.assert_allclose(difference_s, difference_s[0], atol=0.002)
    np.testing.assert_array_equal(results[0]["velocity"][known], table["velocity"][known])
    plain = performer.perform(piece, 3, {}, ahead=False)
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
        stream = performer.perform(piece, 0, steady | controls, ahead=False, descriptors=descriptors)
        play(stream)
        return stream.performed["velocity"].astype(int)

    plain, raised = velocities({}), velocities({"melodiousness": 1})
    varied = velocities({}, described)
    np.testing.assert_array_equal(varied[:75], plain[:75])
    assert (varied[75:] > raised[75:]).mean() > 0.9
    np.testing.assert_array_equal(velocities({"melodiousness": 1}, np.zeros_like(described)), raised)
