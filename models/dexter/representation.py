"""What DExter's sampler works with: the two networks, their scales, a piece's notes, and the state between two windows. NumPy only.

models.performance.representation has the columns of a performance, models.performance.features their normalisation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from models.dexter.expression_profile import ExpressionProfile
from models.dexter.hold_quantiles import HoldQuantiles
from models.dexter.pedalling import Foot, ReadPedalling
from models.dexter.residuals import Past
from models.performance.representation import COLUMNS

MOST_EVALUATIONS = 8


class Networks(Protocol):
    """The two exported graphs on one window: arrays (notes, ...) without the batch axis."""

    descriptors: int  # the number of descriptor columns

    def mean(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (T, 8), normalised, and the context (T, C); ``known`` (T, 1) is 0 for the null token."""

    def denoise(self, noisy: np.ndarray, log_snr: float, branch: "Branch", fixed: np.ndarray, fixed_known: np.ndarray) -> np.ndarray:
        """Return v (T, 8)."""


class Branch(NamedTuple):
    """The mean network's reading of a window, with descriptors or with the null token: the denoiser's condition."""

    mean: np.ndarray  # (T, 8)
    context: np.ndarray  # (T, C)
    descriptors: np.ndarray  # (T, 7)
    known: np.ndarray  # (T, 1)


@dataclass(frozen=True)
class Scales:
    """How the mean and the residual are scaled, by column (8,).

    ``residual_deviation``: the standard deviation of residuals in training. ``gain`` and ``offset``: gain times the mean plus offset is as
    wide as a human performance; where the offset is NaN, the gain applies about the piece's average. ``residual_gain``: the factor with
    which two samples differ as much as two humans. ``mean_gain_removed``, 0 to 1: the share of the mean's gain that samples at
    temperature 1 do without, so that they are as wide as humans. ``piece_gain``: a further gain of the mean that suits the piece.
    ``hold_quantiles``: how long samples and humans hold keys; None: holds are not mapped.
    """

    residual_deviation: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    residual_gain: np.ndarray
    mean_gain_removed: np.ndarray
    piece_gain: np.ndarray = field(default_factory=lambda: np.ones(COLUMNS))
    hold_quantiles: HoldQuantiles | None = None

    @classmethod
    def from_constants(cls, constants: Mapping[str, Any]) -> "Scales":
        """Return the scales in the graphs' constants, whose names are those of the files that ship."""
        return cls(
            residual_deviation=np.array(constants["residual_deviation"]),
            gain=np.array(constants["gains"]),
            offset=np.array([np.nan if offset is None else offset for offset in constants["offsets"]]),
            residual_gain=np.array(constants["residual_gains"]),
            mean_gain_removed=np.array(constants["mean_gains_removed"]),
            hold_quantiles=HoldQuantiles(*np.array(constants["hold_quantiles"])) if "hold_quantiles" in constants else None,
        )

    def of_drawn(self, residual_gain: np.ndarray, mean_gain_removed: np.ndarray) -> "Scales":
        """Return the scales of performances that are drawn: holds are drawn as humans', residuals in the columns' own units."""
        gains = {"residual_gain": residual_gain, "mean_gain_removed": mean_gain_removed}
        return replace(self, residual_deviation=np.ones(COLUMNS), hold_quantiles=None, **gains)

    def mean_gain_and_offset(self, temperature: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean's gain and offset, each (8,), in what is rendered at a temperature; for temperatures (n, 1), each (n, 8)."""
        remaining = 1 - np.minimum(temperature, 1) ** 2 * self.mean_gain_removed
        return self.piece_gain * np.sqrt(1 + remaining * (self.gain**2 - 1)), remaining * self.offset


@dataclass(frozen=True)
class Settings:
    """How a window is sampled.

    ``evaluations`` of the denoiser, 2 to MOST_EVALUATIONS. Following ``descriptors`` with a guidance other than 1 takes two at each noise
    level, and then there are at least four levels. ``descriptors`` (7,) are in standard deviations; None is the null token.

    ``depth``, of a transfer: how much of the reference is given up, 0 (nothing) to 1 (all of it). The smaller it is, the nearer the
    temperature comes to 1, at which the reference's residual stays as it is.
    """

    evaluations: int = 6
    temperature: float = 1.0
    guidance: float = 1.0
    descriptors: tuple[float, ...] | None = None
    depth: float = 1.0


@dataclass(frozen=True)
class State:
    """What one window passes to the next. Rows are the last P committed notes (fewer at the beginning); ``ahead`` has the notes after them.

    The same state and settings give the same window, in any thread and however far ahead.
    """

    next_note: int
    columns: np.ndarray  # (P, 8), committed
    mean: np.ndarray
    residual: np.ndarray
    residual_known: np.ndarray  # (P, 1) 0 or 1: notes before a seek, and those that were not sampled, have none
    descriptors: np.ndarray
    known: np.ndarray  # (P, 1)
    ahead: np.ndarray = field(default_factory=lambda: np.zeros((0, COLUMNS), np.float32))  # (A, 8), the last window's mean of notes to come
    temperature: float | None = None
    past: Past | None = None  # of notes that are drawn one by one
    foot: Foot | None = None  # on the sustain pedal


@dataclass(frozen=True)
class Window:
    """``columns`` (n, 8), normalised, of the notes from ``first_note`` on; ``evaluations``: how many of the denoiser it took."""

    first_note: int
    columns: np.ndarray
    evaluations: int


@dataclass(frozen=True)
class SecondPrediction:
    """A second prediction of the mean, by another model than the networks.

    ``predict(rows)`` returns it (n, 8), normalised, about the piece's average. ``weights`` (8,), 0 to 1, are its share by column.
    """

    weights: np.ndarray
    predict: Callable[[slice], np.ndarray]

    def correction(self, rows: slice, mean: np.ndarray, average: np.ndarray) -> np.ndarray:
        """Return what to add to the networks' ``mean`` (n, 8) of the notes ``rows``; ``average`` (8,) is the piece's."""
        return (self.weights * (self.predict(rows) - (mean - average))).astype(np.float32)


@dataclass(frozen=True)
class Passage:
    """What is known of a piece's notes.

    ``features`` (N, F) and ``tonal_leans`` (N, 2) are of models.performance. ``reference`` (N, 8): normalised columns to transfer from,
    NaN unknown. ``descriptors`` (N, 7), in standard deviations: the settings' are added to them. Of a piece that is still growing a part
    may be known: from the note ``first_note`` on, with ``average`` and ``deviation`` (8,) in place of the piece's (see
    ``PieceStatistics``). ``notated_octaves`` (N,), see hold_quantiles; None: holds are not corrected. ``shares_key`` (N,): notes that
    share key and onset with another, whose timing says nothing. ``notated_intervals`` (N,) of models.performance.features are needed with
    a ``profile``. ``chords`` (N,) are whole numbers that notes struck together have in common, ``anchors`` (N,) those of an
    anchor; None: not known. ``pedalling``: when a foot lifts and presses the sustain pedal; None: the pedal is that of the mean.
    """

    features: np.ndarray
    tonal_leans: np.ndarray
    reference: np.ndarray | None = None
    descriptors: np.ndarray | None = None
    first_note: int = 0
    average: np.ndarray | None = None
    deviation: np.ndarray | None = None
    second: SecondPrediction | None = None
    profile: ExpressionProfile | None = None
    notated_octaves: np.ndarray | None = None
    shares_key: np.ndarray | None = None
    notated_intervals: np.ndarray | None = None
    chords: np.ndarray | None = None
    anchors: np.ndarray | None = None
    pedalling: ReadPedalling | None = None

    def rows(self, notes: range) -> slice:
        """Return the rows of notes that are counted from the beginning of the piece."""
        return slice(notes.start - self.first_note, notes.stop - self.first_note)
