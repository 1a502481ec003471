"""Scores that others wrote: every note sounds at its place and pitch, repeats and jumps played.

The files and the expected values stand in tests/data/scores; ``expected.json`` has them as verovio 6.4 plays them, ``comment`` says where
something else is right.
"""

import json
from pathlib import Path

import pytest

from engine.base.errors import PerfLiveError
from engine.score.files import read_score
from engine.score.notation import verovio_measures
from engine.score.notation.partitura_reading import asking
from engine.score.piece import piece_of

FOLDER = Path(__file__).parents[2] / "data" / "scores"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
MIDI_TICK_QUARTERS = 1 / 120  # verovio's notes end one tick early
# Whose own times are free.
GRACE_NOTES = {"grace_at_end_of_bar.musicxml", "grace_at_end_of_piece.musicxml", "mei_gracegrp.mei"}
# What is right where verovio is not: see the comments.
RIGHT = {
    "cue_notes.musicxml": [(2.0, 2.0, 76)],
    "krn_drum.krn": [(float(time), 1.0, pitch) for time, pitch in enumerate((72, 74, 76, 77))] + [(k, 1.0, 35) for k in range(4)],
    "tremolo_two_notes.musicxml": [(step / 8, 0.125, 76 if step % 2 else 72) for step in range(32)],
    "microtone_alter.musicxml": [(0.0, 1.0, 70), (1.0, 1.0, 79), (2.0, 2.0, 76)],
    "quarter_tone_accidental.musicxml": [(0.0, 1.0, 73), (1.0, 1.0, 73), (2.0, 2.0, 76)],
}


# Dotted quarters at 50 are 75 quarters a minute, and an equation of a quarter with a half doubles the tempo; verovio has them otherwise.
RIGHT_TEMPOS = {
    "metronome_without_sound.musicxml": [[0.0, 120.0], [4.0, 75.0], [8.0, 40.0]],
    "metric_modulation.musicxml": [[0.0, 120.0], [4.0, 240.0]],
}


def notes_of(score):
    rows = score.notes[["onset_quarter", "duration_quarter", "pitch"]][~score.notes["is_grace"]].tolist()
    return [(round(onset, 3), round(duration, 3), pitch) for onset, duration, pitch in rows]


def sounding_notes_of(score):
    """Return what is heard: tremolos as notes, and drums."""
    played = piece_of(score).played.score
    strokes = score.percussion[["onset_quarter", "duration_quarter", "key"]].tolist()
    return sorted([*notes_of(played), *((round(onset, 3), round(duration, 3), key) for onset, duration, key in strokes)])


def expected_notes(name):
    rows = EXPECTED[name]["notes"] or []
    return sorted((onset, round(duration + MIDI_TICK_QUARTERS, 3), pitch) for onset, duration, pitch in rows)


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in GRACE_NOTES])
def test_what_is_written_is_what_sounds(name):
    heard = sounding_notes_of(read_score(FOLDER / name))
    assert len(heard) == len(RIGHT.get(name, [])) or len(heard) == EXPECTED[name]["sounding"]
    if EXPECTED[name]["notes"]:
        assert heard == sorted(RIGHT.get(name, expected_notes(name)))


@pytest.mark.parametrize("name", sorted(GRACE_NOTES))
def test_grace_notes_are_kept_before_their_notes(name):
    score = read_score(FOLDER / name)
    assert sorted(score.notes["pitch"].tolist()) == sorted(pitch for _, _, pitch in EXPECTED[name]["notes"])
    assert score.notes["is_grace"].sum() == 2
    assert all(onset == int(onset) and duration == int(duration) for onset, duration, _ in notes_of(score))


@pytest.mark.parametrize("name", [name for name, case in EXPECTED.items() if case["tempo"] and not name.startswith("tempo_none")])
def test_written_tempos_are_read(name):
    tempos = [[round(onset, 2), round(tempo, 2)] for onset, tempo in read_score(FOLDER / name).tempos.tolist()]
    assert tempos == RIGHT_TEMPOS.get(name, EXPECTED[name]["tempo"])


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "k2_no_barlines.krn"),
        ("utf-8-sig", "k2_no_barlines.krn"),
        ("utf-16", "ottava.musicxml"),
        ("iso-8859-1", "ottava.musicxml"),
    ],
)
def test_encodings_change_nothing(tmp_path, encoding, name):
    text = (FOLDER / name).read_text(encoding="utf-8").replace('encoding="UTF-8"', f'encoding="{encoding}"').replace("Part P1", "Flöte")
    (tmp_path / name).write_bytes(text.encode(encoding))
    assert notes_of(read_score(tmp_path / name)) == notes_of(read_score(FOLDER / name))


def test_notes_of_a_chord_may_outlast_it():
    notes = notes_of(read_score(FOLDER / "chord_of_two_lengths.krn"))
    assert [(onset, pitch) for onset, _, pitch in notes] == [(0, 60), (0, 64), (0, 67), (0.5, 62), (1, 65), (2, 60)]


def test_an_octave_that_a_part_sounds_lower_is_heard():
    assert [pitch for _, _, pitch in notes_of(read_score(FOLDER / "octave_guitar.musicxml"))] == [48, 50, 52, 53]


def test_abc_is_read(tmp_path):
    (tmp_path / "tune.abc").write_text("X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\n|:c d e f:|g4|]\n")
    notes = notes_of(read_score(tmp_path / "tune.abc"))
    assert [pitch for _, _, pitch in notes] == [72, 74, 76, 77] * 2 + [79]


def test_voltas_are_skipped_without_repeats():
    score = read_score(FOLDER / "voltas_two.musicxml", "skip")
    assert notes_of(score) == [(0, 4, 72), (4, 4, 76), (8, 4, 77)]


def test_markings_follow_notes_that_verovio_places():
    """The dynamics of repeated bars are those of the first time."""
    score = read_score(FOLDER / "dc_fine_two_parts.musicxml")
    assert len(score.markings) == len(score.notes) == 12
    assert score.notes["part"].tolist() == [0, 1] * 6
    assert score.notes["id"][0].endswith("-1") and score.notes["id"][-1].endswith("-2")
    assert (score.markings["velocity"] > 0).all()


def test_a_file_without_music_is_not_called_damaged(tmp_path):
    text = (FOLDER / "mei_no_ids.mei").read_text(encoding="utf-8")
    (tmp_path / "header.mei").write_text(text.split("<music")[0] + "</mei>")
    with pytest.raises(PerfLiveError, match="it has no notes"):
        read_score(tmp_path / "header.mei")


def test_divisions_that_change_are_heard_where_verovio_places_the_notes(tmp_path):
    text = (FOLDER / "sound_as_measure_child.musicxml").read_text(encoding="utf-8")
    head, tail = text.split('<measure number="3">')
    tail = "<attributes><divisions>8</divisions></attributes>" + tail.replace("<duration>16<", "<duration>32<")
    (tmp_path / "a.musicxml").write_text(f'{head}<measure number="3">{tail}')
    assert notes_of(read_score(tmp_path / "a.musicxml")) == expected_notes("sound_as_measure_child.musicxml")


def test_what_ends_verovio_ends_nothing_else(monkeypatch):
    """verovio ends its process on some damaged files; partitura's reading is kept."""
    monkeypatch.setattr(verovio_measures, "MOST_BYTES", 1_000_000)  # in which Python itself has no room
    assert notes_of(read_score(FOLDER / "ottava.musicxml"))
    with pytest.raises(PerfLiveError, match="k2_sections"):
        read_score(FOLDER / "k2_sections.krn")


def test_what_ends_partitura_ends_nothing_else(monkeypatch, capsys):
    """Notes and markings are verovio's then, and a line says so. The next file is read by both again."""
    monkeypatch.setattr(asking, "_idle", [])
    monkeypatch.setattr(asking, "MOST_BYTES", 1_000_000)
    assert notes_of(read_score(FOLDER / "ottava.musicxml")) == expected_notes("ottava.musicxml")
    assert "ottava.musicxml': markings that partitura reads (it has ended)" in capsys.readouterr().err
    monkeypatch.undo()
    assert notes_of(read_score(FOLDER / "ottava.musicxml")) == expected_notes("ottava.musicxml")
    assert not capsys.readouterr().err


def test_partitura_is_started_once_for_many_small_files():
    read_score(FOLDER / "ottava.musicxml")
    kept = asking._idle[:]
    read_score(FOLDER / "ottava.musicxml")
    assert len(kept) == 1 and asking._idle == kept


def test_neither_reader_takes_it(tmp_path):
    (tmp_path / "none.abc").write_text("")
    with pytest.raises(PerfLiveError, match="none.abc"):
        read_score(tmp_path / "none.abc")
