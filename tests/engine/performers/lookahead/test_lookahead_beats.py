"""Positions of live notes: from MIDI clock through jitter, jumps and silence, and estimated without it."""

import math

import numpy as np
import pytest

from engine.midi.clock.messages import ClockReading, MidiClock
from engine.midi.events import Event
from engine.performers.lookahead.beats import DEFAULT_BEAT_NS, Place, estimate_beat_ns, place_notes

BEAT_NS = 500_000_000
TICK_NS = BEAT_NS / 24
START, CONTINUE, STOP, CLOCK = (bytes((status,)) for status in (0xFA, 0xFB, 0xFC, 0xF8))


def song_position(sixteenths):
    return bytes((0xF2, sixteenths & 0x7F, sixteenths >> 7))


def tick(clock, count, start_ns=0.0, tick_ns=TICK_NS, jitter_ns=0.0, seed=0):
    """Send ``count`` clocks, the first at ``start_ns``; return when the next would come."""
    random = np.random.default_rng(seed)
    for index in range(count):
        clock.follow(Event(round(start_ns + index * tick_ns + random.normal(0, jitter_ns)), CLOCK))
    return start_ns + count * tick_ns


def unclocked(*times_s):
    return [ClockReading(round(time_s * 1e9), 0.0, math.nan, 0) for time_s in times_s]


def test_positions_count_from_the_start_and_jitter_is_filtered():
    clock = MidiClock()
    clock.follow(Event(-5, START))
    end_ns = tick(clock, 24 * 8, jitter_ns=2e6)
    for later_ns in (0, 10_000_000, 90_000_000):
        heard = clock.read(round(end_ns) + later_ns)
        assert heard.song_quarter == pytest.approx(8 + later_ns / BEAT_NS, abs=0.005)
        assert heard.beat_ns == pytest.approx(BEAT_NS, rel=0.02)


def test_the_first_notes_stand_on_the_song_s_beginning_before_any_clock():
    clock = MidiClock()
    clock.follow(Event(0, START))
    assert clock.read(1_000_000).song_quarter == 0
    clock.follow(Event(2_000_000, CLOCK))
    assert clock.read(2_000_000).song_quarter == 0
    assert clock.read(3_000_000_000).song_quarter != 0  # a start that no clock follows says nothing for long


def test_a_changed_tempo_is_followed():
    clock = MidiClock()
    clock.follow(Event(0, START))
    middle_ns = tick(clock, 96)
    end_ns = tick(clock, 96, middle_ns, tick_ns=TICK_NS * 0.6)
    heard = clock.read(round(end_ns))
    assert heard.song_quarter == pytest.approx(8, abs=0.01)
    assert heard.beat_ns == pytest.approx(BEAT_NS * 0.6, rel=0.02)


def test_song_position_continue_and_stop():
    clock = MidiClock()
    end_ns = tick(clock, 30)  # a clock that runs before anything is played tells the tempo alone
    assert math.isnan(clock.read(round(end_ns)).song_quarter) and clock.read(round(end_ns)).beat_ns == pytest.approx(BEAT_NS)
    clock.follow(Event(round(end_ns), song_position(300)))
    clock.follow(Event(round(end_ns), CONTINUE))
    end_ns = tick(clock, 24, end_ns)
    assert clock.read(round(end_ns)).song_quarter == pytest.approx(76, abs=0.01)
    segment = clock.read(round(end_ns)).segment
    clock.follow(Event(round(end_ns), STOP))
    end_ns = tick(clock, 24, end_ns)
    stopped = clock.read(round(end_ns))
    assert math.isnan(stopped.song_quarter) and stopped.beat_ns == pytest.approx(BEAT_NS) and stopped.segment > segment
    clock.follow(Event(round(end_ns), CONTINUE))
    end_ns = tick(clock, 24, end_ns)
    assert clock.read(round(end_ns)).song_quarter == pytest.approx(77, abs=0.01)


def test_a_clock_that_has_ended_tells_nothing():
    clock = MidiClock()
    clock.follow(Event(0, START))
    end_ns = round(tick(clock, 48))
    assert clock.read(end_ns + 400_000_000).song_quarter == pytest.approx(2.8, abs=0.01)
    later = clock.read(end_ns + 2_000_000_000)
    assert later.beat_ns == 0 and math.isnan(later.song_quarter)


def test_places_never_go_back_and_keep_their_place_in_the_bar():
    heard = [ClockReading(0, BEAT_NS, 0.0, 1), ClockReading(BEAT_NS, BEAT_NS, 1.0, 1), ClockReading(2 * BEAT_NS, BEAT_NS, 30.5, 2)]
    heard += [ClockReading(3 * BEAT_NS, BEAT_NS, 31.5, 2), ClockReading(4 * BEAT_NS, BEAT_NS, 1.0, 3)]
    heard += [ClockReading(5 * BEAT_NS, 0.0, math.nan, 4)]
    places = place_notes(None, heard, BEAT_NS)
    assert [place.quarter for place in places] == [0, 1, 2.5, 3.5, 5, 6]
    assert [place.quarter % 4 for place in places[:5]] == [moment.song_quarter % 4 for moment in heard[:5]]


def test_notes_of_a_chord_stand_together_and_a_clock_s_jitter_is_rounded_off():
    heard = [ClockReading(0, BEAT_NS, 0.004, 1), ClockReading(15_000_000, BEAT_NS, 0.034, 1), ClockReading(124_000_000, BEAT_NS, 0.248, 1)]
    assert [place.quarter for place in place_notes(None, heard, BEAT_NS)] == [0, 0, 0.25]
    assert [place.quarter for place in place_notes(None, unclocked(0, 0.015, 0.26), BEAT_NS)] == [0, 0, 0.5]


def test_places_are_continued_from_the_note_before():
    before = Place(0, 17.0, BEAT_NS, 0, 0.0)
    assert place_notes(before, unclocked(1.0), BEAT_NS)[0].quarter == 19
    assert place_notes(before, unclocked(0.01), BEAT_NS) == [before]


@pytest.mark.parametrize("pattern", [[1], [0.5], [0.25], [1, 0.5, 0.5, 0.75, 0.25, 1], [1.5, 0.5]])
@pytest.mark.parametrize("tempo", [60, 72, 90, 120, 140, 180])
def test_the_estimated_beat_fits_the_grid(pattern, tempo):
    steps = np.cumsum([0, *(pattern * 30)][:30])
    times_s = steps * 60 / tempo + np.random.default_rng(tempo).normal(0, 0.001, 30)
    beat_ns = estimate_beat_ns(np.round(times_s * 1e9).astype(int).tolist(), 0.0)
    octaves = math.log2(beat_ns / (60e9 / tempo))
    assert octaves == pytest.approx(round(octaves), abs=0.01) and abs(octaves) < 1.1
    places = place_notes(None, unclocked(*times_s), beat_ns)
    positions = [place.quarter * 2 ** round(octaves) for place in places]
    assert positions == pytest.approx(steps.tolist())
    assert estimate_beat_ns(np.round(times_s * 1e9).astype(int).tolist(), beat_ns) == beat_ns


def test_a_beat_once_found_is_kept_where_another_fits_as_well():
    times_ns = [round(index * 0.5e9) for index in range(20)]
    assert estimate_beat_ns(times_ns, 1e9) == pytest.approx(1e9, rel=0.01)
    assert estimate_beat_ns(times_ns, 0.0) == pytest.approx(0.5e9, rel=0.01)
    assert estimate_beat_ns(times_ns[:1], 0.0) == DEFAULT_BEAT_NS and estimate_beat_ns([], 7e8) == 7e8


def test_another_tempo_is_found():
    times_ns = [round(index * 0.41e9) for index in range(32)]
    assert estimate_beat_ns(times_ns, 0.5e9) == pytest.approx(0.41e9, rel=0.01)
