"""What was rehearsed: takes in MIDI files, in which somebody plays the accompaniment, laid over what a performer would play."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from duos import VELOCITY, accompany, lullaby, sung, written_rendition

from engine.base.errors import PerfLiveError
from engine.midi.events import SUSTAIN_PEDAL, Event, control_change, is_note_on, note_off, note_on
from engine.midi.file import write_midi_file
from engine.runtime.following.parts import alternatives
from engine.runtime.following.rehearsal import PERFORMERS_TAKES, read_takes, rehearse
from engine.runtime.following.rendition import Rendition, is_pedal
from engine.runtime.following.solo import written_sec
from engine.runtime.following.stream import DuoStream

PIECE = lullaby()
NOTES = PIECE.score.notes
VOICE = PIECE.tracks == 0
FOLLOWED = {"Voice": VOICE}
BEGIN_SEC = 3.0
WHOLE, BEAT_SEC = VOICE | ~VOICE, 60 / 76
ONE, TWO = 1 / (1 + PERFORMERS_TAKES), 2 / (2 + PERFORMERS_TAKES)  # how far a note moves from the performer's to that of takes


class Take:
    """A take of the notes ``rows`` (N,), at ``pace`` times the written time, held for .2 s; to be changed and then written."""

    def __init__(self, rows: np.ndarray = ~VOICE, velocity: int = VELOCITY, pace: float = 1.0):
        self.rows = np.flatnonzero(rows)
        quarters, position = np.unique(NOTES["onset_quarter"][self.rows], return_inverse=True)
        self.onset_sec = BEGIN_SEC + pace * written_sec(PIECE.score, quarters)[position]
        self.length_sec = np.full(len(self.rows), 0.2)
        self.velocity = np.full(len(self.rows), velocity)
        self.pitch = NOTES["pitch"][self.rows].copy()
        self.missed = np.zeros(len(self.rows), dtype=bool)
        self.pedal: list[tuple[float, int]] = []

    def write(self, path: Path) -> Path:
        events = [Event(round(time_sec * 1e9), control_change(0, SUSTAIN_PEDAL, depth)) for time_sec, depth in self.pedal]
        for row in np.flatnonzero(~self.missed).tolist():
            begin_sec, pitch = self.onset_sec[row], int(self.pitch[row])
            events.append(Event(round(begin_sec * 1e9), note_on(0, pitch, int(self.velocity[row]))))
            events.append(Event(round((begin_sec + self.length_sec[row]) * 1e9), note_off(0, pitch)))
        write_midi_file(path, sorted(events, key=lambda event: event.time_ns))
        return path


def rehearsed(folder: Path, *takes: Take, louder: float = 0.0) -> Rendition:
    paths = [take.write(folder / f"{number}.mid") for number, take in enumerate(takes)]
    return rehearse(PIECE, written_rendition(PIECE), read_takes(paths, PIECE, FOLLOWED), louder)


def of(rendition: Rendition, name: str) -> np.ndarray:
    """Return a field by note of the printed score (N,)."""
    values = np.zeros(len(NOTES))
    values[rendition.notes["note"]] = rendition.notes[name]
    return values


def test_the_accompaniment_is_as_loud_as_in_the_takes_and_its_soloist_is_expected_so(tmp_path: Path) -> None:
    found = rehearsed(tmp_path, Take(velocity=40), Take(velocity=50))
    assert of(found, "velocity").tolist() == [45.0] * len(NOTES)
    assert rehearsed(tmp_path, Take(velocity=40), louder=8).notes["velocity"].tolist() == [48] * len(NOTES)


def test_who_is_heard_in_a_take_of_both_is_expected_as_there(tmp_path: Path) -> None:
    both = Take(WHOLE, 40)
    both.velocity[VOICE] = 90
    found = of(rehearsed(tmp_path, both), "velocity")
    _, key, struck = np.unique(NOTES[["onset_quarter", "pitch"]], return_inverse=True, return_counts=True)
    single = struck[key] == 1  # nobody can tell who strikes a key that both have
    assert (found[VOICE & single] > 70).all() and (found[~VOICE & single] < 60).all()


def test_an_accent_that_fewer_takes_have_is_softer_and_a_note_that_is_missed_is_as_loud_as_those_around_it(tmp_path: Path) -> None:
    accent, missed = 20, 40  # of the piano's notes
    takes = [Take(velocity=50) for _ in range(2)]
    takes[0].velocity[accent] = 90
    for take in takes:
        take.missed[missed] = True
    row_of = takes[0].rows
    one, two = (of(rehearsed(tmp_path, *each), "velocity") for each in (takes[:1], takes))
    near = np.abs(NOTES["onset_quarter"] - NOTES["onset_quarter"][row_of[accent]]) <= 1
    around = 50 + 40 / (near & ~VOICE).sum()  # what a note around there would be, were it missed
    assert one[row_of[accent]] == round(90 * ONE + around * (1 - ONE))
    assert two[row_of[accent]] == round(70 * TWO + (around + 50) / 2 * (1 - TWO))
    assert one[row_of[missed]] == two[row_of[missed]] == 50


def test_the_tempo_is_that_of_the_takes_and_of_each_tempo_change_the_larger_share(tmp_path: Path) -> None:
    slow = rehearsed(tmp_path, Take(pace=2.0), Take(pace=2.0))
    assert slow.seconds == pytest.approx(2 * written_rendition(PIECE).seconds, abs=1e-3)
    broad = Take()
    later = NOTES["onset_quarter"][broad.rows] > 23
    broad.onset_sec[later] += 3 * BEAT_SEC  # a beat of the piano's 45 lasts four
    found = rehearsed(tmp_path, broad).time_at(np.array([10.0, 22.0, 23.0, 24.0, 34.0]))
    before, at, after = found[1] - found[0], found[3] - found[2], found[4] - found[3]
    usual = BEAT_SEC * (ONE + (1 - ONE) * 48 / 45)  # the performer's share is at the pace of the whole take
    assert (before, at) == pytest.approx((12 * usual, usual + 3 * BEAT_SEC * ONE), rel=1e-3)
    assert after == pytest.approx(10 * usual, rel=1e-3)


def test_chords_are_spread_and_keys_are_held_as_in_the_takes(tmp_path: Path) -> None:
    spread = Take()
    upper = np.flatnonzero((NOTES["onset_quarter"][spread.rows] == 9.0) & (spread.pitch > 58))
    assert len(upper) == 1
    spread.onset_sec[upper] += 0.06
    plain = rehearsed(tmp_path, Take())
    found = rehearsed(tmp_path, spread)
    row = spread.rows[upper[0]]
    lower = spread.rows[upper[0] - 1]
    assert of(found, "onset_sec")[row] - of(found, "onset_sec")[lower] == pytest.approx(0.06 * ONE, abs=0.005)
    written = of(written_rendition(PIECE), "end_sec") - of(written_rendition(PIECE), "onset_sec")
    held = of(plain, "end_sec") - of(plain, "onset_sec")
    assert held[~VOICE] == pytest.approx(0.2 * ONE + written[~VOICE] * (1 - ONE), abs=1e-3)
    assert held[VOICE] == pytest.approx(written[VOICE], abs=1e-3)


def test_the_strokes_of_an_ornament_stay_as_they_are_beside_its_first(tmp_path: Path) -> None:
    """The piano's last note as three strokes, .1 s each, which somebody strikes .06 s late and 10 louder."""
    plain, row = written_rendition(PIECE), int(np.flatnonzero(~VOICE)[-1])
    stroke = plain.notes[plain.notes["note"] == row]
    strokes = np.repeat(stroke, 3)
    strokes["onset_sec"] += 0.1 * np.arange(3)
    strokes["end_sec"] = strokes["onset_sec"] + 0.1
    strokes["velocity"] = VELOCITY + np.array([-6, 0, 6])
    ornamented = replace(plain, notes=np.concatenate([plain.notes[plain.notes["note"] != row], strokes]))
    take = Take()
    take.onset_sec[-1] += 0.06
    take.velocity[-1] += 10
    found = rehearse(PIECE, ornamented, read_takes([take.write(tmp_path / "take.mid")], PIECE, FOLLOWED)).notes
    found = found[found["note"] == row]
    assert np.diff(found["onset_sec"]) == pytest.approx([0.1, 0.1], abs=2e-3)
    assert found["end_sec"] - found["onset_sec"] == pytest.approx([0.1] * 3, abs=2e-3)
    assert np.diff(found["velocity"]).tolist() == [6, 6] and found["velocity"][1] > VELOCITY + 10 * ONE - 1


def test_the_pedal_is_where_most_takes_that_use_it_have_it(tmp_path: Path) -> None:
    takes = [Take() for _ in range(4)]
    takes[0].pedal = [(BEGIN_SEC + 1, 127), (BEGIN_SEC + 4, 0), (BEGIN_SEC + 20, 100), (BEGIN_SEC + 21, 0)]
    takes[1].pedal = [(BEGIN_SEC + 2, 127), (BEGIN_SEC + 5, 0)]
    takes[2].pedal = [(BEGIN_SEC + 3, 127), (BEGIN_SEC + 8, 0)]
    moves = [(each.time_sec, each.message[2]) for each in rehearsed(tmp_path, *takes).messages if is_pedal(each.message)]
    assert [depth for _, depth in moves] == [127, 0]
    assert [time_sec for time_sec, _ in moves] == pytest.approx([2, 5], abs=0.01)
    assert [each[1:] for each in rehearsed(tmp_path, Take()).messages] == [each[1:] for each in written_rendition(PIECE).messages]


@pytest.mark.parametrize("solo_velocity", (VELOCITY, VELOCITY + 20))
def test_who_plays_louder_than_was_rehearsed_is_accompanied_louder(tmp_path: Path, solo_velocity: int) -> None:
    stream = DuoStream(PIECE, rehearsed(tmp_path, Take(WHOLE)), FOLLOWED, (), {})
    stream.start(0)
    played = [event.message for event in accompany(stream, sung(PIECE, VOICE, velocity=solo_velocity)) if is_note_on(event.message)]
    assert len(played) == (~VOICE).sum()
    assert [message[2] for message in played[-10:]] == [VELOCITY + round(0.4 * (solo_velocity - VELOCITY))] * 10


def test_whoever_is_followed_the_other_is_taken_from_the_take(tmp_path: Path) -> None:
    choices = alternatives(PIECE)
    for rows in (VOICE, ~VOICE):
        (found,) = read_takes([Take(rows, 33).write(tmp_path / "take.mid")], PIECE, choices)
        assert (found.performed.velocity == np.where(rows, 33, 0)).all() and (found.within == rows).all()


def refusal(folder: Path, take: Take) -> str:
    with pytest.raises(PerfLiveError) as caught:
        read_takes([take.write(folder / "take.mid")], PIECE, FOLLOWED)
    assert "\n" not in str(caught.value) and "at least 60%" in str(caught.value)
    return str(caught.value).split("; ")[0].removeprefix(f"--rehearsed {str(folder / 'take.mid')!r}: ")


def test_a_take_without_the_accompaniment_is_refused_with_what_is_in_it(tmp_path: Path) -> None:
    said = " of the accompaniment's notes are played in it, and {} of the followed part's"
    assert refusal(tmp_path, Take(VOICE)) == "9%" + said.format("96%")  # a ninth of the piano's keys are struck by the voice
    other = Take()
    other.pitch = 100 - other.pitch % 5
    assert refusal(tmp_path, other) == "0%" + said.format("0%")
    silent = Take()
    silent.missed[:] = True
    silent.pedal = [(1.0, 127)]
    assert refusal(tmp_path, silent) == "0%" + said.format("0%")
    with pytest.raises(PerfLiveError, match="none.mid"):
        read_takes([tmp_path / "none.mid"], PIECE, FOLLOWED)
