"""How well a follower does: what a soloist's hand plays, as it was played, with errors, after a leap and without a repeat."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine.runtime.following.follower import Follower
from engine.runtime.following.solo import Solo, solo_of
from engine.score.tempo import beat_quarters
from training.evaluation.ensemble.following.takes import STROKE_DTYPE, Take

CLOSE_SEC = 0.05
WRONG_SEMITONES = 2
LEAST_LEAP_QUARTERS = 8.0
BEFORE, AFTER = 60, 60  # strokes that are played around a leap
FOUND = 3  # strokes in a row that are found after a leap, before it counts as found
SAME_QUARTERS = 1e-3
PAUSE_SEC = 0.8  # before a soloist goes on elsewhere
MOST_IN_FIGURE, LEAST_TIMES = 4, 3  # onsets of a figure that repeats itself, and how many times in a row it comes


class Trial(NamedTuple):
    """By stroke that belongs to the score: whether it was found within 50 ms, within a quarter, and whether the score says exactly when
    it is played, which it does not in a trill. ``in_trill``: whether the position is anywhere in the trill that the stroke is of, and
    within a quarter of where the rest of the music is at that moment; ``in_figure`` the same of a figure that repeats itself, of whose
    times one is not told from another by what is played. ``in_beat``: whether it was found within a
    beat of the metre, which is three eighths in 6/8.
    """

    close: np.ndarray
    near: np.ndarray
    exact: np.ndarray
    in_trill: np.ndarray
    in_figure: np.ndarray
    in_beat: np.ndarray


def follow(take: Take, strokes: np.ndarray, solo: Solo | None = None) -> np.ndarray:
    """Return for each stroke the position, in quarters, that a follower finds with it."""
    follower = Follower(solo or solo_of(take.score, take.solo))
    played = zip(strokes["onset_sec"].tolist(), strokes["pitch"].tolist(), strict=True)
    return np.array([follower.hear(time_sec, pitch).quarter for time_sec, pitch in played])


def judge(take: Take, strokes: np.ndarray, found: np.ndarray) -> Trial:
    """Compare positions with those of the notes that were played. Seconds are those of the take, between whose onsets they are measured: an
    onset lasts from its first stroke to its last.
    """
    known = strokes["row"] >= 0
    true, times = take.score.notes["onset_quarter"][strokes["row"][known]], strokes["onset_sec"][known]
    quarters, onset = np.unique(np.round(true, 4), return_inverse=True)
    first, last = np.full(len(quarters), np.inf), np.full(len(quarters), -np.inf)
    np.minimum.at(first, onset, times)
    np.maximum.at(last, onset, times)
    at = found[known]
    off_sec = np.maximum(np.interp(at, quarters, first) - times, times - np.interp(at, quarters, last))
    rows = strokes["row"][known]
    solo = solo_of(take.score, take.solo)
    state = np.searchsorted(solo.onsets, take.score.notes["onset_quarter"][rows] - SAME_QUARTERS).clip(max=len(solo.onsets) - 1)
    exact = ~(solo.trilling[state] | take.score.markings["ornament"][rows])
    with_music = np.abs(at - _music_at(take, times)) <= 1.0
    in_trill, in_figure = (
        with_music & (at >= begins[state] - SAME_QUARTERS) & (at <= ends[state] + SAME_QUARTERS)
        for begins, ends in (_trills(solo), figures(solo))
    )
    off = np.abs(at - true)
    beats = np.array([beat_quarters(take.score, quarter) for quarter in quarters.tolist()])[onset]
    return Trial(off_sec <= CLOSE_SEC, off <= 1.0, exact, in_trill & ~exact, in_figure, off <= beats + SAME_QUARTERS)


def _trills(solo: Solo) -> tuple[np.ndarray, np.ndarray]:
    """Return for each onset (K,) of a soloist the first and the last onset, in quarters, of the trill that it is of, or itself."""
    joined = solo.trilling[1:] & solo.trilling[:-1]
    number = np.cumsum(np.concatenate([[True], ~joined])) - 1
    begins = np.flatnonzero(np.concatenate([[True], ~joined]))
    ends = np.append(begins[1:], len(number)) - 1
    return solo.onsets[begins[number]], solo.onsets[ends[number]]


def figures(solo: Solo) -> tuple[np.ndarray, np.ndarray]:
    """Return for each onset (K,) of a soloist the first and the last onset, in quarters, of the longest passage around it in which a
    figure of up to MOST_IN_FIGURE onsets comes LEAST_TIMES times or more, note by note and evenly; or the onset itself.
    """
    count, gaps = len(solo.onsets), np.diff(solo.onsets, prepend=-np.inf)
    begins, ends = np.arange(count), np.arange(count)
    for length in range(1, min(MOST_IN_FIGURE, count - 1) + 1):
        again = np.zeros(count, dtype=bool)
        again[length:] = (solo.pitches[length:] == solo.pitches[:-length]).all(axis=1)
        again[length + 1 :] &= np.abs(gaps[length + 1 :] - gaps[1:-length]) < SAME_QUARTERS
        edges = np.flatnonzero(np.diff(np.concatenate([[False], again, [False]])))
        for begin, end in edges.reshape(-1, 2).tolist():
            if end - begin >= (LEAST_TIMES - 1) * length:
                rows = np.arange(begin - length, end)
                longer = rows[ends[rows] - begins[rows] < len(rows) - 1]
                begins[longer], ends[longer] = rows[0], rows[-1]
    return solo.onsets[begins], solo.onsets[ends]


def _music_at(take: Take, times: np.ndarray) -> np.ndarray:
    """Return the positions, in quarters, at ``times`` in seconds, as the notes of both hands that belong to no trill have them."""
    notes, said = take.score.notes, np.isfinite(take.played_sec) & ~take.score.markings["ornament"] & ~take.score.notes["is_grace"]
    for rows in (take.solo, ~take.solo):
        if rows.any():
            solo = solo_of(take.score, rows)
            state = np.searchsorted(solo.onsets, notes["onset_quarter"][rows] - SAME_QUARTERS).clip(max=len(solo.onsets) - 1)
            said[np.flatnonzero(rows)[solo.trilling[state]]] = False
    quarters, onset = np.unique(np.round(notes["onset_quarter"][said], 4), return_inverse=True)
    played = np.bincount(onset, take.played_sec[said]) / np.maximum(np.bincount(onset), 1)
    return np.interp(times, np.maximum.accumulate(played), quarters) if len(quarters) else np.full(len(times), np.nan)


def with_errors(strokes: np.ndarray, random: np.random.Generator, rate: float = 0.05) -> np.ndarray:
    """Return strokes of which a share of ``rate`` is missing, as many are wrong, and as many more stand between."""
    kept = strokes[random.random(len(strokes)) >= rate].copy()
    wrong = random.random(len(kept)) < rate
    kept["pitch"][wrong] += _beside(random, int(wrong.sum()))
    kept["row"][wrong] = -1
    extra = kept[random.random(len(kept)) < rate].copy()
    extra["pitch"] += _beside(random, len(extra))
    extra["onset_sec"] += random.uniform(0.0, 0.2, len(extra))
    extra["row"] = -1
    return np.sort(np.concatenate([kept, extra]), order="onset_sec", kind="stable")


def _beside(random: np.random.Generator, count: int) -> np.ndarray:
    return random.choice([-1, 1], count) * random.integers(1, WRONG_SEMITONES + 1, count)


def beats_to_find_after_leaps(take: Take, random: np.random.Generator, leaps: int) -> Iterator[float]:
    """Yield by leap to anywhere how many quarters are played until the follower has found it; infinity where it does not."""
    strokes, quarters = take.strokes, take.score.notes["onset_quarter"]
    for _ in range(leaps):
        one, other = (int(random.integers(0, max(len(strokes) - BEFORE, 1))) for _ in range(2))
        before, after = strokes[one : one + BEFORE], strokes[other : other + AFTER]
        known = [part["row"][part["row"] >= 0] for part in (before, after)]
        if min(map(len, known)) < BEFORE // 2 or abs(quarters[known[1][0]] - quarters[known[0][-1]]) < LEAST_LEAP_QUARTERS:
            continue
        yield _quarters_to_find(take, _joined(before, after), len(before))


def quarters_without_repeat(take: Take) -> Iterator[tuple[float, float]]:
    """Yield by repeat that is skipped how many quarters are played until the follower has found it, and how long a bar there is."""
    solo = solo_of(take.score, take.solo)
    strokes, quarters = take.strokes, take.score.notes["onset_quarter"]
    at = np.where(strokes["row"] >= 0, quarters[strokes["row"]], np.nan)
    for came, goes in zip(*solo.leaps(), strict=True):
        if goes <= came + 1:
            continue
        end, begin = solo.onsets[came], solo.onsets[goes]
        until, since = np.flatnonzero(at <= end + SAME_QUARTERS), np.flatnonzero(at >= begin - SAME_QUARTERS)
        if not len(until) or not len(since):
            continue
        before, after = strokes[max(until[-1] + 1 - 2 * BEFORE, 0) : until[-1] + 1], strokes[since[0] : since[0] + 2 * AFTER]
        if len(before) >= BEFORE and len(after) >= AFTER:
            bar = max(int(np.searchsorted(take.score.measures["onset_quarter"], begin + SAME_QUARTERS)) - 1, 0)
            found = _quarters_to_find(take, _joined(before, after, 0.0), len(before))
            yield found, float(take.score.measures["duration_quarter"][bar])


def _joined(before: np.ndarray, after: np.ndarray, pause_sec: float = PAUSE_SEC) -> np.ndarray:
    moved = after.copy()
    usual_sec = float(np.median(np.diff(after["onset_sec"][:9]))) if len(after) > 1 else 0.0
    moved["onset_sec"] += before["onset_sec"][-1] + max(pause_sec, usual_sec) - after["onset_sec"][0]
    return np.concatenate([before, moved]).astype(STROKE_DTYPE)


def _quarters_to_find(take: Take, strokes: np.ndarray, leap: int) -> float:
    """Return how many quarters are played after the stroke number ``leap`` until FOUND strokes in a row are found."""
    found = follow(take, strokes)
    known = np.flatnonzero(strokes["row"] >= 0)
    known = known[known >= leap]
    true = take.score.notes["onset_quarter"][strokes["row"][known]]
    right = np.abs(found[known] - true) <= 1.0
    for index in range(len(right) - FOUND + 1):
        if right[index : index + FOUND].all():
            return float(true[index] - true[0])
    return np.inf
