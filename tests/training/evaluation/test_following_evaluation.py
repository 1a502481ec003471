"""What following and accompanying are judged by, on a performance that is known."""

import numpy as np
import pytest
from duos import lullaby, written_rendition

from engine.runtime.following.solo import written_sec
from engine.runtime.following.timing import Timing
from training.evaluation.ensemble.following.duets import DuetTake, fit_timing, late
from training.evaluation.ensemble.following.takes import STROKE_DTYPE, Take
from training.evaluation.ensemble.following.trials import (
    beats_to_find_after_leaps,
    follow,
    judge,
    quarters_without_repeat,
    with_errors,
)

PIECE = lullaby()
PIANO = PIECE.tracks == 1


@pytest.fixture
def take() -> Take:
    rows = np.flatnonzero(PIANO)
    strokes = np.zeros(len(rows), STROKE_DTYPE)
    strokes["onset_sec"] = written_sec(PIECE.score, PIECE.score.notes["onset_quarter"][rows])
    strokes["pitch"], strokes["row"] = PIECE.score.notes["pitch"][rows], rows
    return Take("lullaby", "piano", PIECE.score, PIANO, strokes)


def test_positions_are_judged_by_the_time_at_which_they_were_played(take: Take) -> None:
    true = PIECE.score.notes["onset_quarter"][take.strokes["row"]]
    assert judge(take, take.strokes, true).close.all()
    a_little = judge(take, take.strokes, true + 0.05)  # 40 ms at 76 quarters a minute
    assert a_little.close[:-3].all() and a_little.near.all()
    beside = judge(take, take.strokes, true + 0.5)
    assert not beside.close[:-3].any() and beside.near.all()
    assert not judge(take, take.strokes, true + 2).near.any()


def test_a_plain_performance_is_followed(take: Take) -> None:
    trial = judge(take, take.strokes, follow(take, take.strokes))
    assert trial.close.mean() > 0.97 and trial.exact.all()


def test_errors_are_as_many_as_said_and_belong_to_no_note_of_the_score(take: Take) -> None:
    many = Take("", "", take.score, take.solo, np.tile(take.strokes, 40))
    strokes = with_errors(many.strokes, np.random.default_rng(0), rate=0.1)
    assert len(strokes) == pytest.approx(0.99 * len(many.strokes), rel=0.02)
    assert (strokes["row"] < 0).mean() == pytest.approx(0.18, abs=0.02)
    right = strokes[strokes["row"] >= 0]
    assert (right["pitch"] == PIECE.score.notes["pitch"][right["row"]]).all()
    assert (np.diff(strokes["onset_sec"]) >= 0).all()


def test_leaps_are_found_and_a_score_without_repeats_has_none_to_skip(take: Take) -> None:
    found = list(beats_to_find_after_leaps(take, np.random.default_rng(1), 8))
    assert all(value >= 0 for value in found)
    assert not list(quarters_without_repeat(take))


def test_shared_onsets_are_compared_in_the_mean_and_the_timing_is_that_which_meets() -> None:
    rendition = written_rendition(PIECE)
    onset_sec = rendition.time_at(PIECE.score.notes["onset_quarter"])
    solo = PIECE.tracks == 0
    off_sec = late(PIECE.score.notes, solo, onset_sec, onset_sec + 0.02)
    assert len(off_sec) > 30 and off_sec == pytest.approx(0.02)
    take = DuetTake(onset_sec, np.full(len(solo), 0.3), np.full(len(solo), 60))
    assert isinstance(fit_timing(PIECE, rendition, solo, [take]), Timing)
