"""Pieces whose alignments are not called robust: which of them are learnt from, and where their tempo is believed."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from dexter_pieces import made_up_presentation
from match_files import MUSICXML, VERSION_1, VERSION_5

from models.performance.features import denormalise, normalise
from models.performance.representation import BEAT_PERIOD
from training.performance import unverified_alignments as unverified_alignments
from training.performance.unverified_alignments import load_unverified_pieces, without_astray

# Folder, robust, match file; VERSION_1 leaves out one of four notes.
PERFORMANCES = [
    ("known", "1.0", VERSION_5),
    ("known", "0.0", VERSION_5),
    ("known_no_repeat", "0.0", VERSION_5),
    ("held", "0.0", VERSION_5),
    ("held_extra_repeat", "0.0", VERSION_5),
    ("unsure", "0.0", VERSION_5),
    ("unsure", "0.0", VERSION_1),
    ("unsure", "", VERSION_5.replace("1920,64)", "1920,80)")),
    ("lost", "0.0", None),
]


@pytest.fixture
def asap(tmp_path):
    root, rows = tmp_path / "asap", []
    for number, (folder, robust, text) in enumerate(PERFORMANCES):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "xml_score.musicxml").write_text(MUSICXML)
        if text:
            (root / folder / f"{number}.match").write_text(text)
        files = {"match_file": f"{folder}/{number}.match", "xml_score": f"{folder}/xml_score.musicxml"}
        rows.append({"folder": folder, **files, "robust_note_alignment": robust})
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    train = ["known", "known_no_repeat", "held_extra_repeat", "unsure", "lost"]
    (root / "splits.json").write_text(json.dumps({"train": train, "validation": ["held"]}))
    return root


def test_they_are_those_that_are_robust_in_no_version_and_not_held_out(asap, tmp_path):
    (piece,) = load_unverified_pieces(asap, tmp_path / "cache")
    assert piece.name == "unsure" and piece.performances == ("unsure/5.match", "unsure/7.match")  # 6 plays too few of the notes
    assert piece.presentations[0].columns.shape == (2, 4, 8)


def test_their_tempo_is_left_out_where_it_cannot_be_believed(asap, tmp_path, monkeypatch):
    assert np.isfinite(load_unverified_pieces(asap, tmp_path / "cache")[0].presentations[0].columns[..., BEAT_PERIOD]).all()
    monkeypatch.setattr(unverified_alignments, "ASTRAY", -1.0)  # everything is further away
    assert np.isnan(load_unverified_pieces(asap, tmp_path / "cache")[0].presentations[0].columns[..., BEAT_PERIOD]).all()


def with_tempo(tempo):
    shown = made_up_presentation("notation", len(tempo), 1)
    normalised = normalise(shown.columns[0], shown.score_columns)
    normalised[:, BEAT_PERIOD] = tempo
    return replace(shown, columns=denormalise(normalised, shown.score_columns)[None].astype(np.float32))


def test_tempo_is_left_out_where_the_alignment_goes_astray():
    tempo = 0.4 * np.sin(np.arange(120) / 9)
    tempo[60:63] += 4
    shown = with_tempo(tempo)
    believed = without_astray(shown)
    unknown = np.flatnonzero(np.isnan(believed.columns[0, :, BEAT_PERIOD]))
    assert unknown.tolist() == list(range(56, 67))
    others = np.delete(np.arange(8), BEAT_PERIOD)
    np.testing.assert_array_equal(believed.columns[..., others], shown.columns[..., others])
    assert np.isfinite(shown.columns[0, :, BEAT_PERIOD]).all()  # what was given is as it was


def test_a_tempo_that_jumps_about_is_believed_nowhere():
    steps = 0.9 * np.repeat([1, -1, 1], 40)  # each longer than half of what is around
    assert np.isnan(without_astray(with_tempo(steps)).columns[0, :, BEAT_PERIOD]).all()
    assert np.isfinite(without_astray(with_tempo(steps / 2)).columns[0, :, BEAT_PERIOD]).all()
