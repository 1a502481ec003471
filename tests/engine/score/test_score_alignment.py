"""A performance found in a MIDI file, note by note beside its score."""

from pathlib import Path

import numpy as np
import pytest
from score_fixtures import attributes, musicxml, note

from engine.base.errors import PerfLiveError
from engine.midi.events import SUSTAIN_PEDAL, Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline, Track, read_midi_file, write_midi_file
from engine.score.alignment import match_notes, read_beside, read_reference
from engine.score.files import read_score
from engine.score.tables import Score

PLAYED_DTYPE = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")])


@pytest.fixture
def score(tmp_path: Path) -> Score:
    """Eight bars of a scale over broken thirds, each key many times."""
    bars = []
    for bar in range(8):
        scale = "".join(note("CDEFGAB"[(bar + step) % 7], 2) for step in range(8))
        bass = "".join(note("CE"[step % 2], 4, 3, voice=2) for step in range(4))
        bars.append((attributes() if bar == 0 else "") + scale + "<backup><duration>16</duration></backup>" + bass)
    (tmp_path / "score.musicxml").write_text(musicxml(bars))
    return read_score(tmp_path / "score.musicxml")


def play(score: Score) -> np.ndarray:
    """Return the score played with rubato and hands apart, each note with a velocity of its own."""
    notes = score.notes
    played = np.zeros(len(notes), PLAYED_DTYPE)
    quarters = notes["onset_quarter"]
    played["onset_sec"] = 2 + 0.5 * quarters + 0.4 * np.sin(quarters / 3) + 0.02 * (notes["voice"] == 1)
    played["duration_sec"], played["pitch"], played["velocity"] = 0.3, notes["pitch"], 1 + np.arange(len(notes)) % 127
    return np.sort(played, order=["onset_sec", "pitch"])


def write(path: Path, played: np.ndarray) -> Path:
    events = [Event(1_000_000_000, control_change(0, SUSTAIN_PEDAL, 90)), Event(2_500_000_000, control_change(0, SUSTAIN_PEDAL, 0))]
    for onset, duration, pitch, velocity in played.tolist():
        events += [Event(round(onset * 1e9), note_on(0, pitch, velocity)), Event(round((onset + duration) * 1e9), note_off(0, pitch))]
    write_midi_file(path, sorted(events), MidiTimeline([], (Track(),), 0, 2000))
    return path


def test_every_note_is_found_in_a_performance_with_rubato(score: Score) -> None:
    played = play(score)
    rows = match_notes(score.notes, played)
    assert (played["velocity"][rows] == 1 + np.arange(len(rows)) % 127).all()


def test_wrong_missing_and_additional_notes_disturb_no_others(score: Score) -> None:
    played = play(score)
    expected = match_notes(score.notes, played)
    played["pitch"][[10, 50]] = 100
    extra = np.array([(5.0, 0.1, 70, 9), (9.0, 0.1, 20, 9)], PLAYED_DTYPE)
    changed = np.sort(np.append(np.delete(played, [20, 21, 70]), extra), order=["onset_sec", "pitch"])
    rows = match_notes(score.notes, changed)
    lost = np.isin(expected, [10, 50, 20, 21, 70])
    assert (rows[lost] == -1).all() and (rows[~lost] >= 0).all()
    np.testing.assert_array_equal(changed["onset_sec"][rows[~lost]], played["onset_sec"][expected[~lost]])


def test_repeated_chords_are_told_apart(tmp_path: Path) -> None:
    chord = note("C", 4) + note("E", 4, before="<chord/>") + note("G", 4, before="<chord/>")
    (tmp_path / "chords.musicxml").write_text(musicxml([(attributes() if bar == 0 else "") + 4 * chord for bar in range(8)]))
    chords = read_score(tmp_path / "chords.musicxml")
    played = play(chords)
    rows = match_notes(chords.notes, played)
    assert (played["velocity"][rows] == 1 + np.arange(len(rows)) % 127).all()


def test_what_is_out_of_order_is_not_found(score: Score) -> None:
    played = play(score)
    expected = match_notes(score.notes, played)
    late = int(np.flatnonzero(score.notes["onset_quarter"] == 10.5)[0])  # alone at its onset
    moved = played.copy()
    moved["onset_sec"][expected[late]] += 0.8
    order = np.argsort(moved["onset_sec"], kind="stable")
    rows = match_notes(score.notes, moved[order])
    assert rows[late] == -1 or order[rows[late]] != expected[late]
    others = np.delete(np.arange(len(rows)), late)
    assert (order[rows[others]] == expected[others]).mean() > 0.97


def test_a_file_is_read_with_its_pedal(score: Score, tmp_path: Path) -> None:
    performed = read_reference(write(tmp_path / "take.mid", np.delete(play(score), 5)), score)
    assert np.isnan(performed.onset_sec).sum() == np.isnan(performed.duration_sec).sum() == (performed.velocity == 0).sum() == 1
    np.testing.assert_allclose(np.nanmin(performed.onset_sec), 2, atol=0.03)
    np.testing.assert_allclose(performed.pedal.time_sec, [1, 2.5], atol=0.001)
    assert performed.pedal.value.tolist() == [90, 0]


def test_what_is_of_another_piece_or_empty_is_refused(score: Score, tmp_path: Path) -> None:
    other = play(score)
    other["pitch"] = np.random.default_rng(0).integers(30, 100, len(other))
    for played in (other, other[:0], play(score)[:40]):
        path = write(tmp_path / "take.mid", played)
        with pytest.raises(PerfLiveError, match="take.mid: [0-9]+% of the score.s notes .* at least 60% .* --no-repeats") as caught:
            read_reference(path, score)
        assert "\n" not in str(caught.value)
    with pytest.raises(PerfLiveError, match="none.mid"):
        read_reference(tmp_path / "none.mid", score)


def test_a_human_performance_of_a_take_lies_at_the_takes_times(tmp_path):
    """A take at 120 quarters a minute; the human plays it half as fast, from 3 s on, with chords spread by 40 ms, and
    with a pedal that is pressed before the first note, with the 5th beat, halfway to the 9th, and after the last onset."""
    beats = [(beat * 500_000_000, pitch) for beat in range(12) for pitch in (48 + beat, 64 + beat)]
    take = [Event(time_ns, note_on(0, pitch, 64)) for time_ns, pitch in beats]
    take += [Event(time_ns + 250_000_000, note_off(0, pitch)) for time_ns, pitch in beats]
    human = [Event(3_000_000_000 + 2 * time_ns + 40_000_000 * (pitch > 60), note_on(0, pitch, pitch)) for time_ns, pitch in beats]
    human += [Event(3_500_000_000 + 2 * time_ns, note_off(0, pitch)) for time_ns, pitch in beats]
    pressed = [(2.5, 100), (3.02 + 4, 0), (3.02 + 7.5, 64), (3.02 + 11.5, 0)]  # s; the middle of a chord is 20 ms after its first note
    human += [Event(round(1e9 * time_s), control_change(0, 64, value)) for time_s, value in pressed]
    for name, events in (("take.mid", take), ("human.mid", human)):
        write_midi_file(tmp_path / name, sorted(events, key=lambda event: event.time_ns))
    notes, pedal = read_beside(tmp_path / "human.mid", read_midi_file(tmp_path / "take.mid"))
    np.testing.assert_allclose(pedal, [(0, 100), (2.0, 0), (3.75, 64), (5.5 + 0.5, 0)], atol=2e-3)
    assert notes["velocity"].tolist() == notes["pitch"].tolist() == [pitch for _, pitch in beats]
    spread = [time_ns / 1e9 + (0.01 if pitch > 60 else -0.01) for time_ns, pitch in beats]  # half of 40 ms, around the chord's middle
    np.testing.assert_allclose(notes["onset_sec"][2:-2], spread[2:-2], atol=1e-3)
    np.testing.assert_allclose(notes["duration_sec"][2:-2], 10 * [0.25, 0.23], atol=1e-3)
    write_midi_file(tmp_path / "other.mid", [Event(0, note_on(0, 100, 1)), Event(1, note_off(0, 100))])
    with pytest.raises(PerfLiveError, match="0% of the score's notes are played in it"):
        read_beside(tmp_path / "other.mid", read_midi_file(tmp_path / "take.mid"))
