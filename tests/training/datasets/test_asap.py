"""The (n)ASAP reader, on a small data set made in its format."""

import csv
import json

import numpy as np
import pytest
import symusic

import configs
from engine.base.errors import PerfLiveError
from training.datasets.asap import read_asap, work_of
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance, extend_with_pedal, read_performance


def write_midi(path, notes, pedals=()):
    score = symusic.Score(480).to("second")
    track = symusic.Track("piano", 0, False, ttype="second")
    for onset_s, duration_s, pitch, velocity in notes:
        track.notes.append(symusic.Note(onset_s, duration_s, pitch, velocity, ttype="second"))
    for time_s, number, value in pedals:
        track.controls.append(symusic.ControlChange(time_s, number, value, ttype="second"))
    score.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    score.to("tick").dump_midi(str(path))


@pytest.fixture
def corpus(tmp_path):
    rows = []
    for folder, takes in {"Bach/Fugue": ("one", "two"), "Liszt/Etude": ("three",)}.items():
        for take in takes:
            path = f"{folder}/{take}.mid"
            write_midi(tmp_path / path, [(0.5, 0.25, 64, 80), (0.0, 1.0, 60, 40)], [(0.25, 64, 127), (2.0, 64, 0)])
            rows.append({"folder": folder, "midi_performance": path})
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["folder", "midi_performance"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "splits.json").write_text(json.dumps({"train": ["Bach/Fugue"], "validation": ["Liszt/Etude"]}))
    return tmp_path


def test_each_split_has_the_performances_of_its_pieces(corpus):
    assert [performance.name for performance in read_asap(corpus, "train")] == ["Bach/Fugue/one.mid", "Bach/Fugue/two.mid"]
    assert [performance.piece for performance in read_asap(corpus, "validation")] == ["Liszt/Etude"]


def test_a_folder_without_splits_is_divided_as_what_ships(corpus):
    (corpus / "splits.json").unlink()
    table = (corpus / "metadata.csv").read_text().replace("Bach/Fugue,", "Bach/Fugue/bwv_848,")
    (corpus / "metadata.csv").write_text(table.replace("Liszt/Etude,", "Bach/Fugue/bwv_846,"))
    assert [performance.piece for performance in read_asap(corpus, "train")] == ["Bach/Fugue/bwv_846"]
    assert {performance.piece for performance in read_asap(corpus, "validation")} == {"Bach/Fugue/bwv_848"}


def test_no_work_is_in_both_splits_that_ship():
    splits = json.loads((configs.FOLDER / "splits.json").read_text())
    works = {split: {work_of(folder).removesuffix("_repeat") for folder in folders} for split, folders in splits.items()}
    assert len(works["train"]) > 150 and len(works["validation"]) == 19 and not works["train"] & works["validation"]


def test_notes_are_sorted_and_pedals_kept(corpus):
    (performance,) = read_asap(corpus, "validation")
    assert performance.notes["pitch"].tolist() == [60, 64]
    assert performance.notes["velocity"].tolist() == [40, 80]
    assert performance.pedals["value"].tolist() == [127, 0]
    np.testing.assert_allclose(performance.notes["duration_sec"], [1.0, 0.25], atol=2e-3)


def test_the_pedal_extends_notes_if_configured(corpus):
    (performance,) = read_asap(corpus, "validation", sustain_extends_notes=True)
    np.testing.assert_allclose(performance.notes["onset_sec"] + performance.notes["duration_sec"], [2.0, 2.0], atol=2e-3)


def test_a_pedalled_note_ends_when_its_key_is_struck_again():
    notes = np.array([(0.0, 0.5, 60, 64), (1.0, 0.5, 60, 64), (3.0, 0.5, 62, 64)], dtype=NOTE_DTYPE)
    pedals = np.array([(0.25, 64, 100), (2.0, 64, 20)], dtype=PEDAL_DTYPE)
    extended = extend_with_pedal(Performance("", "", notes, pedals)).notes
    np.testing.assert_allclose(extended["duration_sec"], [1.0, 1.0, 0.5])


def test_a_pedal_that_never_lifts_holds_to_the_end():
    notes = np.array([(0.0, 0.5, 60, 64), (3.0, 0.5, 62, 64)], dtype=NOTE_DTYPE)
    pedals = np.array([(0.25, 64, 100)], dtype=PEDAL_DTYPE)
    np.testing.assert_allclose(extend_with_pedal(Performance("", "", notes, pedals)).notes["duration_sec"], [3.5, 0.5])


def test_a_folder_that_is_no_corpus_is_refused_in_one_line(tmp_path):
    with pytest.raises(PerfLiveError, match="not the unpacked .n.ASAP corpus: metadata.csv or splits.json") as caught:
        list(read_asap(tmp_path, "train"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_midi_is_refused_in_one_line(tmp_path):
    (tmp_path / "bad.mid").write_bytes(b"not midi")
    with pytest.raises(PerfLiveError, match="cannot be read as MIDI") as caught:
        read_performance(tmp_path / "bad.mid", "bad", "none")
    assert "\n" not in str(caught.value)
