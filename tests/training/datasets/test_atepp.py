"""ATEPP, on a small corpus made in its layout, with the alignments published for it and one's own."""

import csv
import json
import unicodedata

import numpy as np
import pytest
import symusic

from engine.base.errors import PerfLiveError
from training.datasets.aligned import load_aligned, read_alignments
from training.datasets.atepp import atepp_alignments, hash_split

FOLDER = "Franz_Liszt/Études,_S._139/No._1:_Preludio"
NOTE = (
    '<note id="{}"><pitch><step>{}</step><octave>4</octave></pitch><duration>1</duration><voice>1</voice><type>quarter</type>'
    "<staff>1</staff></note>"
)
MUSICXML = (
    '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list><score-part id="P1"><part-name>Piano</part-name>'
    '</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>3</beats>'
    "<beat-type>4</beat-type></time></attributes>"
    + "".join(map(NOTE.format, ("n1", "n2", "n3"), "CDE"))
    + "</measure></part></score-partwise>"
)
ALIGN = "idx,matchtype,partid,ppartid\n0,0,n1,n0\n1,0,n2,n1\n2,1,n3,undefined\n3,2,undefined,n2\n"
PART = (
    "onset_beat,duration_beat,onset_quarter,duration_quarter,onset_div,duration_div,pitch,voice,id\n"
    "0.0,1.0,0.0,1.0,0,1,60,1,n1\n1.0,1.0,1.0,1.0,1,1,62,1,n2\n2.0,1.0,2.0,1.0,2,1,64,1,n3\n"
)
# Durations as they are there: until the pedal is lifted.
PPART = "onset_sec,duration_sec,pitch,velocity,track,channel,id\n1.0,2.0,60,70,0,0,n0\n1.5,1.5,62,80,0,0,n1\n2.0,1.0,90,20,0,0,n2\n"
MATCH = """info(matchFileVersion,1.0.0).
info(midiClockUnits,480).
info(midiClockRate,500000).
scoreprop(timeSignature,3/4,1:1,0,0.0000).
snote(n1,[C,n],4,1:1,0,1/4,0.0000,1.0000,[v1,staff1])-note(n0,60,960,1440,64,0,0).
snote(n2,[D,n],4,1:2,0,1/4,1.0000,2.0000,[v1,staff1])-note(n1,62,1920,2400,64,0,0).
snote(n3,[E,n],4,1:3,0,1/4,2.0000,3.0000,[v1,staff1])-note(n2,64,2880,3360,64,0,0).
"""


def write_midi(path):
    score = symusic.Score(4800, ttype="second")
    track = symusic.Track("piano", 0, False, ttype="second")
    for onset_s, pitch, velocity in ((1.0, 60, 70), (1.5, 62, 80), (2.0, 90, 20)):
        track.notes.append(symusic.Note(onset_s, 0.25, pitch, velocity, ttype="second"))
    for time_s, number, value in ((0.9, 64, 127), (1.2, 66, 127), (3.0, 64, 0)):
        track.controls.append(symusic.ControlChange(time_s, number, value, ttype="second"))
    score.tracks.append(track)
    score.to("tick").dump_midi(str(path))


def row(name, score=f"{FOLDER}/score.mxl.musicxml", quality="", composition="7"):
    return {
        "artist": "Anyone",
        "composition_id": composition,
        "score_path": score,
        "midi_path": f"{FOLDER}/{name}.mid",
        "quality": quality,
        "perf_id": name,
    }


@pytest.fixture
def atepp(tmp_path):
    """The archive spells its folders in NFD and was unpacked where names cannot have colons."""
    root = tmp_path / "atepp"
    folder = root / "ATEPP-1.2" / unicodedata.normalize("NFD", FOLDER).replace(":", "_")
    folder.mkdir(parents=True)
    (folder / "score.mxl.musicxml").write_text(MUSICXML)
    for name in ("00001", "00002", "00003", "00004"):
        write_midi(folder / f"{name}.mid")
    for name in ("00001", "00002"):
        (folder / name).mkdir()
        for table, text in (("align.csv", ALIGN), ("part.csv", PART), ("ppart.csv", PPART)):
            (folder / name / table).write_text(text)
    (folder / "00002.match").write_text(MATCH)
    rows = [
        row("00001"),
        row("00002"),
        row("00003", quality="live, low quality"),
        row("00004"),
        row("00001", score=""),
        row("00009"),
        row("00001", composition="6"),
    ]
    with (root / "ATEPP-metadata-1.2.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def test_a_composition_is_always_of_the_same_split(atepp):
    assert (hash_split("7"), hash_split("6")) == ("train", "validation")
    assert len(atepp_alignments(atepp, "train")) == 6
    assert len(atepp_alignments(atepp, "validation")) == 1
    share = sum(hash_split(str(number)) == "validation" for number in range(1595)) / 1595
    assert 0.13 < share < 0.17


def test_a_splits_file_decides_by_folder(atepp, tmp_path):
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"train": [], "validation": [FOLDER]}))
    assert atepp_alignments(atepp, "train", splits) == []
    assert len(atepp_alignments(atepp, "validation", splits)) == 7


def test_published_tables_give_the_keys_own_durations(atepp):
    (first,), left_out = read_alignments(atepp_alignments(atepp, "train")[:1])
    assert left_out == []
    assert (first.name, first.piece, first.inserted) == (f"{FOLDER}/00001.mid", FOLDER, 1)
    assert first.score.notes["pitch"].tolist() == [60, 62, 64]
    np.testing.assert_allclose(first.performed["onset_sec"], [1.0, 1.5, np.nan], atol=1e-3)
    np.testing.assert_allclose(first.performed["duration_sec"], [0.25, 0.25, np.nan], atol=1e-3)
    assert first.performed["velocity"].tolist() == [70, 80, 0]
    assert first.pedals["number"].tolist() == [64, 64]


def test_ones_own_match_file_comes_first(atepp):
    second = atepp_alignments(atepp, "train")[1]
    assert second.match.name == "00002.match"
    (performance,), _ = read_alignments([second])
    np.testing.assert_allclose(performance.performed["onset_sec"], [1, 2, 3])


def test_what_cannot_be_used_says_why(atepp, tmp_path):
    performances, report = load_aligned(atepp_alignments(atepp, "train"), tmp_path / "cache")
    assert len(performances) == 2
    reasons = [reason for _, reason in report.left_out]
    for reason, expected in zip(reasons, ("live, low quality", "not aligned", "no score", "MIDI file is missing"), strict=True):
        assert expected in reason


def test_another_midi_file_than_the_aligned_one_is_noticed(atepp, tmp_path):
    alignments = atepp_alignments(atepp, "train")[:1]
    load_aligned(alignments, tmp_path / "cache")
    table = alignments[0].match.with_name("ppart.csv")
    table.write_text(PPART.replace("1.0,2.0", "1.5,2.0"))
    _, left_out = read_alignments(alignments)
    assert "2 of the 3 aligned notes" in left_out[0][1]
    table.write_text("onset_sec\n1.0\n")
    _, left_out = read_alignments(alignments)
    assert left_out[0][1].startswith("cannot read")
    assert "\n" not in left_out[0][1]


def test_other_folders_and_files_are_refused_in_one_line(atepp, tmp_path):
    with pytest.raises(PerfLiveError, match="not an ATEPP folder"):
        atepp_alignments(tmp_path, "train")
    (tmp_path / "splits.json").write_text("[]")
    with pytest.raises(PerfLiveError, match="not a splits file with 'train'"):
        atepp_alignments(atepp, "train", tmp_path / "splits.json")
    (atepp / "ATEPP-metadata-1.2.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PerfLiveError, match="cannot be read as ATEPP's metadata") as caught:
        atepp_alignments(atepp, "train")
    assert "\n" not in str(caught.value)
