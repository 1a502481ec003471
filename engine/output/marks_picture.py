"""The markings of a score, drawn above the notes: words, slurs, fermatas, hairpins and dynamics, each kind on a line of its own."""

from typing import Any, NamedTuple

import numpy as np

from engine.output.picture_page import GREY, INK
from engine.score.tables import DYNAMICS, Score

WORDS, SLURS, DYNAMIC = 2.5, 1.5, 0.5  # where the lines are, from the bottom
LETTER_SHARE = 0.0056  # how wide a letter of a label is, as a share of a system's length
LEAST_SHARE = 0.02  # of a hairpin between two notes, to tell how long it is
GRADUAL = {1: "accel.", -1: "rit."}


class Span(NamedTuple):
    """A marking from one place to another; ``sign`` 1 for louder or faster, -1 for softer or slower."""

    begin: float
    end: float
    sign: int


class Marks(NamedTuple):
    """What is drawn, each in order of place: (quarter, text) of words and dynamics, spans, and places of fermatas."""

    words: list[tuple[float, str]]
    tempos: list[Span]
    fermatas: list[float]
    slurs: list[tuple[float, float]]
    hairpins: list[Span]
    dynamics: list[tuple[float, str]]


def find_marks(score: Score) -> Marks:
    """Return what is marked in a score. Slurs and dynamics are those of the upper staff of the first part that has any."""
    words = sorted({(word.onset_quarter, word.text) for word in score.words if any(map(str.isalpha, word.text))})
    tempos = gradual_spans(score, "tempo_change")
    said = [onset for onset, _ in words]
    words += [(span.begin, GRADUAL[span.sign]) for span in tempos if not any(abs(span.begin - onset) < 0.5 for onset in said)]
    fermatas = np.unique(score.notes["onset_quarter"][score.markings["fermata"]]).tolist()
    return Marks(sorted(words), tempos, fermatas, slur_spans(score), gradual_spans(score, "hairpin"), dynamic_marks(score))


def gradual_spans(score: Score, name: str) -> list[Span]:
    """Return the hairpins ("hairpin") or gradual changes of the tempo ("tempo_change"), in order; of those that overlap the first."""
    found: set[Span] = set()
    for part in np.unique(score.notes["part"]).tolist():
        own = np.flatnonzero((score.notes["part"] == part) & (score.markings[name] != 0))
        onsets, signs = score.notes["onset_quarter"][own], score.markings[name][own]
        shares = score.markings[f"{name}_position"][own].astype(float)
        breaks = np.flatnonzero((np.diff(signs) != 0) | (np.diff(shares) < 0)) + 1
        for rows in np.split(np.arange(len(own)), breaks):
            if len(rows):
                begin, end = _ends(onsets[rows], shares[rows], score.end_quarter)
                found.add(Span(round(begin, 3), round(end, 3), int(signs[rows[0]])))
    apart: list[Span] = []
    for span in sorted(found):
        if not apart or span.begin >= apart[-1].end - 1e-3:
            apart.append(span)
    return apart


def _ends(onsets: np.ndarray, shares: np.ndarray, last: float) -> tuple[float, float]:
    """Return where a marking begins and ends whose ``shares`` have passed at the ``onsets`` of notes."""
    first_share, last_share = float(shares[0]), float(shares[-1])
    if onsets[-1] > onsets[0] and last_share - first_share > LEAST_SHARE:
        length = float(onsets[-1] - onsets[0]) / (last_share - first_share)
        begin = float(onsets[0]) - first_share * length
        return max(begin, 0.0), min(begin + length, last)
    return float(onsets[0]), min(float(onsets[0]) + 1.0, last)


def slur_spans(score: Score) -> list[tuple[float, float]]:
    """Return where the slurs of the upper staff begin and end, those that are alike once, in order."""
    found: set[tuple[float, float]] = set()
    upper = _is_upper(score, "slurred")
    for voice in np.unique(score.notes["voice"][upper]).tolist():
        begun: float | None = None
        for row in np.flatnonzero(upper & (score.notes["voice"] == voice)).tolist():
            onset = float(score.notes["onset_quarter"][row])
            if score.markings["slur_end"][row] and begun is not None and onset > begun:
                found.add((begun, onset))
                begun = None
            if score.markings["slur_start"][row] and begun is None:
                begun = onset
    return sorted(found)


def draw_marks(axes: Any, marks: Marks, begin: float, end: float) -> None:
    """Draw what is marked between two places."""
    axes.set_ylim(0, 3)
    left, right = axes.get_xlim()
    letter = LETTER_SHARE * float(right - left)
    _draw_words(axes, marks, begin, end, letter)
    for onset in marks.fermatas:
        if begin <= onset < end:
            axes.plot([onset], [SLURS + 0.45], marker=r"$\frown$", markersize=9, color=INK, clip_on=False)
            axes.plot([onset], [SLURS + 0.35], marker=".", markersize=3, color=INK, clip_on=False)
    for first, last in marks.slurs:
        if first < end and last >= begin:
            across = np.linspace(first, last, 20)
            axes.plot(across, SLURS - 0.35 + 0.7 * np.sin(np.pi * np.linspace(0, 1, 20)), color=INK, linewidth=0.8)
    for span in marks.hairpins:
        if span.begin < end and span.end > begin:
            wide, narrow = (span.end, span.begin) if span.sign > 0 else (span.begin, span.end)
            for side in (-0.3, 0.3):
                axes.plot([narrow, wide], [DYNAMIC, DYNAMIC + side], color=INK, linewidth=0.9)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    bold = {"fontsize": 9, "fontstyle": "italic", "fontweight": "bold", "family": "serif"}
    for place, mark in _apart(marks.dynamics, begin, end, letter):
        axes.text(place, DYNAMIC, mark, color=INK, va="center", bbox=box, **bold)


def _draw_words(axes: Any, marks: Marks, begin: float, end: float, letter: float) -> None:
    shown = _apart(marks.words, begin, end, letter)
    for place, text in shown:
        axes.text(place, WORDS, text, fontsize=9, fontstyle="italic", color=INK, va="center")
    for span in marks.tempos:
        text = next((text for place, text in shown if abs(place - span.begin) < 0.5), "")
        first = max(span.begin + letter * (len(text) + 0.5), begin)
        if first < min(span.end, end):
            axes.plot([first, span.end], [WORDS, WORDS], color=GREY, linewidth=1, linestyle=(0, (4, 3)))


def _apart(labels: list[tuple[float, str]], begin: float, end: float, letter: float) -> list[tuple[float, str]]:
    """Return the labels of a line of a system, without those that would lie over the one before."""
    shown: list[tuple[float, str]] = []
    free = begin
    for place, text in labels:
        if free <= place < end:
            shown.append((place, text))
            free = place + letter * (len(text) + 1)
    return shown


def dynamic_marks(score: Score) -> list[tuple[float, str]]:
    """Return where the dynamics of the upper staff change, and to what."""
    own = _is_upper(score, "dynamic")
    levels, onsets = score.markings["dynamic"][own], score.notes["onset_quarter"][own]
    changes = np.flatnonzero((np.diff(levels, prepend=0) != 0) & (levels > 0))
    return [(place, DYNAMICS[level - 1]) for place, level in zip(onsets[changes].tolist(), levels[changes].tolist(), strict=True)]


def _is_upper(score: Score, marking: str) -> np.ndarray:
    """Return which notes, (N,), are those of the upper staff of the first part that has a marking at all."""
    own: np.ndarray = score.notes["part"] == score.notes["part"][score.markings[marking] != 0].min(initial=score.notes["part"].max())
    return own & (score.notes["staff"] == score.notes["staff"][own].min(initial=9))
