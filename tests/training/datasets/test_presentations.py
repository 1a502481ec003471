"""A score as other programs write it: the music comes back out of every file, whatever the program's habits."""

from pathlib import Path

import numpy as np
import pytest

import engine.examples
from engine.score.files import read_score
from engine.score.midi import read_midi_score
from training.datasets.presentations import (
    COARSE,
    FIRST,
    FLAT,
    HANDS,
    MARKS,
    NO_TEMPO,
    ONE,
    VOICES,
    WRITTEN,
    Habits,
    choose_habits,
    write_presentation,
)
from training.performance.pieces import match_notes


@pytest.fixture(scope="module")
def score():
    return read_score(Path(engine.examples.__file__).with_name("strauss_danube_waltz.musicxml"))


def read_back(score, habits, folder):
    """Return the MIDI score and, for each note that is found again, its row and that of the notation."""
    path = folder / "presented.mid"
    placed = score.notes.copy()
    placed["onset_quarter"] = write_presentation(path, score, habits)
    read = read_midi_score(path)
    rows = match_notes(read.notes, placed)
    found = np.flatnonzero(rows >= 0)
    assert len(found) >= 0.98 * len(score.notes)
    return read, found, rows[found]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_program_does_lengths_and_hands_come_back(score, seed, tmp_path):
    habits = choose_habits(np.random.default_rng(seed))
    read, found, rows = read_back(score, habits, tmp_path)
    long = ~score.notes["is_grace"][rows] & ~(score.markings["staccato"][rows] & habits.shortens_staccato)
    off = np.abs(read.notes["duration_quarter"][found][long] - score.notes["duration_quarter"][rows][long])
    assert (off < 0.03).mean() > 0.9
    assert (read.notes["staff"][found] == score.notes["staff"][rows]).mean() > (0.99 if habits.tracks == HANDS else 0.85)


def test_habits_are_seen_in_the_file(score, tmp_path):
    def velocities(habits):
        return set(read_back(score, habits, tmp_path)[0].notes["velocity"].tolist())

    assert velocities(Habits(velocity=33)) == {33}
    marked = velocities(Habits(velocities=MARKS))
    assert len(marked) > 1 and {round(each / 16) * 16 for each in marked} == velocities(Habits(velocities=COARSE))
    tempos = {kind: len(read_back(score, Habits(tempos=kind), tmp_path)[0].tempos) for kind in (WRITTEN, FIRST, NO_TEMPO)}
    assert tempos == {WRITTEN: len(score.tempos), FIRST: 1, NO_TEMPO: 0}
    parts = {kind: len(set(read_back(score, Habits(tracks=kind), tmp_path)[0].notes["part"])) for kind in (ONE, HANDS, VOICES)}
    assert parts[ONE] == 1 < parts[HANDS] == 2 <= parts[VOICES]
    late, _, _ = read_back(score, Habits(silence_quarters=4), tmp_path)
    assert late.notes["onset_quarter"].min() == score.notes["onset_quarter"].min() + 4


def test_habits_differ_and_a_seed_repeats_them():
    drawn = [choose_habits(np.random.default_rng(seed)) for seed in range(30)]
    assert drawn[3] == choose_habits(np.random.default_rng(3))
    for name, values in (("velocities", {FLAT, MARKS, COARSE}), ("tempos", {WRITTEN, FIRST, NO_TEMPO}), ("tracks", {ONE, HANDS, VOICES})):
        assert {getattr(each, name) for each in drawn} == values
    assert all(0.4 <= each.gate <= 1 for each in drawn)
