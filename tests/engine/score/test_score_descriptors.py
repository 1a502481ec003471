"""Descriptors over a piece, from tables by position or by time."""

from pathlib import Path

import numpy as np
import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.base.errors import PerfLiveError
from engine.score.descriptors import MOST_DEVIATIONS, read_score_descriptors, write_score_descriptors
from engine.score.files import read_score
from engine.score.tables import Score
from models.performance.descriptors import DESCRIPTORS


@pytest.fixture
def score(tmp_path: Path) -> Score:
    """Eight quarters: four at 60 a minute, four at 120."""
    slow, fast = (direction("<words>x</words>", f'<sound tempo="{tempo}"/>') for tempo in (60, 120))
    quarters = "".join(note(step, 4) for step in "CDEF")
    (tmp_path / "score.musicxml").write_text(musicxml([attributes() + slow + quarters, fast + quarters]))
    return read_score(tmp_path / "score.musicxml")


def read(tmp_path: Path, score: Score, text: str) -> np.ndarray:
    (tmp_path / "table.csv").write_text(text)
    return read_score_descriptors(tmp_path / "table.csv", score)


def test_values_hold_from_their_position_on(score: Score, tmp_path: Path) -> None:
    described = read(tmp_path, score, "onset_quarter,dissonance,articulation\n4,1.5,-9\n2,-1,0\n6,0,0.5\n")
    assert described[:, DESCRIPTORS.index("dissonance")].tolist() == [-1, -1, -1, -1, 1.5, 1.5, 0, 0]
    assert described[:, DESCRIPTORS.index("articulation")].tolist() == [0, 0, 0, 0, -MOST_DEVIATIONS, -MOST_DEVIATIONS, 0.5, 0.5]
    assert not np.delete(described, [DESCRIPTORS.index(name) for name in ("dissonance", "articulation")], axis=1).any()


def test_what_is_written_is_read_again(score: Score, tmp_path: Path) -> None:
    described = np.random.default_rng(0).normal(0, 1, (8, 7))
    write_score_descriptors(tmp_path / "table.csv", score, described)
    np.testing.assert_allclose(read_score_descriptors(tmp_path / "table.csv", score), described, atol=1e-4)


def test_the_papers_frames_are_taken_relative_and_stretched_to_the_piece(score: Score, tmp_path: Path) -> None:
    frames = np.zeros((12, 8))
    frames[:, 0], frames[:, 1], frames[6:, 2] = 10 + np.arange(12), 0.3, 8.0
    text = "frame_start_time," + ",".join(DESCRIPTORS) + "\n" + "\n".join(",".join(map(str, row)) for row in frames.tolist()) + "\n"
    described = read(tmp_path, score, text)
    # The last onset is 5.5 s after the first at the notated tempo, and 11 s in the table.
    assert described[:, 1].tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
    assert not described[:, 0].any()


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "columns are none"),
        ("onset_quarter\n1\n", "columns are onset_quarter"),
        ("onset_quarter,disonance\n1,2\n", "disonance"),
        ("onset_quarter,dissonance\n", "no rows"),
        ("onset_quarter,dissonance\n1,x\n", "'x'"),
        ("onset_quarter,dissonance\n1,nan\n", "no numbers"),
        ("onset_quarter,dissonance\n1,2\n3\n", "line 3"),
        ("frame_start_time,a\n1,2\n", "7 others"),
        ("\x00", "columns are"),
    ],
)
def test_other_tables_are_refused_in_one_line(score: Score, tmp_path: Path, text: str, fragment: str) -> None:
    with pytest.raises(PerfLiveError, match="table.csv") as caught:
        read(tmp_path, score, text)
    assert fragment in str(caught.value) and "\n" not in str(caught.value) and "onset_quarter" in str(caught.value)


def test_a_missing_table_is_refused(score: Score, tmp_path: Path) -> None:
    with pytest.raises(PerfLiveError, match="none.csv.*No such file"):
        read_score_descriptors(tmp_path / "none.csv", score)
