"""A score that is conducted by taps, on a virtual clock: beats where they are tapped, and music whatever the hand does."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic_score_performer
from score_playing import START_NS, melody, notes_of, play

from engine.base.clock import VirtualClock
from engine.base.errors import UsageError
from engine.bench.clock.conducting import TappedSource, conduct
from engine.midi.events import Event, control_change, note_off, note_on
from engine.output.endpoints import Endpoints
from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.runtime.sinks import CollectingSink
from engine.runtime.steering.conductor import ConductedSource
from engine.runtime.steering.pads import Pad, parse_pad
from engine.runtime.steering.requests import NOBODY
from engine.runtime.steering.tapping import Tapping
from engine.session import Session
from engine.systems import find_system

BEAT_S = 0.5
BARS = 12


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer("score-performer", synthetic_score_performer.write_models(tmp_path_factory.mktemp("models")))


@pytest.fixture
def piece():
    return melody(BARS)


def setup_of(performer):
    return Setup(performer, request=find_system("score-performer").request())


def taps(count, beat_s=BEAT_S, begin_s=1.0):
    return begin_s + beat_s * np.arange(count)


def test_beats_are_performed_where_they_are_tapped(performer, piece):
    tempo = np.append(np.ones(16), np.linspace(1, 1.6, 34))
    tapped = 1 + np.append(0, np.cumsum(BEAT_S / tempo)) + np.random.default_rng(1).normal(0, 0.015, 51)
    late = conduct(setup_of(performer), piece, tapped)[:48] - tapped[2:50]
    assert abs(late[2:].mean()) < 0.03 and late[2:].std() < 0.06


def test_taps_that_are_left_out_change_little_and_after_the_last_the_tempo_stays(performer, piece):
    given = np.delete(taps(26), [9, 10, 17])
    performed = conduct(setup_of(performer), piece, given)
    assert np.abs(performed[4:24] - taps(26)[6:]).max() < 0.12
    assert np.diff(performed[26:44]).mean() == pytest.approx(BEAT_S, rel=0.1)
    assert len(performed) == 4 * BARS + 1


def test_two_taps_are_enough_to_begin(performer, piece):
    performed = conduct(setup_of(performer), piece, taps(2, 0.4))
    assert performed[0] == pytest.approx(1.8, abs=0.05)
    assert np.diff(performed[:5]).mean() == pytest.approx(0.4, rel=0.1)


UNEVEN = {
    "the second tap comes early": [0.35],
    "it comes at half of the beat": [0.3],
    "it comes late": [0.9],
    "the first beat is held": [0.6, 1.05],
    "the first beat is hurried": [0.6, 0.36],
    "two early ones": [0.4, 0.4],
    "nothing is even": [0.42, 0.75, 0.5, 0.7],
    "a hurried beat after a held one": [0.61, 1.03, 0.39],
    "a held one between": [1.02, 0.61, 1.06],
    "the last but one is held": [0.6, 0.6, 1.0],
}


@pytest.mark.parametrize("first", UNEVEN.values(), ids=UNEVEN)
def test_after_an_uneven_count_in_each_tap_is_one_beat(performer, piece, first):
    """The beats that follow are .6 s each. The third tap is the first beat of the music, so the tap n + 2 is the beat n."""
    tapped = 1 + np.concatenate([[0], np.cumsum([*first, *[0.6] * (30 - len(first))])])
    performed = conduct(setup_of(performer), piece, tapped)
    assert np.abs(performed[8:28] - tapped[10:30]).max() < 0.1
    assert np.diff(performed[30:44]).mean() == pytest.approx(0.6, rel=0.1)


@pytest.mark.parametrize("silent_beats", [4, 6])
def test_who_counts_in_and_listens_taps_the_beats_that_are_heard(performer, piece, silent_beats):
    tapped = 1 + 0.6 * np.concatenate([[0, 1], 1 + silent_beats + np.arange(24)])
    performed = conduct(setup_of(performer), piece, tapped)
    assert np.abs(performed[silent_beats + 3 : silent_beats + 19] - tapped[6:22]).max() < 0.1


def test_a_place_is_met_at_its_time_and_then_the_tempo_control_counts(performer, piece):
    stream = performer.perform_score(piece, 0, {"expression": 0}, ahead=False)
    play(stream, [(6.2, lambda now_ns: stream.meet(12.0, START_NS + 7_000_000_000, now_ns))])
    passed = {quarter: (time_ns - START_NS) / 1e9 for quarter, time_ns in stream.passed}
    assert passed[10.0] == pytest.approx(6.0) and passed[12.0] == pytest.approx(7.0, abs=1e-6)
    assert passed[16.0] == pytest.approx(7.0 + 4 * 0.6, abs=1e-6)


def test_a_second_tap_on_a_beat_does_nothing(performer, piece):
    plain = taps(20)
    double = np.sort(np.concatenate([plain, plain[3:] + 0.06, plain[5:] + 0.15]))
    np.testing.assert_array_equal(conduct(setup_of(performer), piece, plain), conduct(setup_of(performer), piece, double))


def conducted(performer, piece):
    """Return a stream that has not begun, and what takes taps for it."""
    stream = performer.perform_score(piece, 0, {}, ahead=False)
    clock = VirtualClock(START_NS)
    tapping = Tapping(stream, clock, stream.set_control)

    def tap(velocity=None):
        def act(time_ns):
            clock.sleep_until(time_ns)
            tapping.tap(time_ns, velocity)

        return act

    return stream, tap


def test_a_hard_tap_is_loud_and_a_soft_one_soft(performer, piece):
    loud, soft = [], []
    for velocities, found in (([127] * 20, loud), ([20] * 20, soft)):
        stream, tap = conducted(performer, piece)
        found += notes_of(play(stream, [(time_s, tap(velocity)) for time_s, velocity in zip(taps(20, 0.6), velocities, strict=True)]))
    assert np.mean([note[2] for note in loud[20:]]) > np.mean([note[2] for note in soft[20:]]) + 30


def test_while_it_pauses_two_taps_count_in(performer, piece):
    stream, tap = conducted(performer, piece)
    pause = [(4.0, stream.pause)]
    actions = [*pause, *((time_s, tap()) for time_s in taps(12, begin_s=6.0))]
    play(stream, actions)
    passed = np.array([(quarter, (time_ns - START_NS) / 1e9) for quarter, time_ns in stream.passed])
    after = passed[passed[:, 1] > 4.0]
    assert after[0, 1] == pytest.approx(7.0, abs=0.05)
    assert np.interp(after[0, 0] + 8, *passed.T) - after[0, 1] == pytest.approx(8 * BEAT_S, abs=0.1)


def test_a_seek_and_a_loop_are_conducted_on(performer, piece):
    stream, tap = conducted(performer, piece)
    seek, loop = (1.2, lambda now_ns: stream.seek(5, now_ns)), (6.1, lambda now_ns: stream.loop(2, 2, now_ns))
    play(stream, [seek, loop, (10, lambda _: stream.leave_loop()), *((time_s, tap()) for time_s in taps(60, begin_s=0.4))])
    times = {}
    for (quarter, time_ns), (after, _) in itertools.pairwise(stream.passed):
        if after > quarter and quarter % 1 == 0:
            times.setdefault(quarter, (time_ns - START_NS) / 1e9)
    looped = [time_s for quarter, time_s in times.items() if 28 <= quarter < 40]
    assert stream.ended and np.diff(looped).mean() == pytest.approx(BEAT_S, rel=0.05)
    assert np.abs((np.array(looped[4:]) - 0.4 + BEAT_S / 2) % BEAT_S - BEAT_S / 2).max() < 0.12


def test_the_pad_is_not_heard_and_what_else_is_played_is(performer, piece):
    clock, sink = VirtualClock(), CollectingSink()
    source = TappedSource(setup_of(performer), piece, [round(1e9 * time_s) for time_s in taps(6)], clock)
    source._inbox.put(Event(0, note_on(3, 36, 50)))
    source._inbox.put(Event(0, note_off(3, 36)))
    source._inbox.put(Event(0, control_change(0, 36, 9)))
    Session(setup_of(performer), source, [sink], clock, source.performance).run()
    assert [event.message for event in sink.sent if event.message[1] == 36] == [control_change(0, 36, 9)]


def test_a_controller_taps_when_it_leaves_0(performer, piece):
    clock, stream = VirtualClock(), performer.perform_score(piece, 0, {}, ahead=False)
    source = ConductedSource(stream, clock, pad=parse_pad("cc64"))
    set_to = []
    source.commands(lambda name, value: set_to.append((name, round(value))))
    for time_s, value in ((0, 30), (0.3, 127), (0.6, 80), (0.8, 0), (0.9, 0), (1.2, 127)):
        clock.sleep_until(round(1e9 * time_s))
        source._hear(Event(clock.now_ns(), control_change(5, 64, value)))
    assert set_to == [("dynamics", round((30 - 64) / 63 * 40)), ("dynamics", 40)]
    assert stream.running


def test_tap_is_a_command(performer, piece):
    clock, stream = VirtualClock(), performer.perform_score(piece, 0, {}, ahead=False)
    source = ConductedSource(stream, clock)
    tap = {command.name: command for command in source.commands(stream.set_control)}["tap"]
    assert tap.carry_out([], NOBODY) == "counts in; the next tap says how fast"
    assert "second tap" in tap.carry_out(["90"], NOBODY)
    clock.sleep_until(600_000_000)
    assert tap.carry_out(["90"], NOBODY) == "100 beats a minute, from the next beat on"
    for wrong in ("0", "128", "loud"):
        with pytest.raises(UsageError, match=f"got '{wrong}' for the velocity; allowed: 1 to 127"):
            tap.carry_out([wrong], NOBODY)


@pytest.mark.parametrize(("text", "pad"), [("C2", Pad(False, 36)), ("36", Pad(False, 36)), ("cc64", Pad(True, 64)), ("CC0", Pad(True, 0))])
def test_a_pad_is_a_key_or_a_controller(text, pad):
    assert parse_pad(text) == pad


@pytest.mark.parametrize("text", ["C2-D2", "cc128", "128", "pad", ""])
def test_what_is_no_pad_is_refused(text):
    with pytest.raises(UsageError, match="--conduct"):
        parse_pad(text)


@pytest.mark.parametrize("given", [{"score": None}, {"inputs": ()}])
def test_a_pad_needs_a_score_and_a_port(given):
    ends = Endpoints(("Pads",), ("Module",), None, None, None, None, Path("piece.musicxml"), parse_pad("C2"))
    ends.check()
    with pytest.raises(UsageError, match="--conduct is for a score that is conducted from a port"):
        replace(ends, **given).check()
