"""A performed score as a file: on its bars with a tempo map, or free; with everything that was written in it."""

import numpy as np
import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.midi.chunks import KeptEvent
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline, Track, read_midi_file, write_midi_file
from engine.output.score_sinks import PassedCurve, ScoreFileSink
from engine.score.piece import NonNoteEvent, read_piece
from engine.score.track_texts import MARKER, TEXT, TIME_SIGNATURE, meta

NAME, LYRIC, TWO_FOUR = b"\xff\x03\x05Piano", b"\xff\x05\x02la", b"\xff\x58\x04\x02\x02\x18\x08"
PROGRAM, DRUM, DRUM_END, PEDAL = b"\xc0\x05", b"\x99\x26\x50", b"\x89\x26\x40", b"\xb0\x40\x7f"


class Passed:
    """A performance whose beats take 0.5, 0.6, 0.7, ... seconds."""

    def __init__(self, quarters, lead_ns=0):
        times_s = np.concatenate([[0], np.cumsum(0.5 + 0.1 * np.arange(len(quarters) - 1))])
        self.passed = [(quarter, lead_ns + round(1e9 * time_s)) for quarter, time_s in zip(quarters, times_s, strict=True)]


@pytest.fixture
def midi_piece(tmp_path):
    kept = Track((KeptEvent(0, 0, NAME), KeptEvent(0, 0, TWO_FOUR), KeptEvent(240, 1, LYRIC)), 480)
    tempo = KeptEvent(0, 0, b"\xff\x51\x03\x07\xa1\x20")
    timeline = MidiTimeline([], (Track((tempo,), 0), kept), 1, 120, ((0, 500_000),))
    events = [Event(0, message, 1) for message in (PROGRAM, PEDAL, note_on(0, 60, 80))]
    events += [Event(500_000_000, note_off(0, 60), 1), Event(500_000_000, DRUM, 1), Event(750_000_000, DRUM_END, 1)]
    events += [Event(1_000_000_000, note_on(2, 64, 70), 1), Event(1_500_000_000, note_off(2, 64), 1)]
    write_midi_file(tmp_path / "score.mid", events, timeline)
    return read_piece(tmp_path / "score.mid")


def write(piece, performance, on_bars, events, path):
    sink = ScoreFileSink(path, piece, performance, on_bars)
    sink.start(1000)
    for event in events:
        sink.send(event._replace(time_ns=event.time_ns + 1000))
    performance.passed = [(quarter, time_ns + 1000) for quarter, time_ns in performance.passed]
    sink.close()
    return read_midi_file(path)


def test_a_midi_score_is_taken_apart_into_notes_and_non_note_events(midi_piece):
    assert midi_piece.non_note_events == (NonNoteEvent(0.0, PROGRAM, 1), NonNoteEvent(1.0, DRUM, 1), NonNoteEvent(1.5, DRUM_END, 1))
    assert (midi_piece.channels.tolist(), midi_piece.tracks.tolist()) == ([0, 2], [1, 1])
    assert midi_piece.timeline.division == 960
    assert [event.data for track in midi_piece.timeline.tracks for event in track.kept] == [NAME, TWO_FOUR, LYRIC]


def test_a_tempo_map_puts_what_was_passed_on_the_score_s_ticks(midi_piece, tmp_path):
    performance = Passed(np.arange(9) / 2, lead_ns=20_000_000)
    events = [Event(time_ns, note_on(0, 60 + i, 64)) for i, (_, time_ns) in enumerate(performance.passed)]
    written = write(midi_piece, performance, True, events, tmp_path / "out.mid")
    notes = [event for event in written.events if is_note_on(event.message)]
    ticks = [written.tempo_map.to_tick(event.time_ns) for event in notes]
    assert ticks == [480 * i for i in range(9)]
    assert [event.time_ns for event in notes] == pytest.approx([event.time_ns - 20_000_000 for event in events], abs=5000)
    assert [(event.tick, event.data) for event in written.tracks[1].kept] == [(0, NAME), (0, TWO_FOUR), (1920, LYRIC)]
    assert len(written.tempos) == 8


def test_what_sounds_before_the_first_bar_begins_with_it(midi_piece, tmp_path):
    performance = Passed([0.0, 1.0, 2.0], lead_ns=30_000_000)
    written = write(midi_piece, performance, True, [Event(0, note_on(0, 60, 64))], tmp_path / "out.mid")
    assert written.events[0].time_ns == 0


def test_absolute_times_are_kept_and_texts_go_with_them(midi_piece, tmp_path):
    performance = Passed([0.0, 1.0, 2.0, 3.0])
    events = [Event(123_400_000, note_on(0, 60, 64)), Event(1_234_567_000, note_off(0, 60))]
    written = write(midi_piece, performance, False, events, tmp_path / "out.mid")
    assert [event.time_ns for event in written.events] == pytest.approx([event.time_ns for event in events], abs=125_000)
    assert not written.tempos
    ticks = {event.data: event.tick for event in written.tracks[1].kept}
    assert (ticks[NAME], ticks[LYRIC]) == (0, round(1.1 * 2 * 2000))


def test_a_single_onset_has_a_tempo_too(midi_piece, tmp_path):
    written = write(midi_piece, Passed([0.0]), True, [Event(0, note_on(0, 60, 64))], tmp_path / "out.mid")
    assert written.tempos == ((0, 500_000),)


def test_notation_brings_its_metre_words_and_dynamics(tmp_path):
    beginning = direction("<words>Allegro</words>", '<sound tempo="120"/>') + direction("<dynamics><p/></dynamics>")
    upbeat = attributes(4, 4) + beginning + note("C", 4)
    full = note("D", 8) + direction("<words>a tempo</words>") + direction("<dynamics><f/></dynamics>") + note("E", 8)
    (tmp_path / "score.musicxml").write_text(musicxml([upbeat, full, full]))
    piece = read_piece(tmp_path / "score.musicxml")
    kept = [(event.tick / 960, event.data) for event in piece.timeline.tracks[0].kept]

    def metre(beats):
        return meta(TIME_SIGNATURE, bytes((beats, 2, 24, 8)))

    assert [row for row in kept if row[1][1] == TIME_SIGNATURE] == [(0, metre(1)), (1, metre(4))]
    assert (0, meta(MARKER, b"Allegro")) in kept and (3, meta(MARKER, b"a tempo")) in kept
    assert [row[0] for row in kept if row[1] == meta(TEXT, b"p")] == [0] and (3, meta(TEXT, b"f")) in kept


def test_a_passed_curve_reaches_beyond_its_ends():
    curve = PassedCurve([(1.0, 10), (2.0, 20), (2.0, 99), (4.0, 60)])
    assert [curve.at(quarter) for quarter in (0, 1, 1.5, 3, 5)] == [0, 10, 15, 40, 80]
