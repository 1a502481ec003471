"""Folders of scores and performances: which belongs to which, what is done again, and what the table says."""

import csv

import numpy as np
import pytest
from test_alignment import perform, scale, write_midi, write_score

from engine.base.command_line import run
from training.alignment.command import app


@pytest.fixture
def folders(tmp_path):
    """Return folders of scores and takes: one score for any take in ``sonata``, two that take names begin with in ``songs``."""
    scores, takes = tmp_path / "scores", tmp_path / "takes"
    for folder in (scores, takes):
        for name in ("sonata", "songs"):
            (folder / name).mkdir(parents=True)
    write_score(scores / "sonata" / "movement.musicxml", scale(8))
    write_score(scores / "songs" / "first.musicxml", scale(4))
    write_score(scores / "songs" / "first_waltz.musicxml", scale(6)[2:])
    write_midi(takes / "sonata" / "anna.mid", perform(scores / "sonata" / "movement.musicxml"))
    write_midi(takes / "songs" / "first_anna.mid", perform(scores / "songs" / "first.musicxml"))
    write_midi(takes / "songs" / "first_waltz_anna.mid", perform(scores / "songs" / "first_waltz.musicxml"))
    wrong = perform(scores / "songs" / "first.musicxml")
    wrong.notes["pitch"] = 100 + np.arange(len(wrong.notes)) % 7
    write_midi(takes / "songs" / "first_wrong.mid", wrong)
    write_midi(takes / "songs" / "second_anna.mid", wrong)
    (takes / "sonata" / "broken.mid").write_bytes(b"MThd, but no more")
    return scores, takes


def align(capfd, *arguments):
    capfd.readouterr()
    status = run(app, "perf-align", [str(argument) for argument in arguments])
    return status, *capfd.readouterr()


def table(out):
    with (out / "quality.csv").open(newline="") as file:
        return {row["take"]: row for row in csv.DictReader(file)}


def test_a_folder_is_aligned_side_by_side_and_goes_on_where_it_was(folders, tmp_path, capfd):
    out = tmp_path / "aligned"
    status, told, _ = align(capfd, *folders, "-o", out, "--jobs", 2)
    assert status == 0 and "6 performances: 3 good, 3 not aligned" in told
    assert "songs/second_anna.mid: not aligned: no score is called as it begins" in told
    rows = table(out)
    good = {"sonata/anna": "movement", "songs/first_anna": "first", "songs/first_waltz_anna": "first_waltz"}
    assert {take.removesuffix(".mid") for take, row in rows.items() if row["verdict"] == "good"} == set(good)
    assert all(rows[f"{take}.mid"]["score"].endswith(f"/{score}.musicxml") for take, score in good.items())
    assert rows["sonata/anna.mid"]["coverage"] == rows["sonata/anna.mid"]["precision"] == "1.0000"
    assert "cannot be read as MIDI" in rows["sonata/broken.mid"]["verdict"]
    assert rows["songs/first_wrong.mid"]["verdict"].startswith("not aligned: no alignment: too few")
    matches = {take: out / f"{take}.match" for take in good}
    assert sorted(out.rglob("*.match")) == sorted(matches.values())

    written = {take: (path.read_bytes(), path.stat().st_mtime_ns) for take, path in matches.items()}
    lines = (out / "quality.csv").read_text().splitlines()
    (out / "quality.csv").write_text("\n".join(line for line in lines if "first_anna" not in line) + "\n")  # killed before it was noted
    matches["sonata/anna"].unlink()
    assert align(capfd, *folders, "-o", out, "--jobs", 1)[0] == 0
    assert table(out) == rows
    for take, path in matches.items():
        assert path.read_bytes() == written[take][0]
        assert (path.stat().st_mtime_ns == written[take][1]) == (take == "songs/first_waltz_anna")

    take = folders[1] / "songs" / "first_anna.mid"
    take.write_bytes((folders[1] / "songs" / "first_waltz_anna.mid").read_bytes())  # another take in its place
    align(capfd, *folders, "-o", out, "--jobs", 1)
    assert table(out)["songs/first_anna.mid"]["digest"] != rows["songs/first_anna.mid"]["digest"]


def test_what_cannot_be_aligned_is_said_in_one_line(folders, tmp_path, capfd):
    scores, takes = folders
    (tmp_path / "none").mkdir()
    for arguments, expected in (
        ((scores, takes / "sonata" / "anna.mid", "-o", "x.match"), "one of the two is a folder and the other is not"),
        ((tmp_path / "none", takes, "-o", tmp_path / "x"), "none' has no files to align; give a folder with files that end in .xml"),
        ((scores / "sonata" / "movement.musicxml", takes / "sonata" / "anna.mid", "-o", "x.match", "--jobs", 2), "--jobs is for folders"),
    ):
        status, _, told = align(capfd, *arguments)
        assert status != 0 and expected in told and len(told.splitlines()) == 1
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "quality.csv").write_text("a,b\n1,2\n")
    status, _, told = align(capfd, scores, takes, "-o", tmp_path / "x")
    assert status != 0 and "not a table of perf-align" in told
