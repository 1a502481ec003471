"""Performances drawn note by note around the mean: what performers of a score differ in, learnt by a small network for each column.

Each network reads the note, the mean, and what was drawn before it: of the notes of its chord, of the nearest note of the chord before, of
the last chords and anchors, and running averages over 4 to 256 of them, which carry what a performer does throughout a piece. Its answer is
a distribution in bins, whose bounds are quantiles of human performances, and a number from it lies anywhere in its bin: nothing is rounded.
The columns are drawn in the order of ORDER, each knowing those before it; tempo and pedal once an anchor, the others once a note. In this
way steps from note to note, and what goes with what, are as in performances, which no mean and no independent noise can give.

Autoregressive distributions in bins: van den Oord et al., "Pixel Recurrent Neural Networks", ICML 2016. NumPy only.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from models.layers.heads import Head, LaterLayers
from models.performance.features import FEATURES, at_played_tempo
from models.performance.ordered_file import save_in_order
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    COLUMNS,
    PEDAL,
    PEDAL_BETWEEN,
    PEDAL_CHANGE,
    PEDAL_RETURN,
    PERFORMANCE_COLUMNS,
    TIMING,
    VELOCITY,
)

OF_ANCHORS = [BEAT_PERIOD, PEDAL, PEDAL_BETWEEN, PEDAL_CHANGE, PEDAL_RETURN]
OF_NOTES = [VELOCITY, TIMING, ARTICULATION]
_COLUMNS_OF_NOTES = slice(OF_NOTES[0], OF_NOTES[-1] + 1)  # they lie side by side
ORDER = (*OF_ANCHORS, *OF_NOTES)
WHOLE = (TIMING, *OF_ANCHORS[1:])  # drawn as they are, the others about the mean: much of these is exactly 0 or the pedal's end
LAGS = 3  # chords and anchors before that are seen one by one
AVERAGED = np.array([4, 16, 64, 256])  # notes or anchors
RATES = np.maximum(1 / AVERAGED, 1 / np.arange(1, AVERAGED[-1] + 1)[:, None]).astype(np.float32)  # of the average of so many, and of more
FURTHEST = 6.0  # deviations of an input from its mean
PITCH = FEATURES.index("pitch")
READ = tuple(
    "pitch below_top above_bass is_top is_bottom notes_above notes_below is_grace grace_in_chord in_second_hand hand_span "
    "above_hand_bottom below_hand_top hand_notes voice_before_interval voice_after_interval voice_before_quarters "
    "voice_after_quarters voice_gate key_before_quarters key_after_known key_after_quarters key_gate duration gap_before gap_after "
    "duration_of_gap longest_in_chord chord_notes density_1 density_4 gap_-2 gap_-1 gap_+1 gap_+2 on_beat on_half_beat on_downbeat "
    "near_end_0.25 near_end_1 near_beginning_0.25 fermata_in_chord fermata_before staccato slurred slur_end ornament top_-1 top_+1 "
    "bass_-1 bass_+1".split()
)
_READ = [FEATURES.index(name) for name in READ]


class Scored(NamedTuple):
    """Notes that are to be drawn: ``features`` (n, F), the mean ``base`` (n, 8) that they are drawn around, the ``notated`` log2 of seconds
    (n,), and ``begins`` (n,) bool, whether a note is the first of its anchor.
    """

    features: np.ndarray
    base: np.ndarray
    notated: np.ndarray
    begins: np.ndarray

    def inputs(self) -> np.ndarray:
        """Return what is read of the score and the mean, (n, len(READ) + 9)."""
        return np.concatenate([self.features[:, _READ], self.base, self.notated[:, None]], axis=1).astype(np.float32)


class Past:
    """What was drawn before a note of a performance: residuals, in the order of OF_ANCHORS and OF_NOTES."""

    def __init__(self) -> None:
        self._known = np.zeros(PAST_INPUTS, np.float32)  # what ``inputs`` returned last, but for what has come since
        self._anchor = np.zeros(len(OF_ANCHORS), np.float32)
        self._before: list[tuple[float, np.ndarray]] = []  # pitches and residuals (3,) of the chord before
        self._drawn: list[tuple[float, np.ndarray]] = []  # the same of the chord that is being drawn
        self._anchor_count = self._note_count = 0

    @property
    def averages(self) -> np.ndarray:
        """Running averages of residuals by column, (8, len(AVERAGED))."""
        return self._known[_AVERAGES].reshape(COLUMNS, len(AVERAGED))

    @property
    def anchor_columns(self) -> np.ndarray:
        """The columns (5,) of the anchor that was begun last."""
        return self._known[_ANCHOR]

    def copy(self) -> "Past":
        """Return a past that goes on by itself."""
        copied = copy.copy(self)
        copied._known, copied._drawn = self._known.copy(), list(self._drawn)
        return copied

    def begin_anchor(self) -> None:
        if self._drawn:
            _put_first(self._known[_CHORDS], self._of_chord())
            _put_first(self._known[_ANCHORS], self._anchor)
            self._before, self._drawn = self._drawn, []

    def set_anchor(self, residual: np.ndarray, columns: np.ndarray) -> None:
        """Take ``residual`` and ``columns`` (5,) of the anchor that begins."""
        self._anchor, self._known[_ANCHOR] = residual, columns
        self._average(OF_ANCHORS, residual, self._anchor_count)
        self._anchor_count += 1

    def add_note(self, pitch: float, residual: np.ndarray) -> None:
        """Take the ``residual`` (3,) of a note."""
        self._drawn.append((pitch, residual))
        self._average(_COLUMNS_OF_NOTES, residual, self._note_count)
        self._note_count += 1

    def _average(self, columns: list[int] | slice, residual: np.ndarray, count: int) -> None:
        averages = self.averages
        before = averages[columns]
        averages[columns] = before + RATES[min(count, len(RATES) - 1)] * (residual[:, None] - before)

    def _of_chord(self) -> np.ndarray:
        """Return the mean residual (3,) of what is drawn of a chord."""
        return self._drawn[0][1] if len(self._drawn) == 1 else np.mean([residual for _, residual in self._drawn], axis=0)

    def inputs(self, pitch: float) -> np.ndarray:
        """Return what is known before a note of ``pitch``, in octaves, is drawn: (PAST_INPUTS,)."""
        known = self._known
        if self._before:
            nearest, residual = min(self._before, key=lambda each: abs(each[0] - pitch))
            known[_NEAREST], known[_NEAREST.stop] = residual, pitch - nearest
        if self._drawn:
            known[_LAST], known[_CHORD], known[_CHORD.stop] = self._drawn[-1][1], self._of_chord(), 1
        else:
            known[_LAST.start : _CHORD.stop + 1] = 0
        known[-1] = math.log1p(self._note_count) / 4
        return known.copy()


def _put_first(row: np.ndarray, newest: np.ndarray) -> None:
    """Put what is newest before what a row has, whose oldest is forgotten."""
    row[len(newest) :] = row[: -len(newest)].copy()
    row[: len(newest)] = newest


def _following(*widths: int) -> list[slice]:
    """Return slices of these widths, one after the other."""
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]


# What is known before a note: after the nearest note's residual comes how much higher the note is, after the chord's that there is one.
_WIDTHS = COLUMNS * len(AVERAGED), LAGS * len(OF_ANCHORS), LAGS * len(OF_NOTES), *(3, 1), *(3, 3, 1), len(OF_ANCHORS)
_AVERAGES, _ANCHORS, _CHORDS, _NEAREST, _, _LAST, _CHORD, _, _ANCHOR = _following(*_WIDTHS)
PAST_INPUTS = _ANCHOR.stop + 1
SCORE_INPUTS = len(READ) + COLUMNS + 1
DRAWN_INPUTS = 2 * COLUMNS + 1


def drawn_inputs(column: int, residual: np.ndarray, columns: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Return what is drawn of a note before ``column`` is, (..., DRAWN_INPUTS): ``residual`` and ``columns`` (..., 8) and, at the tempo
    that is drawn, log2 of its notated ``seconds`` (...,); 0 of what comes later.
    """
    known = np.zeros(COLUMNS, np.float32)
    known[list(ORDER[: ORDER.index(column)])] = 1
    parts = [residual * known, columns * known, (seconds * known[BEAT_PERIOD])[..., None]]
    return np.clip(np.concatenate(parts, axis=-1), -FURTHEST, FURTHEST).astype(np.float32)


def within(values: np.ndarray) -> np.ndarray:
    """Return values no further than FURTHEST from 0; quicker than np.clip."""
    return np.asarray(np.maximum(np.minimum(values, FURTHEST), -FURTHEST))


class Draws(Protocol):
    """What draws performances around a mean.

    At temperature 1 residuals count ``residual_gain`` times (8,), and of the mean's gain the share ``mean_gain_removed`` (8,) is removed:
    nearer to each other, performances stay as wide.
    """

    @property
    def residual_gain(self) -> np.ndarray: ...
    @property
    def mean_gain_removed(self) -> np.ndarray: ...

    def draw(self, scored: Scored, past: Past, uniform: np.ndarray) -> tuple[np.ndarray, Past]:
        """Return the columns (n, 8) of notes, normalised, and the past after them; ``uniform`` (n, 8) are chance's."""


class _Layers(NamedTuple):
    """The networks' layers as they are called, column by column in the order of ORDER; ``of`` are the columns' places in a first layer.

    What is summed up for a silu is half of it, which is exact (see ``silu_of_half``). ``drawn`` (DRAWN_INPUTS, H1 of all) is of what is
    drawn of a note before; ``taken`` are those of its rows that a column sets, for the columns after it.
    """

    of: list[slice]
    score: np.ndarray
    past: np.ndarray
    first_bias: np.ndarray
    drawn: np.ndarray
    taken: list[np.ndarray]
    later: list[LaterLayers]

    @classmethod
    def of_heads(cls, heads: Sequence[Head]) -> "_Layers":
        of, first = _following(*(len(head.second) for head in heads)), np.concatenate([head.first for head in heads], axis=1) / 2
        score, past, drawn = np.split(first, [SCORE_INPUTS, SCORE_INPUTS + PAST_INPUTS])
        return cls(
            of,
            score,
            past,
            np.concatenate([head.first_bias for head in heads]) / 2,
            drawn,
            [drawn[_set_by(column), place.stop :] for column, place in zip(ORDER, of, strict=True)],
            [LaterLayers.of(head) for head in heads],
        )


def _seconds(columns: np.ndarray, notated: np.ndarray) -> np.ndarray:
    """Return log2 of the notated seconds (), at the tempo of a note's columns (8,)."""
    return np.asarray(at_played_tempo(columns[None], notated)[0])


def _set_by(column: int) -> list[int]:
    """Return which of ``drawn_inputs`` a column sets."""
    return [column, COLUMNS + column, *([DRAWN_INPUTS - 1] if column == BEAT_PERIOD else [])]


@dataclass(frozen=True)
class Residuals:
    """The networks by column. ``centre`` and ``scale`` (SCORE_INPUTS + PAST_INPUTS,) bring what they read about the notes to one size. For
    the gains see ``Draws``.
    """

    heads: Mapping[int, Head]
    centre: np.ndarray
    scale: np.ndarray
    residual_gain: np.ndarray
    mean_gain_removed: np.ndarray

    @cached_property
    def _layers(self) -> _Layers:
        return _Layers.of_heads([self.heads[column] for column in ORDER])

    def draw(self, scored: Scored, past: Past, uniform: np.ndarray) -> tuple[np.ndarray, Past]:
        """See ``Draws``."""
        past, layers = past.copy(), self._layers
        of_score = self._sized(scored.inputs(), slice(0, SCORE_INPUTS)) @ layers.score + layers.first_bias
        performed, pitches = np.zeros((len(scored.base), COLUMNS), np.float32), (2 * scored.features[:, PITCH]).tolist()
        for note, (pitch, begins, shares) in enumerate(zip(pitches, scored.begins.tolist(), uniform.tolist(), strict=True)):
            if begins:
                past.begin_anchor()
            drawn, base, notated = performed[note], scored.base[note], scored.notated[note]
            first = self._sized(past.inputs(pitch), slice(SCORE_INPUTS, None)).dot(layers.past)
            first += of_score[note]
            if not begins:
                drawn[OF_ANCHORS] = past.anchor_columns
                first += drawn_inputs(OF_NOTES[0], drawn - base, drawn, _seconds(drawn, notated)) @ layers.drawn
            self._draw(0 if begins else len(OF_ANCHORS), first, drawn, base.tolist(), notated, shares)
            residual = drawn - base
            if begins:
                past.set_anchor(residual[OF_ANCHORS], drawn[OF_ANCHORS])
            past.add_note(pitch, residual[_COLUMNS_OF_NOTES])
        return performed, past

    def _draw(
        self, begin: int, first: np.ndarray, drawn: np.ndarray, base: list[float], notated: np.ndarray, shares: list[float]
    ) -> None:
        """Write into ``drawn`` (8,) a note's columns from that of the number ``begin`` in ORDER on, and add to ``first`` (H1 of all,) what
        each makes of those after it.
        """
        layers = self._layers
        for number, column in enumerate(ORDER[begin:], begin):
            mean, place = base[column], layers.of[number]
            value = layers.later[number].draw(first[place], shares[column]) + (0.0 if column in WHOLE else mean)
            drawn[column] = value
            taken = [value - mean, value, *([float(_seconds(drawn, notated))] if column == BEAT_PERIOD else [])]
            bounded = np.array([max(min(each, FURTHEST), -FURTHEST) for each in taken], np.float32)
            first[place.stop :] += bounded.dot(layers.taken[number])

    def _sized(self, inputs: np.ndarray, which: slice) -> np.ndarray:
        return within((inputs - self.centre[which]) / self.scale[which]).astype(np.float32, copy=False)

    def save(self, path: Path) -> None:
        """Write a safetensors file that ``load_residuals`` reads."""
        arrays = {name: getattr(self, name) for name in OF_ALL}
        for column, head in self.heads.items():
            arrays |= {f"{PERFORMANCE_COLUMNS[column]}/{name}": part for name, part in head._asdict().items()}
        said = {"format": FORMAT, "inputs": " ".join(READ)}
        save_in_order({name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, path, said)


FORMAT = "perf-live residuals 1"
OF_ALL = ("centre", "scale", "residual_gain", "mean_gain_removed")  # arrays that all columns have in common


def load_residuals(path: Path) -> Residuals:
    """Read a file that ``save`` wrote. Raises OSError if it cannot be read, ValueError if it is no such file."""
    try:
        stored = load_file(path)
        heads = {column: Head(*(stored[f"{PERFORMANCE_COLUMNS[column]}/{part}"] for part in Head._fields)) for column in ORDER}
        found = Residuals(heads, *(stored[name] for name in OF_ALL))
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"it is no file of residuals ({error})") from None
    inputs = SCORE_INPUTS + PAST_INPUTS
    if len(found.centre) != inputs or any(len(head.first) != inputs + DRAWN_INPUTS for head in heads.values()):
        raise ValueError(f"its networks do not read the {inputs} inputs that there are; fit them again")
    return found
