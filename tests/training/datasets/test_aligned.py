"""Aligned performances, on small corpora made in the formats of (n)ASAP and Vienna 4x22."""

import csv
import json

import numpy as np
import pytest
from match_files import MUSICXML, VERSION_1, VERSION_5

from engine.base.command_line import run
from engine.base.errors import PerfLiveError
from engine.score.tables import SCORE_NOTE_DTYPE
from training.datasets import aligned
from training.datasets.aligned import (
    NOT_ROBUST,
    PERFORMED_DTYPE,
    Alignment,
    asap_alignments,
    forget_second_strokes,
    load_aligned,
    read_alignments,
    read_match,
    vienna_alignments,
)
from training.evaluation.command import app

OTHER_EDITION = VERSION_5.replace("(n1-", "(x1-").replace("(n2-", "(x2-")
MATCH_FILES = {"one": VERSION_1, "two": VERSION_5, "weak": VERSION_5, "garbage": "nothing\n", "other": OTHER_EDITION}


@pytest.fixture
def asap(tmp_path):
    folder = tmp_path / "asap" / "Bach" / "Fugue"
    folder.mkdir(parents=True)
    (folder / "xml_score.musicxml").write_text(MUSICXML)
    rows = []
    for name, text in MATCH_FILES.items():
        (folder / f"{name}.match").write_text(text)
        files = {"match_file": f"Bach/Fugue/{name}.match", "xml_score": "Bach/Fugue/xml_score.musicxml"}
        rows.append({"folder": "Bach/Fugue", **files, "robust_note_alignment": "0.0" if name == "weak" else "1.0"})
    root = tmp_path / "asap"
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (root / "splits.json").write_text(json.dumps({"train": ["Bach/Fugue"], "validation": []}))
    return root


def test_a_key_that_voices_meet_on_is_performed_once():
    notes = np.zeros(9, SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["pitch"] = [0, 0, 0, 1, 1, 1, 2, 2, 3], [60, 60, 64, 60, 60, 60, 62, 62, 60]
    notes["is_grace"][5] = True
    performed = np.zeros(9, PERFORMED_DTYPE)
    performed["onset_sec"], performed["velocity"] = [0.1, 0.6, 0.58, 1.4, 1, 0.9, np.nan, 2, 3], 64
    performed["velocity"][6] = 0
    forget_second_strokes(notes, performed)
    # What is struck with it says which; else it is the earlier. A grace note is a stroke of its own, and what was not played stays so.
    assert np.isfinite(performed["onset_sec"]).tolist() == [False, True, True, False, True, True, False, True, True]
    assert performed["velocity"].tolist() == [0, 64, 64, 0, 64, 64, 0, 64, 64] and np.isnan(performed["duration_sec"][0])


def test_a_chord_of_keys_that_voices_meet_on_keeps_what_is_together():
    notes = np.zeros(5, SCORE_NOTE_DTYPE)
    notes["pitch"] = [60, 60, 64, 64, 67]
    performed = np.zeros(5, PERFORMED_DTYPE)
    performed["onset_sec"] = [0.1, 0.6, 0.1, 0.62, 0.58]
    forget_second_strokes(notes, performed)
    np.testing.assert_array_equal(performed["onset_sec"], [np.nan, 0.6, np.nan, 0.62, 0.58])


def test_second_strokes_are_forgotten_when_alignments_are_read(asap, tmp_path, monkeypatch):
    forgotten = []
    monkeypatch.setattr(aligned, "forget_second_strokes", lambda notes, performed: forgotten.append(len(notes) == len(performed)))
    performances, _ = load_aligned(asap_alignments(asap, "train"), tmp_path / "cache")
    assert forgotten == [True] * len(performances) and forgotten


def test_version_1_gives_every_score_note_and_what_was_performed(asap):
    (first,), left_out = read_alignments(asap_alignments(asap, "train")[:1])
    assert left_out == []
    assert (first.name, first.piece, first.inserted) == ("Bach/Fugue/one.match", "Bach/Fugue", 1)
    assert first.score.notes["id"].tolist() == ["n1-1", "n2-1", "n1-2", "n2-2"]
    assert first.score.notes["onset_quarter"].tolist() == [0, 1, 2, 3]
    assert first.score.notes["pitch"].tolist() == [60, 62, 60, 62]
    assert first.score.markings["staccato"].tolist() == [False, True, False, True]
    np.testing.assert_allclose(first.performed["onset_sec"], [1, np.nan, 3, 4])
    np.testing.assert_allclose(first.performed["duration_sec"], [0.5, np.nan, 0.5, 1 / 6])
    assert first.performed["velocity"].tolist() == [64, 0, 70, 127]
    assert first.pedals.tolist() == [(1, 67, 40), (2, 64, 100), (3, 64, 0)]


def test_version_5_has_durations_without_pedal_and_the_metre_of_the_score(asap):
    _, second = read_alignments(asap_alignments(asap, "train")[:2])[0]
    np.testing.assert_allclose(second.performed["onset_sec"], [0.5, 1, 1.5, 2])
    np.testing.assert_allclose(second.performed["duration_sec"], 0.5)
    assert second.performed["velocity"].tolist() == [64, 65, 66, 67]
    assert second.pedals.tolist() == [(0.5, 64, 127)]
    assert second.score.time_signatures.tolist() == [(0, 2, 4)]
    assert second.score.measures.tolist() == [(0, 2, 1), (2, 2, 1)]


def test_performances_with_the_same_repeats_share_a_score(asap):
    performances, _ = read_alignments(asap_alignments(asap, "train")[:2])
    assert performances[0].score is performances[1].score


def test_the_report_says_what_was_left_out_and_why(asap, tmp_path, capsys):
    performances, report = load_aligned(asap_alignments(asap, "train"), tmp_path / "cache")
    assert len(performances) == report.performances == 2
    assert (report.pieces, report.score_notes, report.matched_notes, report.inserted_notes) == (1, 8, 7, 1)
    reasons = dict(report.left_out)
    assert reasons["Bach/Fugue/weak.match"] == NOT_ROBUST
    assert "cannot read" in reasons["Bach/Fugue/garbage.match"]
    assert "different editions" in reasons["Bach/Fugue/other.match"]
    lines = str(report).splitlines()
    assert lines[0].startswith("2 performances of 1 pieces: 7 of 8 score notes performed (87.5%), 1 performed")
    assert len(lines) == 4
    assert "nothing" not in capsys.readouterr().out  # partitura prints the lines that it cannot read


def test_a_performance_of_less_than_half_the_score_is_left_out(asap):
    little = VERSION_5.splitlines()
    little[6:9] = [line.split(")-")[0] + ")-deletion." for line in little[6:9]]
    path = asap / "little.match"
    path.write_text("\n".join(little) + "\n")
    _, left_out = read_alignments([Alignment("little", "Fugue", path, asap / "Bach/Fugue/xml_score.musicxml")])
    assert left_out == [("little", "25% of the score's notes are performed; at least 50% are needed")]


def test_the_cache_gives_back_what_was_read_and_notices_changes(asap, tmp_path, monkeypatch):
    alignments = asap_alignments(asap, "train")
    first, report = load_aligned(alignments, tmp_path / "cache")

    def must_not_read(_):
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        patched.setattr(aligned, "read_alignments", must_not_read)
        again, report_again = load_aligned(alignments, tmp_path / "cache")
        assert report_again == report
        for one, other in zip(first, again, strict=True):
            assert (one.name, one.piece, one.inserted) == (other.name, other.piece, other.inserted)
            assert one.performed.tobytes() == other.performed.tobytes()  # a NaN in a structured array equals nothing
            np.testing.assert_array_equal(one.pedals, other.pedals)
            for table in ("notes", "measures", "time_signatures", "tempos", "markings"):
                np.testing.assert_array_equal(getattr(one.score, table), getattr(other.score, table))
            assert (one.score.has_markings, one.score.words) == (other.score.has_markings, other.score.words)
        alignments[0].match.write_text(VERSION_5)
        with pytest.raises(AssertionError, match="read again"):
            load_aligned(alignments, tmp_path / "cache")
    changed, _ = load_aligned(alignments, tmp_path / "cache")
    assert changed[0].performed["velocity"].tolist() == [64, 65, 66, 67]


def test_a_cache_from_before_a_marking_was_added_is_still_read(asap, tmp_path):
    alignments = asap_alignments(asap, "train")
    first, _ = read_alignments(alignments[:1])
    load_aligned(alignments, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    with np.load(path) as stored:
        arrays = dict(stored)
    for name in arrays:
        if name.endswith("markings"):
            arrays[name] = arrays[name][["dynamic", "staccato", "velocity", "velocity_within"]]
    np.savez(path, **arrays)
    again, _ = load_aligned(alignments, tmp_path / "cache")
    np.testing.assert_array_equal(again[0].score.markings, first[0].score.markings)


def test_vienna_performances_find_their_score(tmp_path):
    for folder in ("match", "musicxml"):
        (tmp_path / folder).mkdir()
    (tmp_path / "musicxml" / "Schubert_D783_no15.musicxml").write_text(MUSICXML)
    (tmp_path / "match" / "Schubert_D783_no15_p01.match").write_text(VERSION_1)
    (performance,), _ = read_alignments(vienna_alignments(tmp_path))
    assert (performance.name, performance.piece) == ("Schubert_D783_no15_p01.match", "Schubert_D783_no15")


def test_perf_eval_data_reports_each_corpus(asap, tmp_path, capfd):
    for _ in ("read", "from the cache"):
        assert run(app, "perf-eval", ["data", "--asap", str(asap), "--cache", str(tmp_path / "cache")]) == 0
        output, progress = capfd.readouterr()
        assert "(n)ASAP, train: 2 performances of 1 pieces: 7 of 8 score notes" in output
        assert f"left out: Bach/Fugue/weak.match: {NOT_ROBUST}" in output
        assert "(n)ASAP, validation: 0 performances" in output
        assert "reading alignments" not in output
    assert "reading alignments" not in progress


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "no corpus given"),
        (["--asap", "none", "--splits", "splits.json"], 2, "--splits is for --atepp"),
        (["--vienna", "none"], 1, "not a Vienna 4x22 folder"),
        (["--atepp", "none"], 1, "not an ATEPP folder"),
    ],
)
def test_perf_eval_data_refuses_in_one_line(capfd, arguments, status, message):
    assert run(app, "perf-eval", ["data", *arguments]) == status
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_other_folders_and_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(PerfLiveError, match="not a Vienna 4x22 folder"):
        vienna_alignments(tmp_path)
    with pytest.raises(PerfLiveError, match="unpack the corpus again"):
        load_aligned([Alignment("none", "none", tmp_path / "none.match", tmp_path / "none.xml")], tmp_path)
    (tmp_path / "empty.match").write_text("")
    with pytest.raises(PerfLiveError, match="cannot read .*empty.match") as caught:
        read_match(tmp_path / "empty.match")
    assert "\n" not in str(caught.value)
