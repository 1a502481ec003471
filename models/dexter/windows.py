"""A piece performed window by window: each window is sampled with the end of the last one held fixed. NumPy only.

Around the notes that a window commits lie, to the left, notes that are committed already, and to the right, notes that are sampled only to
be looked ahead at and sampled again by the next window. The mean of the notes that two windows see is blended from the one's to the
other's, and the residual continues what is fixed: there is no seam. The state between two windows is a small value: the same state and
settings give the same window on any day, in any thread, however far ahead.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from models.dexter.expression_profile import fast_interval, likely_slower
from models.dexter.hold_quantiles import TOUCH_SHARE, Touch, hold, touched
from models.dexter.sampling import ANCESTRAL_STEPS, Denoiser, ancestral, dpm_solver, guided, noise_levels, note_noise, signal_and_noise
from models.performance.descriptors import DESCRIPTORS, LEANING
from models.performance.features import at_played_tempo, slowed
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, TIMING, VELOCITY
from models.performance.windows import overlap_notes

TEMPERATURE_NOTES = 32  # over so many a changed temperature comes
CENTRE_WINDOWS = 6  # spread over the piece: what their mean is counts as the piece's
CARRIED_NOTES = 16  # committed at once when there is no time to sample
MOST_EVALUATIONS = 8
MOST_WIDER = 3.0  # or narrower: so much may a piece's gain differ from others'
TELLING_NOTES = 200  # of a shorter piece less is made of what is said of it as a whole: it is too little to tell
COMPLEX_OCTAVES = 0.8  # by how much a deviation of rhythm_complexity widens what lies beside the tempo
STABLE_OCTAVES = 0.3  # by how much a deviation of rhythm_stability narrows the tempo
LEANING_VELOCITY = np.array([0.2, 0.3])  # what a deviation of each that is LEANING adds, normalised, to a note's velocity that leans by one
LEAST_GUIDED_LEVELS = 4  # each of two evaluations: fewer give too little expression


class Networks(Protocol):
    """The two exported graphs on one window: arrays (notes, ...) without the batch axis."""

    descriptors: int  # how many columns they have

    def mean(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (T, 8), normalised, and the context (T, C); ``known`` (T, 1) is 0 for the null token."""

    def denoise(self, noisy: np.ndarray, log_snr: float, branch: "Branch", fixed: np.ndarray, fixed_known: np.ndarray) -> np.ndarray:
        """Return v (T, 8)."""


class Branch(NamedTuple):
    """What one reading of a window, with descriptors or without, tells the denoiser."""

    mean: np.ndarray  # (T, 8)
    context: np.ndarray  # (T, C)
    descriptors: np.ndarray  # (T, 7)
    known: np.ndarray  # (T, 1)


@dataclass(frozen=True)
class Scales:
    """By column (8,): the residual's deviation, and what makes a mean rendering as wide as a human: ``gain`` times the mean, plus
    ``offset``; where the offset is NaN, about the piece's average. ``sampled``, times the residual, makes two samples as far apart
    as two humans; as wide as a human they are when ``narrowed``, 0 to 1, of the mean's widening is left out. ``wider``: what suits
    the piece, in renderings of both kinds. ``touch``: how samples hold keys, and how humans do.
    """

    residual_deviation: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    sampled: np.ndarray
    narrowed: np.ndarray
    wider: np.ndarray = field(default_factory=lambda: np.ones(COLUMNS))
    touch: Touch | None = None

    def widening(self, temperature: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean's gain and offset, each (8,), in what is rendered at a temperature; of temperatures (n, 1), each (n, 8)."""
        remaining = 1 - np.minimum(temperature, 1) ** 2 * self.narrowed
        return self.wider * np.sqrt(1 + remaining * (self.gain**2 - 1)), remaining * self.offset


@dataclass(frozen=True)
class Settings:
    """How a window is sampled. ``evaluations`` of the denoiser, 2 to 8; following ``descriptors`` with a guidance other than 1 takes two
    at each level, of which there are at least four then. ``descriptors`` (7,) are in standard deviations, None is the null token.

    ``depth``, of a transfer: how much of the reference is given up, 0 (nothing) to 1 (all of it). The less it is, the nearer the
    temperature comes to 1, at which the reference's residual is heard as it is.
    """

    evaluations: int = 6
    temperature: float = 1.0
    guidance: float = 1.0
    descriptors: tuple[float, ...] | None = None
    depth: float = 1.0


@dataclass(frozen=True)
class State:
    """Between two windows. Rows are of the last P committed notes (fewer at the beginning), ``ahead`` of those that follow."""

    next_note: int
    columns: np.ndarray  # (P, 8), committed
    mean: np.ndarray
    residual: np.ndarray
    residual_known: np.ndarray  # (P, 1) 0 or 1: notes before a seek, and those that were not sampled, have none
    descriptors: np.ndarray
    known: np.ndarray  # (P, 1)
    ahead: np.ndarray = field(default_factory=lambda: np.zeros((0, COLUMNS), np.float32))  # (A, 8) what the last window took for the mean
    temperature: float | None = None


@dataclass(frozen=True)
class Window:
    """``columns`` (n, 8), normalised, of the notes from ``first_note`` on; ``evaluations`` of the denoiser that it took."""

    first_note: int
    columns: np.ndarray
    evaluations: int


@dataclass(frozen=True)
class SecondReading:
    """What others than the networks make of a piece's notes: ``read(rows)`` (n, 8), normalised, about the piece's average, and by column
    ``shares`` (8,), 0 to 1, of the way that the mean goes to it.
    """

    shares: np.ndarray
    read: Callable[[slice], np.ndarray]

    def add(self, rows: slice, mean: np.ndarray, average: np.ndarray) -> np.ndarray:
        """Return what is to be added to the networks' ``mean`` (n, 8) of the notes ``rows``; ``average`` (8,) is that of the piece."""
        return (self.shares * (self.read(rows) - (mean - average))).astype(np.float32)


class Amounts(NamedTuple):
    """How much expression suits a piece. By column (8,): ``deviation`` that the mean is to have before ``Scales.gain``, as
    ``WindowSampler.deviation`` has it; NaN: its own. ``apart``: what ``Scales.sampled`` is multiplied with. ``level``: what is added to
    the networks' mean, normalised. ``fast_intervals`` (K,) of pieces as they are played: see ``amounts.likely_slower``.
    """

    deviation: np.ndarray
    apart: np.ndarray
    level: np.ndarray
    fast_intervals: np.ndarray


@dataclass(frozen=True)
class Passage:
    """What is known of a piece's notes: ``features`` (N, F) and ``leans`` (N, 2), their tonal_leans.

    ``reference`` (N, 8): normalised columns to transfer from, NaN unknown. ``descriptors`` (N, 7), in standard deviations: those of the
    settings are added to them. Of a piece that is still growing only a part may be there: from the note ``first_note`` on, and ``average``
    and ``deviation`` (8,) stand for the piece's, see ``WindowSampler``. ``notated`` (N,): see ``touch.hold``; None:
    keys are held as briefly as it comes. ``doubled`` (N,): notes that share a key and an onset with another, whose timing says nothing.
    ``intervals`` (N,): ``features.notated_intervals``, with ``amounts``.
    """

    features: np.ndarray
    leans: np.ndarray
    reference: np.ndarray | None = None
    descriptors: np.ndarray | None = None
    first_note: int = 0
    average: np.ndarray | None = None
    deviation: np.ndarray | None = None
    second: SecondReading | None = None
    amounts: Amounts | None = None
    notated: np.ndarray | None = None
    doubled: np.ndarray | None = None
    intervals: np.ndarray | None = None

    def rows(self, notes: range) -> slice:
        """Return where notes, counted from the beginning of the piece, are."""
        return slice(notes.start - self.first_note, notes.stop - self.first_note)


class WindowSampler:
    """One piece, one seed. Nothing that it holds changes what it answers."""

    def __init__(self, networks: Networks, scales: Scales, window: int, passage: Passage, seed: int, thousand_steps: bool = False):
        """``window`` in notes. ``thousand_steps``: sample as the paper does, whatever the settings say, to compare with."""
        self._networks = networks
        self._scales = scales
        self._overlap = overlap_notes(window)
        self._hop = window - 2 * self._overlap
        self._passage = passage
        self._seed = seed
        self._thousand_steps = thousand_steps

    def begin(self, first_note: int = 0) -> State:
        """Return the state from which ``first_note`` is the next to be committed; nothing before it is fixed."""
        past = min(self._overlap, first_note)
        rows, flags = np.zeros((past, COLUMNS), np.float32), np.zeros((past, 1), np.float32)
        return State(first_note, rows, rows, rows, flags, np.zeros((past, self._networks.descriptors), np.float32), flags)

    def next(self, state: State, settings: Settings, notes: int | None = None) -> tuple[Window, State]:
        """Return the next window, and the state after it. At least one note must be left. ``notes``: how many to commit, if not as
        many as the window may.
        """
        settings = self._tempered(settings)
        first, past, length = state.next_note, len(state.columns), self._passage.first_note + len(self._passage.features)
        stop = min(first + self._hop + self._overlap, length)
        commit_stop = min(first + notes, stop) if notes else stop if stop == length else first + self._hop
        commit = slice(past, commit_stop - first + past)
        branches = self._read(state, settings, range(first - past, stop))
        mean = self._blend(state, settings, branches)
        residual, evaluations = self._residual(state, settings, branches, mean)
        temperatures = self._temperatures(state, settings, commit_stop - first)
        columns = self._render(settings, temperatures, mean[commit], residual[commit])
        columns = self._hold(columns, temperatures, first, settings.depth)
        self._describe(columns, branches[0].descriptors[commit] * branches[0].known[commit], first, settings.depth)
        known = np.concatenate([state.residual_known, np.ones((stop - first, 1), np.float32)])
        keep = slice(max(commit.stop - self._overlap, 0), commit.stop)
        after = State(
            first - past + commit.stop,
            np.concatenate([state.columns, columns])[keep],
            mean[keep],
            residual[keep],
            known[keep],
            branches[0].descriptors[keep],
            branches[0].known[keep],
            mean[commit.stop :],
            float(temperatures[-1]),
        )
        return Window(first, columns, evaluations), after

    def carry(self, state: State, written: np.ndarray) -> tuple[Window, State]:
        """Return a few notes without any network: the last ones' tempo, loudness and touch go on, else they are as ``written`` (N, 8)."""
        first = state.next_note
        columns = written[first : first + CARRIED_NOTES].copy()
        if len(state.columns):
            recent = state.columns[-CARRIED_NOTES:].mean(axis=0)
            for column in (BEAT_PERIOD, VELOCITY, ARTICULATION):
                columns[:, column] = recent[column]
        begun = self.begin(first + len(columns))
        kept = np.concatenate([state.columns, columns])[-len(begun.columns) :]
        if len(kept) < len(begun.columns):  # nothing was committed before a seek
            kept = np.concatenate([np.repeat(kept[:1], len(begun.columns) - len(kept), axis=0), kept])
        after = replace(begun, columns=kept, temperature=state.temperature)
        return Window(first, columns, 0), after

    def _tempered(self, settings: Settings) -> Settings:
        if self._passage.reference is None:
            return replace(settings, depth=1.0)
        return replace(settings, temperature=1 + settings.depth * (settings.temperature - 1))

    def _read(self, state: State, settings: Settings, notes: range) -> list[Branch]:
        """Run the mean network, with the descriptors and for guidance with the null token as well, and add what the second reading does.

        That is the same whatever the descriptors are, which move the mean from where it is without them.
        """
        passage = self._passage
        following = settings.descriptors is not None or passage.descriptors is not None
        new = len(notes) - len(state.columns)
        wanted = np.zeros((new, self._networks.descriptors), np.float32)
        if passage.descriptors is not None:
            wanted += passage.descriptors[passage.rows(notes[-new:])]
        if settings.descriptors is not None:
            wanted += np.asarray(settings.descriptors, np.float32)
        descriptors = np.concatenate([state.descriptors, wanted])
        known = np.concatenate([state.known, np.full((new, 1), float(following), np.float32)])
        readings = [(descriptors, known)]
        if following and settings.guidance != 1:
            readings.append((np.zeros_like(descriptors), np.zeros_like(known)))
        features = passage.features[passage.rows(notes)]
        branches = [self._branch(features, *reading) for reading in readings]
        if passage.second is None:
            return branches
        plain = self._plain_mean(features) if branches[-1].known.any() else branches[-1].mean
        added = passage.second.add(passage.rows(notes), plain, self.average)
        return [branch._replace(mean=branch.mean + added) for branch in branches]

    def _plain_mean(self, features: np.ndarray) -> np.ndarray:
        """Return the mean (n, 8) of the networks without descriptors."""
        return self._raw_mean(features) + self._level

    def _raw_mean(self, features: np.ndarray) -> np.ndarray:
        known = np.zeros((len(features), 1), np.float32)
        return self._networks.mean(features, np.zeros((len(features), self._networks.descriptors), np.float32), known)[0]

    def _branch(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> Branch:
        mean, context = self._networks.mean(features, descriptors, known)
        return Branch(mean + self._level, context, descriptors, known)

    def _blend(self, state: State, settings: Settings, branches: list[Branch]) -> np.ndarray:
        """Return the mean (T, 8) of a window: what is committed stays, then it goes over from the last window's to this one's."""
        mean = branches[-1].mean + (settings.guidance if len(branches) > 1 else 1) * (branches[0].mean - branches[-1].mean)
        past = len(state.columns)
        mean[:past] = np.where(state.residual_known > 0, state.mean, mean[:past])
        both = min(len(state.ahead), len(mean) - past)
        share = ((np.arange(both) + 0.5) / max(both, 1))[:, None]
        mean[past : past + both] += (1 - share) * (state.ahead[:both] - mean[past : past + both])
        return mean.astype(np.float32)

    def _residual(self, state: State, settings: Settings, branches: list[Branch], mean: np.ndarray) -> tuple[np.ndarray, int]:
        """Sample the residual around ``mean`` (T, 8); return it and the evaluations that it took."""
        notes = range(state.next_note - len(state.columns), state.next_note - len(state.columns) + len(mean))
        fixed, fixed_known = (np.zeros((len(mean), width), np.float32) for width in (COLUMNS, 1))
        fixed[: len(state.columns)], fixed_known[: len(state.columns)] = state.residual, state.residual_known
        if settings.temperature == 0 and not state.temperature:  # it is heard until the temperature has come down
            return fixed, 0
        noise = note_noise(self._seed, notes, COLUMNS)
        count = settings.evaluations if len(branches) == 1 else max(settings.evaluations // 2, LEAST_GUIDED_LEVELS)
        count = ANCESTRAL_STEPS if self._thousand_steps else count
        levels = noise_levels(count, settings.depth)
        alpha, sigma = signal_and_noise(levels[0])
        start = np.zeros_like(mean)
        if self._passage.reference is not None and settings.depth < 1:
            reference = self._passage.reference[self._passage.rows(notes)]
            start = np.nan_to_num((reference - mean) / self._scales.residual_deviation)
            if settings.depth == 0:
                return np.where(fixed_known > 0, fixed, start).astype(np.float32), 0
        denoisers = [self._denoiser(branch, fixed, fixed_known, noise) for branch in branches]
        denoise = denoisers[0] if len(denoisers) == 1 else guided(denoisers[0], denoisers[1], settings.guidance)
        noisy = alpha * start + sigma * noise
        if self._thousand_steps:
            residual = ancestral(denoise, noisy, levels, lambda step: note_noise(self._seed, notes, COLUMNS, step + 1))
        else:
            residual = dpm_solver(denoise, noisy, levels)
        return np.where(fixed_known > 0, fixed, residual).astype(np.float32), len(levels) * len(branches)

    def _denoiser(self, branch: Branch, fixed: np.ndarray, fixed_known: np.ndarray, noise: np.ndarray) -> Denoiser:
        """Return the network as a denoiser to which fixed notes always look as they are at the level."""

        def denoise(noisy: np.ndarray, log_snr: float) -> np.ndarray:
            alpha, sigma = signal_and_noise(log_snr)
            seen = np.where(fixed_known > 0, alpha * fixed + sigma * noise, noisy)
            return self._networks.denoise(seen.astype(np.float32), log_snr, branch, fixed, fixed_known)

        return denoise

    def _temperatures(self, state: State, settings: Settings, count: int) -> np.ndarray:
        """Return the temperature (count,) of each note that a window commits: a changed one is come to by and by."""
        before = settings.temperature if state.temperature is None else state.temperature
        ramp = np.minimum((np.arange(count) + 1) / TEMPERATURE_NOTES, 1)
        return np.asarray(before + ramp * (settings.temperature - before))

    def _render(self, settings: Settings, temperatures: np.ndarray, mean: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Return the columns (n, 8) at ``temperatures`` (n,).

        The lower the temperature makes the residual, the more the mean is widened: the deviation of what comes out is a human's at every
        temperature up to 1. The less is given up of a reference, the more it is heard as it is.
        """
        temperature, scales = temperatures[:, None], self._fitting_scales
        heard = temperature * (1 + settings.depth * (scales.sampled - 1))
        gain, offset = scales.widening(temperature)
        centre = np.where(np.isnan(scales.offset), self.average, 0)
        widened = (gain - 1) * (mean - centre) + np.nan_to_num(offset)
        columns = mean + settings.depth * widened + heard * scales.residual_deviation * residual
        return np.asarray(columns.astype(np.float32))

    def _hold(self, columns: np.ndarray, temperatures: np.ndarray, first: int, depth: float) -> np.ndarray:
        """Return ``columns`` (n, 8), of the notes from ``first`` on, with keys held as fingers do; what is kept of a reference is not."""
        if self._passage.notated is None:
            return columns
        notated = self._passage.notated[self._passage.rows(range(first, first + len(columns)))]
        held = hold(columns, notated)
        if self._scales.touch is not None:
            held = touched(held, notated, self._scales.touch, TOUCH_SHARE * np.minimum(temperatures, 1))
        return columns + depth * (held - columns)

    def _describe(self, columns: np.ndarray, descriptors: np.ndarray, first: int, depth: float) -> None:
        """Add to ``columns`` (n, 8), of the notes from ``first`` on, what no mean can learn of descriptors (n, 7).

        Rhythm is complex by how far onsets stray, whichever way, and stable by how little the tempo does; what strays either way is in no
        mean. How tonal the notes are and how minor hardly differs between performers.
        """
        told = dict(zip(DESCRIPTORS, descriptors.T, strict=True))
        rows = self._passage.rows(range(first, first + len(columns)))
        columns[:, TIMING] *= np.exp2(COMPLEX_OCTAVES * told["rhythm_complexity"])
        strays = columns[:, BEAT_PERIOD] - self._average_period(depth)
        columns[:, BEAT_PERIOD] += (np.exp2(-STABLE_OCTAVES * told["rhythm_stability"]) - 1) * strays
        leaning = np.stack([told[name] for name in LEANING], axis=1)
        columns[:, VELOCITY] += (LEANING_VELOCITY * leaning * self._passage.leans[rows]).sum(axis=1)

    def _average_period(self, depth: float) -> float:
        """Return the piece's average beat period, normalised, of which as much is the reference's as is kept of it."""
        own, reference = float(self.average[BEAT_PERIOD]), self._passage.reference
        if reference is None or depth == 1:
            return own
        return own + (1 - depth) * (float(np.nanmean(reference[:, BEAT_PERIOD])) - own)

    @cached_property
    def average(self) -> np.ndarray:
        """The mean performance's average (8,), normalised, over the piece or as much of it as there is time for before the first note."""
        if self._passage.average is not None:
            return self._passage.average
        return np.concatenate(list(self._centre.values())).mean(axis=0)

    @cached_property
    def _centre(self) -> dict[range, np.ndarray]:
        """The networks' mean (n, 8) of notes that are spread over the piece."""
        return {notes: mean + self._level for notes, mean in self._raw_centre.items()}

    @cached_property
    def _raw_centre(self) -> dict[range, np.ndarray]:
        features = self._passage.features
        length, size = len(features), 2 * self._overlap + self._hop
        starts = np.unique(np.linspace(0, max(length - size, 0), min(CENTRE_WINDOWS, -(-length // size)), dtype=int))
        passages = [range(start, min(start + size, length)) for start in starts.tolist()]
        return {notes: self._raw_mean(features[notes.start : notes.stop]) for notes in passages}

    @cached_property
    def _level(self) -> np.ndarray:
        """What (8,) is added to the networks' mean so that the piece as a whole is as its amounts say, and no faster than is likely."""
        amounts, notated = self._passage.amounts, self._passage.intervals
        if amounts is None or notated is None:
            return np.zeros(COLUMNS, np.float32)
        played = [at_played_tempo(mean + amounts.level, notated[notes.start : notes.stop]) for notes, mean in self._raw_centre.items()]
        slower = likely_slower(fast_interval(np.concatenate(played)), amounts.fast_intervals)
        return (self._telling * (amounts.level + slowed(slower))).astype(np.float32)

    @property
    def _telling(self) -> float:
        """How much of what is said of the piece as a whole counts, 0 to 1."""
        return min(len(self._passage.features) / TELLING_NOTES, 1)

    @cached_property
    def deviation(self) -> np.ndarray:
        """The mean performance's deviation (8,), normalised, as far as ``average`` sees it, without any gain: standard deviations, of
        timing, whose tails are long, the mean absolute one.
        """
        if self._passage.deviation is not None:
            return self._passage.deviation
        means, second = self._centre, self._passage.second
        if second is not None:
            means = {notes: mean + second.add(slice(notes.start, notes.stop), mean, self.average) for notes, mean in means.items()}
        columns = np.concatenate(list(means.values()))
        deviation = columns.std(axis=0)
        timing = columns[:, TIMING]
        if self._passage.doubled is not None:
            timing = timing[~np.concatenate([self._passage.doubled[notes.start : notes.stop] for notes in means])]
        deviation[TIMING] = np.abs(timing - timing.mean()).mean() if len(timing) else np.nan
        return np.asarray(deviation)

    @cached_property
    def _fitting_scales(self) -> Scales:
        """The scales for as much expression as suits the piece."""
        amounts = self._passage.amounts
        if amounts is None:
            return self._scales
        wider = amounts.deviation / np.maximum(self.deviation, 1e-6)
        wider = np.where(np.isnan(wider), 1, np.clip(wider, 1 / MOST_WIDER, MOST_WIDER))
        apart = amounts.apart**self._telling
        narrowed = np.minimum(self._scales.narrowed * apart**2, 1)
        return replace(self._scales, sampled=self._scales.sampled * apart, narrowed=narrowed, wider=wider**self._telling)


def perform(sampler: WindowSampler, settings: Settings, notes: int) -> np.ndarray:
    """Return the columns (notes, 8), normalised, of a whole piece."""
    state, columns = sampler.begin(), []
    while state.next_note < notes:
        window, state = sampler.next(state, settings)
        columns.append(window.columns)
    return np.concatenate(columns)
