"""Performances drawn note by note around the mean: what performers of a score differ in, learnt by a small network for each column.

Each network reads the note, the mean, and what was drawn before it: of the notes of its chord, of the nearest note of the chord before, of
the last chords and anchors, and running averages over 4 to 256 of them, which carry what a performer does throughout a piece. Its answer is
a distribution in bins, whose bounds are quantiles of human performances, and a number from it lies anywhere in its bin: nothing is rounded.
The columns are drawn in the order of ORDER, each knowing those before it; tempo and pedal once an anchor, the others once a note. In this
way steps from note to note, and what goes with what, are as in performances, which no mean and no independent noise can give.

Autoregressive distributions in bins: van den Oord et al., "Pixel Recurrent Neural Networks", ICML 2016. NumPy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models.performance.features import FEATURES, at_played_tempo
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
NOTE_ORDER = tuple(OF_NOTES)
ORDER = (*OF_ANCHORS, *NOTE_ORDER)
WHOLE = (TIMING, *OF_ANCHORS[1:])  # drawn as they are, the others about the mean: much of these is exactly 0 or the pedal's end
LAGS = 3  # chords and anchors before that are seen one by one
AVERAGED = np.array([4, 16, 64, 256])  # notes or anchors
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


@dataclass
class Past:
    """What was drawn before a note, of P performances at once: residuals, in the order of OF_ANCHORS and OF_NOTES.

    ``averages`` (P, 8, len(AVERAGED)); ``anchors`` (P, LAGS, 5) and ``chords`` (P, LAGS, 3), the last ones first; ``before``, pitches (m,)
    and residuals (P, m, 3) of the chord before; ``drawn`` the same of the chord that is being drawn; ``anchor`` and ``anchor_columns``
    (P, 5) of its anchor.
    """

    performances: int
    averages: np.ndarray = field(init=False)
    anchors: np.ndarray = field(init=False)
    chords: np.ndarray = field(init=False)
    before: tuple[np.ndarray, np.ndarray] = field(init=False)
    drawn: list[tuple[float, np.ndarray]] = field(default_factory=list)
    anchor: np.ndarray = field(init=False)
    anchor_columns: np.ndarray = field(init=False)
    anchor_count: int = 0
    note_count: int = 0

    def __post_init__(self) -> None:
        def zeros(*shape: int) -> np.ndarray:
            return np.zeros((self.performances, *shape), np.float32)

        self.averages, self.anchors = zeros(COLUMNS, len(AVERAGED)), zeros(LAGS, len(OF_ANCHORS))
        self.chords, self.before = zeros(LAGS, len(OF_NOTES)), (np.zeros(0), zeros(0, len(OF_NOTES)))
        self.anchor, self.anchor_columns = zeros(len(OF_ANCHORS)), zeros(len(OF_ANCHORS))

    def copy(self) -> "Past":
        """Return a past that goes on by itself: its arrays are replaced or its own, never changed in place with this one's."""
        copied = replace(self, drawn=list(self.drawn))
        for name in ("anchors", "chords", "before", "anchor", "anchor_columns"):
            setattr(copied, name, getattr(self, name))
        copied.averages = self.averages.copy()
        return copied

    def begin_anchor(self) -> None:
        if self.drawn:
            residuals = np.stack([residual for _, residual in self.drawn], axis=1)
            self.before = np.array([pitch for pitch, _ in self.drawn]), residuals
            self.chords = np.concatenate([residuals.mean(axis=1)[:, None], self.chords[:, :-1]], axis=1)
            self.anchors = np.concatenate([self.anchor[:, None], self.anchors[:, :-1]], axis=1)
        self.drawn = []

    def set_anchor(self, residual: np.ndarray, columns: np.ndarray) -> None:
        """Take ``residual`` and ``columns`` (P, 5) of the anchor that begins."""
        self.anchor, self.anchor_columns = residual, columns
        self._average(OF_ANCHORS, residual, self.anchor_count)
        self.anchor_count += 1

    def add_note(self, pitch: float, residual: np.ndarray) -> None:
        """Take the ``residual`` (P, 3) of a note."""
        self.drawn.append((pitch, residual))
        self._average(OF_NOTES, residual, self.note_count)
        self.note_count += 1

    def _average(self, columns: list[int], residual: np.ndarray, count: int) -> None:
        rate = np.maximum(1 / AVERAGED, 1 / (count + 1)).astype(np.float32)
        self.averages[:, columns] += rate * (residual[:, :, None] - self.averages[:, columns])

    def inputs(self, pitch: float) -> np.ndarray:
        """Return what is known before a note of ``pitch``, in octaves, is drawn: (P, PAST_INPUTS)."""
        many = self.performances
        parts = [part.reshape(many, -1) for part in (self.averages, self.anchors, self.chords)]
        nearest, beside = np.zeros((many, len(OF_NOTES) + 1), np.float32), np.zeros((many, 2 * len(OF_NOTES) + 1), np.float32)
        pitches, residuals = self.before
        if len(pitches):
            index = int(np.abs(pitches - pitch).argmin())
            nearest[:, :-1], nearest[:, -1] = residuals[:, index], pitch - pitches[index]
        if self.drawn:
            chord = np.stack([residual for _, residual in self.drawn], axis=1)
            beside[:, :3], beside[:, 3:6], beside[:, 6] = chord[:, -1], chord.mean(axis=1), 1
        count = np.full((many, 1), np.log1p(self.note_count) / 4, np.float32)
        return np.concatenate([*parts, nearest, beside, self.anchor_columns, count], axis=1)


PAST_INPUTS = COLUMNS * len(AVERAGED) + LAGS * (len(OF_ANCHORS) + len(OF_NOTES)) + 3 * len(OF_NOTES) + 2 + len(OF_ANCHORS) + 1
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


class Drawn:
    """A note of P performances while it is drawn, with the ``inputs`` (P, DRAWN_INPUTS) of the next column, see ``drawn_inputs``.

    ``notated`` is the note's log2 of seconds, without an axis.
    """

    def __init__(self, performances: int, notated: np.ndarray):
        self.columns, self._notated = np.zeros((performances, COLUMNS), np.float32), notated
        self.inputs = np.zeros((performances, DRAWN_INPUTS), np.float32)

    def take(self, column: int, values: np.ndarray, base: float) -> None:
        """Take the ``values`` (P,) of a column, of which ``base`` is the mean."""
        self.columns[:, column] = values
        self.inputs[:, column] = within(values - base)
        self.inputs[:, COLUMNS + column] = within(values)
        if column == BEAT_PERIOD:
            self.inputs[:, -1] = within(at_played_tempo(self.columns, self._notated))

    def take_anchor(self, columns: np.ndarray, base: np.ndarray) -> None:
        """Take the ``columns`` (P, 5) of the note's anchor."""
        self.columns[:, OF_ANCHORS] = columns
        self.inputs[:, OF_ANCHORS] = within(columns - base[OF_ANCHORS])
        self.inputs[:, [COLUMNS + column for column in OF_ANCHORS]] = within(columns)
        self.inputs[:, -1] = within(at_played_tempo(self.columns, self._notated))


def within(values: np.ndarray) -> np.ndarray:
    """Return values no further than FURTHEST from 0; quicker than np.clip."""
    return np.asarray(np.maximum(np.minimum(values, FURTHEST), -FURTHEST))


class Head(NamedTuple):
    """The network of a column: weights (inputs, H1), (H1, H2), (H2, bins) with their biases, and the bounds (bins,) of the bins."""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def draw(self, first: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return values (P,) by inverse transform sampling of ``uniform`` (P,); ``first`` (P, H1) is what the first layer sums up to."""
        logits = silu(silu(first) @ self.second + self.second_bias) @ self.last + self.last_bias
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        above = chances.cumsum(axis=1, dtype=np.float64)
        place = uniform * above[:, -1]
        rows = np.arange(len(place))
        index = np.minimum((above <= place[:, None]).sum(axis=1), above.shape[1] - 1)
        share = np.maximum(1 - (above[rows, index] - place) / chances[rows, index], 0)
        return self.low[index] + share * (self.high[index] - self.low[index])


def silu(values: np.ndarray) -> np.ndarray:
    half = 0.5 * values
    return np.asarray(half * np.tanh(half) + half)


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
        """Return the columns (P, n, 8) of notes, normalised, and the past after them; ``uniform`` (P, n, 8) are chance's."""


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

    def draw(self, scored: Scored, past: Past, uniform: np.ndarray) -> tuple[np.ndarray, Past]:
        """See ``Draws``."""
        past, many = past.copy(), past.performances
        of_score = self._sized(scored.inputs(), slice(0, SCORE_INPUTS))
        from_score = {column: of_score @ head.first[:SCORE_INPUTS] + head.first_bias for column, head in self.heads.items()}
        rows = slice(SCORE_INPUTS, SCORE_INPUTS + PAST_INPUTS)
        from_past = {of: np.concatenate([self.heads[column].first[rows] for column in of], axis=1) for of in (ORDER, NOTE_ORDER)}
        pitches, performed = (2 * scored.features[:, PITCH]).tolist(), np.zeros((many, len(scored.base), COLUMNS))
        for note, (pitch, begins) in enumerate(zip(pitches, scored.begins.tolist(), strict=True)):
            if begins:
                past.begin_anchor()
            base, drawn = scored.base[note], Drawn(many, scored.notated[note])
            if not begins:
                drawn.take_anchor(past.anchor_columns, base)
            order = ORDER if begins else NOTE_ORDER
            firsts = np.split(self._sized(past.inputs(pitch), slice(SCORE_INPUTS, None)) @ from_past[order], len(order), axis=1)
            for column, first in zip(order, firsts, strict=True):
                head = self.heads[column]
                value = head.draw(from_score[column][note] + first + drawn.inputs @ head.first[rows.stop :], uniform[:, note, column])
                drawn.take(column, value if column in WHOLE else base[column] + value, base[column])
            residual = (drawn.columns - base).astype(np.float32)
            if begins:
                past.set_anchor(residual[:, OF_ANCHORS], drawn.columns[:, OF_ANCHORS])
            past.add_note(pitch, residual[:, OF_NOTES])
            performed[:, note] = drawn.columns
        return performed, past

    def _sized(self, inputs: np.ndarray, which: slice) -> np.ndarray:
        return within((inputs - self.centre[which]) / self.scale[which]).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write a safetensors file that ``load_residuals`` reads."""
        arrays = {name: getattr(self, name) for name in OF_ALL}
        for column, head in self.heads.items():
            arrays |= {f"{PERFORMANCE_COLUMNS[column]}/{name}": part for name, part in head._asdict().items()}
        said = {"format": FORMAT, "inputs": " ".join(READ)}
        save_file({name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, path, said)


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
