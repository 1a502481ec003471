"""MIDI clock as it arrives through an audio server: in bunches, with jitter, late, with gaps, and at another tempo."""

import math

import numpy as np
import pytest

from engine.bench.clock.tempos import CHANGE_BEAT, TWO_BARS, listen
from engine.midi.clock.lateness import LEAST, SINCE, Lateness, by_spans
from engine.midi.clock.messages import CONTINUE, START, STOP, MidiClock
from engine.midi.events import Event

CLOCK = b"\xf8"
BAR = 4 * 24  # clocks


def sent_ms(tempos, begin_ms=1000.0):
    """Return when clocks are sent whose distances to the next are those of these quarters a minute."""
    return begin_ms + np.concatenate(([0.0], np.cumsum(60_000 / np.asarray(tempos, float) / 24)[:-1]))


def arrival_ms(sent, frames, jitter_ms=0.0, seed=0):
    """Return when they arrive: up to ``jitter_ms`` later or sooner, in order, and all of a period of a 48 kHz server at its end."""
    random, period = np.random.default_rng(seed), frames / 48
    handed = np.maximum.accumulate(sent + random.uniform(-jitter_ms, jitter_ms, len(sent)))
    begin = random.uniform(0, period)
    return np.ceil((handed - begin) / period) * period + begin


def tempos_heard(arrivals, clock=None):
    """Return the tempo after each clock, in quarters a minute; NaN while it is unknown."""
    clock, heard = clock or MidiClock(), []
    for time_ms in arrivals:
        clock.follow(Event(round(time_ms * 1e6), CLOCK))
        beat_ns = clock.read(round(time_ms * 1e6)).beat_ns
        heard.append(60e9 / beat_ns if beat_ns else math.nan)
    return np.array(heard)


@pytest.mark.parametrize("jitter_ms", [0, 12])
@pytest.mark.parametrize("frames", [64, 512, 1024, 2048])
@pytest.mark.parametrize("tempo", [70, 115, 116, 117, 119, 125, 140, 174])
def test_a_steady_tempo_is_within_3_percent_as_soon_as_it_is_known_and_within_1_after_two_bars(tempo, frames, jitter_ms):
    """Some of the tempos nearly keep step with a server's periods, so that all arrivals of a while are as far apart as these."""
    heard = tempos_heard(arrival_ms(sent_ms(np.full(5 * BAR, tempo)), frames, jitter_ms, seed=tempo))
    known = ~np.isnan(heard)
    assert known[BAR:].all()
    assert np.abs(heard[known] / tempo - 1).max() < 0.03
    assert np.abs(heard[2 * BAR :] / tempo - 1).max() < 0.01


@pytest.mark.parametrize(
    ("happens", "tempo", "frames", "jitter_ms"),
    [
        ("steady", 107, 1024, 0),  # all arrivals jump by a period of the server at once, and turn a short line by all that
        ("steady", 173, 256, 12),  # more arrivals than usual are further off than two bars have shown
    ],
)
def test_neither_a_slip_nor_the_rarest_jitter_is_a_change_of_tempo(happens, tempo, frames, jitter_ms):
    heard = listen(happens, tempo, frames, jitter_ms, rate=44_100)
    assert np.nanmax(np.abs(heard.tempos / tempo - 1)[TWO_BARS * 24 :]) < 0.01


@pytest.mark.parametrize(
    ("happens", "tempo", "frames", "number", "rate"),
    [("steady", 152, 256, 4, 48_000), ("steady", 98, 1024, 3, 48_000), ("late", 163, 256, 0, 44_100)],
)
def test_a_tempo_is_told_only_when_it_is_known_within_3_percent(happens, tempo, frames, number, rate):
    heard = listen(happens, tempo, frames, 12, number, rate)
    assert np.nanmax(np.abs(heard.tempos / tempo - 1)) < 0.03
    assert not np.isnan(heard.tempos[TWO_BARS * 24])


def test_what_jitter_makes_look_like_a_small_change_is_left_to_a_line():
    heard = listen("steady", 152, 64, 12, number=2)
    assert np.nanmax(np.abs(heard.tempos / 152 - 1)[TWO_BARS * 24 :]) < 0.005


def test_two_clocks_that_are_held_up_soon_after_each_other_are_no_change_of_tempo():
    heard = listen("late", 103, 512, 12)
    assert np.nanmax(np.abs(heard.tempos / 103 - 1)[TWO_BARS * 24 :]) < 0.01


@pytest.mark.parametrize(("tempo", "frames", "number"), [(158, 512, 1), (174, 2048, 2), (140, 2048, 0)])
def test_through_jitter_and_a_period_one_beat_tells_a_new_tempo_within_a_twentieth(tempo, frames, number):
    heard = listen("slower", tempo, frames, 12, number)
    assert np.abs(heard.tempos / tempo - 1)[(CHANGE_BEAT + 1) * 24 :].max() < 0.05


def test_what_a_period_and_jitter_make_late_tells_a_slope_better_than_squares_do():
    """The slope that 24 of 72 arrivals have, in 200 draws, beside the least squares of a line that begins at zero."""
    random, since, slope = np.random.default_rng(0), 24, 2.0
    rises = np.maximum(since - np.arange(72.0), 0.0)
    lateness = Lateness((4.0**2 + 24.0**2) / 12 * 1e12, -13e6, 13e6, 4e6)
    errors = []
    for _ in range(200):
        off = slope * rises + random.uniform(-2, 2, 72) + random.uniform(-12, 12, 72)
        evidence = by_spans(off * 1e6, lateness, lateness.spans)
        errors.append((evidence.slopes[since - LEAST] / 1e6 - slope, off @ rises / (rises @ rises) - slope))
        assert evidence.breaks.max() > max(evidence.goes_on, evidence.jump)
        assert abs(SINCE[evidence.breaks.argmax()] - since) < 16
    ours, squares = np.sqrt(np.mean(np.square(errors), axis=0))
    assert ours < 0.85 * squares


@pytest.mark.parametrize(("before", "after"), [(120, 140), (140, 117), (70, 174), (174, 70)])
def test_a_new_tempo_is_followed_within_a_beat(before, after):
    heard = tempos_heard(arrival_ms(sent_ms([before] * 200 + [after] * 200), 256))
    assert np.abs(heard[150:200] / before - 1).max() < 0.01
    assert np.abs(heard[200 + 24 :] / after - 1).max() < 0.03
    assert np.abs(heard[200 + 48 :] / after - 1).max() < 0.01


@pytest.mark.parametrize("frames", [1024, 2048])
@pytest.mark.parametrize(("before", "after"), [(103, 120), (149, 174), (163, 140)])
def test_through_long_periods_a_new_tempo_is_followed_too(before, after, frames):
    heard = tempos_heard(arrival_ms(sent_ms([before] * 300 + [after] * 300), frames))
    assert np.abs(heard[200:300] / before - 1).max() < 0.01
    assert np.abs(heard[300 + 4 * 24 :] / after - 1).max() < 0.02


@pytest.mark.parametrize(("frames", "jitter_ms"), [(64, 12), (512, 0), (512, 12), (1024, 12), (2048, 0), (2048, 12)])
@pytest.mark.parametrize(("before", "after"), [(103, 120), (140, 120), (87, 101.5), (101.5, 87)])
def test_a_change_by_a_sixth_is_followed_within_a_beat_or_so_through_long_periods_and_jitter(before, after, frames, jitter_ms):
    """A line through the clocks after the change alone needs two to four beats."""
    heard = tempos_heard(arrival_ms(sent_ms([before] * 300 + [after] * 300), frames, jitter_ms, seed=round(after)))
    assert np.abs(heard[200:300] / before - 1).max() < 0.01
    assert np.abs(heard[300 + 28 : 300 + 200] / after - 1).max() < 0.03
    assert np.abs(heard[300 + 2 * BAR :] / after - 1).max() < 0.01


@pytest.mark.parametrize("frames", [1024, 2048])
@pytest.mark.parametrize(("before", "after"), [(163, 140), (120, 140), (103, 120), (81.7, 70), (116.7, 100)])
def test_after_a_change_by_a_sixth_one_beat_tells_the_new_tempo_within_a_twentieth(before, after, frames):
    for seed in range(4):
        heard = tempos_heard(arrival_ms(sent_ms([before] * 300 + [after] * 300), frames, seed=seed))
        assert np.abs(heard[300 + 24 :] / after - 1).max() < 0.05


@pytest.mark.parametrize("frames", [64, 1024, 2048])
@pytest.mark.parametrize("jitter_ms", [0, 6])
@pytest.mark.parametrize("lost", [1, 4, 8])
def test_a_gap_is_no_change_of_tempo(lost, jitter_ms, frames):
    """A jump looks like the beginning of a slower tempo at first."""
    sent = sent_ms(np.full(5 * BAR, 130))
    sent[300:] += lost * 60_000 / 24 / 130
    heard = tempos_heard(arrival_ms(sent, frames, jitter_ms))
    assert np.abs(heard[250:] / 130 - 1).max() < 0.03


def test_a_small_change_is_followed_too():
    heard = tempos_heard(arrival_ms(sent_ms([120] * 200 + [122] * 400), 64))
    assert heard[190] == pytest.approx(120, rel=0.003)
    assert heard[-1] == pytest.approx(122, rel=0.003)


def test_a_tempo_that_rises_is_followed():
    tempos = np.linspace(100, 140, 16 * 24)
    heard = tempos_heard(arrival_ms(sent_ms(tempos), 64))
    assert np.abs(heard[48:] / tempos[48:] - 1).max() < 0.02


def test_a_tempo_that_falls_after_a_steady_one_is_followed():
    """It begins as a change to another tempo does, and goes on."""
    tempos = np.concatenate((np.full(16 * 24, 120.0), np.linspace(120, 90, 8 * 24), np.full(8 * 24, 90.0)))
    for seed in range(3):
        heard = tempos_heard(arrival_ms(sent_ms(tempos), 64, seed=seed))
        assert np.abs(heard[48:] / tempos[48:] - 1).max() < 0.03


@pytest.mark.parametrize("frames", [64, 1024])
def test_a_clock_that_is_held_up_for_80_ms_moves_neither_tempo_nor_place(frames):
    """The clocks behind it are held up too, and arrive with it."""
    sent = sent_ms(np.full(4 * BAR, 140))
    late = sent.copy()
    late[240] += 80
    clock = MidiClock()
    clock.follow(Event(round(sent[0] * 1e6) - 1, bytes((START,))))
    arrivals = arrival_ms(np.maximum.accumulate(late), frames)
    heard = tempos_heard(arrivals, clock)
    assert np.abs(heard[190:] / 140 - 1).max() < 0.01
    at_ms = sent[-1] + frames / 48 / 2
    place = clock.read(round(max(at_ms, arrivals[-1]) * 1e6)).song_quarter
    expected = (len(sent) - 1 + (max(at_ms, arrivals[-1]) - at_ms) / (60_000 / 140 / 24)) / 24
    assert place == pytest.approx(expected, abs=frames / 48 / 2 / (60_000 / 140))


def test_after_a_gap_the_place_is_the_counted_one_and_the_tempo_the_same():
    sent = sent_ms(np.full(3 * BAR, 120))
    sent[200:] += 300
    clock = MidiClock()
    clock.follow(Event(0, bytes((START,))))
    sent -= 999
    heard = tempos_heard(arrival_ms(sent, 64), clock)
    assert np.abs(heard[192:] / 120 - 1).max() < 0.01
    assert clock.read(round((sent[-1] + 2) * 1e6)).song_quarter == pytest.approx((len(sent) - 1) / 24, abs=0.01)


def test_the_place_is_that_of_the_clocks_that_are_counted_after_stop_and_continue():
    clock = MidiClock()
    clock.follow(Event(999_000_000, bytes((START,))))
    tempos_heard(arrival_ms(sent_ms(np.full(97, 120)), 64), clock)  # the last begins the second bar
    clock.follow(Event(3_010_000_000, bytes((STOP,))))
    tempos_heard(arrival_ms(sent_ms(np.full(10, 120), 3_031), 64), clock)  # some go on
    clock.follow(Event(3_500_000_000, bytes((0xF2, 32, 0))))  # the third bar: 32 sixteenths
    clock.follow(Event(3_600_000_000, bytes((CONTINUE,))))
    tempos_heard(arrival_ms(sent_ms(np.full(13, 120), 3_613), 64), clock)
    heard = clock.read(round((3_613 + 12 * 500 / 24 + 2) * 1e6))
    assert heard.song_quarter == pytest.approx(8.5, abs=0.01)
    assert heard.beat_ns == pytest.approx(0.5e9, rel=0.01)


def test_a_flood_of_clocks_is_no_tempo_and_no_failure():
    clock = MidiClock()
    heard = tempos_heard(np.repeat(1000.0, 500), clock)
    assert np.isnan(heard).all() or np.nanmax(heard) <= 1000
    assert math.isnan(clock.read(1_000_000_000).song_quarter)
    later = tempos_heard(sent_ms(np.full(200, 90), 2000), clock)
    assert later[-1] == pytest.approx(90, rel=0.005)


@pytest.mark.parametrize("tempo", [117, 120, 123.5])
def test_where_a_period_of_the_server_is_nearly_the_clock_s_the_tempo_is_not_the_server_s(tempo):
    """1,024 frames are 21.33 ms, a clock 20.83 ms at 120: arrivals keep to the server's period, and every 42 clocks two come at once."""
    heard = tempos_heard(arrival_ms(sent_ms(np.full(8 * BAR, tempo)), 1024))
    assert np.nanmax(np.abs(heard / tempo - 1)) < 0.03
    assert np.mean(np.abs(heard[2 * BAR :] / tempo - 1) > 0.01) < 0.02


def test_after_a_long_silence_the_tempo_is_unknown_and_a_place_is_never_before_where_the_song_begins():
    clock = MidiClock()
    tempos_heard(sent_ms(np.full(100, 120)), clock)
    clock.follow(Event(9_000_000_000, bytes((START,))))
    heard = tempos_heard(9_010 + sent_ms(np.full(6, 90), 0) + np.array([0, 0, 0, 0, 0, 60]), clock)
    assert np.isnan(heard).all()
    clock = MidiClock()
    tempos_heard(sent_ms(np.full(100, 120)), clock)
    clock.follow(Event(3_070_000_000, bytes((START,))))
    tempos_heard(np.array([3_080.0, 3_120.0]), clock)  # the second is 19 ms late
    places = [clock.read(3_120_000_000 + later).song_quarter for later in (0, 1_000_000)]
    assert 0 <= places[0] < places[1] < 0.1
    clock.follow(Event(3_130_000_000, bytes((START,))))
    tempos_heard(np.array([3_140.0] * 5), clock)
    assert clock.read(3_140_000_000).song_quarter >= 0
