"""From the mean and the sampled residual of a window to its performance columns. NumPy only."""

import numpy as np

from models.dexter.hold_quantiles import MAPPED_SHARE, lengthen_short_holds, map_to_human_holds
from models.dexter.piece_statistics import PieceStatistics
from models.dexter.representation import Passage, Scales, Settings
from models.dexter.residuals import Draws
from models.performance.descriptors import DESCRIPTORS, LEANING
from models.performance.representation import BEAT_PERIOD, COLUMNS, TIMING, VELOCITY

COMPLEX_OCTAVES = 0.8  # by which one deviation of rhythm_complexity widens timing
STABLE_OCTAVES = 0.3  # by which one deviation of rhythm_stability narrows the tempo
MOST_VOICING_GAIN = 1.5  # pieces with many chords ask for less
LEANING_VELOCITY = np.array([0.2, 0.3])  # normalised, by descriptor of LEANING: added by one deviation to a note whose tonal lean is one


class Renderer:
    """Makes performance columns of the notes of one passage."""

    def __init__(self, passage: Passage, piece: PieceStatistics, draws: Draws | None = None):
        """``draws``, if any, has drawn the residuals."""
        self._passage, self._piece, self._draws = passage, piece, draws

    @property
    def _scales(self) -> Scales:
        scales, draws = self._piece.scales, self._draws
        return scales.of_drawn(draws.residual_gain, draws.mean_gain_removed) if draws else scales

    def columns(
        self,
        settings: Settings,
        temperatures: np.ndarray,
        first: int,
        mean: np.ndarray,
        voicing: np.ndarray,
        residual: np.ndarray,
        descriptors: np.ndarray,
    ) -> np.ndarray:
        """Return the columns (n, 8) of the notes from ``first`` on.

        ``temperatures`` (n,); ``mean`` and ``residual`` (n, 8); ``voicing`` (n,) as the method of that name has it; ``descriptors`` (n, 7),
        0 where none are asked for.
        """
        columns = self._scaled(self._scales, settings, temperatures, mean, voicing, residual)
        columns = self._with_corrected_holds(columns, temperatures, first, settings.depth)
        self._describe(columns, descriptors, first, settings.depth)
        return columns

    def expected(self, mean: np.ndarray) -> np.ndarray:
        """Return the mean performance (n, 8) with its gain, at temperature 0, without corrections of single notes."""
        return self._scaled(self._scales, Settings(temperature=0.0), np.zeros(len(mean)), mean, np.zeros(len(mean)), np.zeros_like(mean))

    def base(self, mean: np.ndarray, voicing: np.ndarray) -> np.ndarray:
        """Return what performances are drawn around (n, 8): the ``mean`` (n, 8) at temperature 1, without a residual."""
        ones = np.ones(COLUMNS)
        scales = self._piece.scales.of_drawn(residual_gain=ones, mean_gain_removed=ones)
        return self._scaled(scales, Settings(), np.ones(len(mean)), mean, voicing, np.zeros_like(mean))

    def voicing(self, first: int, mean: np.ndarray) -> np.ndarray:
        """Return by how much (n,) the notes from ``first`` on are louder than their chords in the ``mean`` (n, 8); 0 where nothing says."""
        if self._passage.chords is None:
            return np.zeros(len(mean))
        chords = self._passage.chords[self._passage.rows(range(first, first + len(mean)))]
        chords = chords - chords.min(initial=0)
        levels = np.bincount(chords, weights=mean[:, VELOCITY]) / np.maximum(np.bincount(chords), 1)
        return np.asarray(mean[:, VELOCITY] - levels[chords])

    def _scaled(
        self,
        scales: Scales,
        settings: Settings,
        temperatures: np.ndarray,
        mean: np.ndarray,
        voicing: np.ndarray,
        residual: np.ndarray,
    ) -> np.ndarray:
        """Add the residual (n, 8) at ``temperatures`` (n,) to the mean, each with its gain.

        The lower the temperature, the higher the mean's gain: at every temperature up to 1 the sum is as wide as a human performance. The
        gains also shrink with the depth of a transfer, so that a reference that is kept stays as it is.

        The piece's own gain is of the voicing as well, but only up to MOST_VOICING_GAIN: a piece of single notes, whose gain is higher,
        would else end in a chord of which only the top is heard.
        """
        temperature = temperatures[:, None]
        residual_gain = temperature * (1 + settings.depth * (scales.residual_gain - 1))
        gain, offset = scales.mean_gain_and_offset(temperature)
        centre = np.where(np.isnan(scales.offset), self._piece.average, 0)
        added = (gain - 1) * (mean - centre) + np.nan_to_num(offset)
        added[:, VELOCITY] -= (1 - 1 / max(scales.piece_gain[VELOCITY] / MOST_VOICING_GAIN, 1)) * gain[:, VELOCITY] * voicing
        columns = mean + settings.depth * added + residual_gain * scales.residual_deviation * residual
        return np.asarray(columns.astype(np.float32))

    def _with_corrected_holds(self, columns: np.ndarray, temperatures: np.ndarray, first: int, depth: float) -> np.ndarray:
        """Return ``columns`` (n, 8) with keys held as fingers and humans do; what a transfer keeps of its reference is not corrected."""
        if self._passage.notated_octaves is None:
            return columns
        notated = self._passage.notated_octaves[self._passage.rows(range(first, first + len(columns)))]
        corrected = lengthen_short_holds(columns, notated)
        if self._draws:
            return np.asarray(columns + (1 - np.minimum(temperatures, 1))[:, None] * (corrected - columns), np.float32)
        if self._scales.hold_quantiles is not None:
            share = MAPPED_SHARE * np.minimum(temperatures, 1)
            corrected = map_to_human_holds(corrected, notated, self._scales.hold_quantiles, share)
        return columns + depth * (corrected - columns)

    def _describe(self, columns: np.ndarray, descriptors: np.ndarray, first: int, depth: float) -> None:
        """Add to ``columns`` (n, 8) the parts of the descriptors (n, 7) that have no direction, which a mean cannot learn.

        Complex rhythm spreads onsets both ways, and stable rhythm narrows the tempo's changes. Tonal stability and minorness hardly differ
        between performers; notes that lean to the key are played louder.
        """
        asked = dict(zip(DESCRIPTORS, descriptors.T, strict=True))
        rows = self._passage.rows(range(first, first + len(columns)))
        columns[:, TIMING] *= np.exp2(COMPLEX_OCTAVES * asked["rhythm_complexity"])
        changes = columns[:, BEAT_PERIOD] - self._average_period(depth)
        columns[:, BEAT_PERIOD] += (np.exp2(-STABLE_OCTAVES * asked["rhythm_stability"]) - 1) * changes
        leaning = np.stack([asked[name] for name in LEANING], axis=1)
        columns[:, VELOCITY] += (LEANING_VELOCITY * leaning * self._passage.tonal_leans[rows]).sum(axis=1)

    def _average_period(self, depth: float) -> float:
        """Return the piece's average beat period, normalised; at a depth below 1, partly the reference's."""
        own, reference = float(self._piece.average[BEAT_PERIOD]), self._passage.reference
        if reference is None or depth == 1:
            return own
        return own + (1 - depth) * (float(np.nanmean(reference[:, BEAT_PERIOD])) - own)
