"""The made-up quartet that measures how long reading takes."""

from typing import get_args

from engine.bench.rendering.long_score import Form, quartet
from engine.score.files import read_score


def test_the_quartet_has_the_same_notes_in_each_format(tmp_path):
    found = []
    for form in get_args(Form):
        (tmp_path / f"a.{form}").write_text(quartet(3, form), encoding="utf-8")
        notes = read_score(tmp_path / f"a.{form}").notes
        found.append(sorted(notes[["onset_quarter", "duration_quarter", "pitch"]].tolist()))
    assert max(onset + length for onset, length, _ in found[0]) == (48 + 32) * 4  # of 48 measures 32 are repeated
    assert all(notes == found[0] for notes in found)
