"""A piece performed window by window: each window is sampled with the end of the last one held fixed. NumPy only.

A window has three parts. On the left are notes that are already committed; in the middle, notes that this window commits; on the right,
notes that are sampled only to be looked ahead at, and sampled again by the next window. The means of two windows are blended where both
have one, and the residual continues the fixed notes, so that there is no seam.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np

from models.dexter.piece_statistics import PieceStatistics
from models.dexter.rendering import Renderer
from models.dexter.representation import Branch, Networks, Passage, Scales, Settings, State, Window
from models.dexter.residuals import Draws, Past, Scored
from models.dexter.sampling import (
    ANCESTRAL_STEPS,
    Denoiser,
    ancestral,
    dpm_solver,
    guided,
    noise_levels,
    note_noise,
    note_uniform,
    signal_and_noise,
)
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, VELOCITY

TEMPERATURE_NOTES = 32  # over which a changed temperature is reached
CARRIED_NOTES = 16  # committed at once when there is no time to sample
OVERLAP_SHARE = 0.125  # of a window of a whole score; twice as much costs half as many readings again, for .002 of correlation
MOST_EXPECTED = 16  # windows that are read before playing begins
MOST_REPRESENTATIVE = 6  # of them, whose mean counts as the piece's
LEAST_GUIDED_LEVELS = 4  # noise levels with two evaluations each: fewer give too little expression


class WindowSampler:
    """Samples the windows of one passage with one seed. It caches, but keeps no state between calls."""

    def __init__(
        self,
        networks: Networks,
        scales: Scales,
        window: int,
        passage: Passage,
        seed: int,
        thousand_steps: bool = False,
        draws: Draws | None = None,
        overlap_share: float = OVERLAP_SHARE,
    ):
        """``window`` in notes, of which it shares ``overlap_share`` with the window on either side.

        ``thousand_steps``: sample as the paper does, for comparison; ``Settings.evaluations`` is then ignored.

        ``draws`` samples in place of the denoiser, but for a transfer, which begins with what is there.
        """
        self._networks = networks
        self._residual_deviation = scales.residual_deviation
        self._overlap = round(window * overlap_share)
        self._hop = window - 2 * self._overlap
        self._passage = passage
        self.piece = PieceStatistics(lambda: {rows: self._mean_of(rows) for rows in self._representative}, scales, passage)
        self._draws = draws if passage.reference is None and not thousand_steps else None
        self._renderer = Renderer(passage, self.piece, self._draws)
        self._seed = seed
        self._thousand_steps = thousand_steps
        self._plain: dict[range, tuple[np.ndarray, np.ndarray]] = {}  # what the network reads without descriptors

    def begin(self, first_note: int = 0) -> State:
        """Return the state from which ``first_note`` is the next to be committed; nothing before it is fixed."""
        past = min(self._overlap, first_note)
        rows, flags = np.zeros((past, COLUMNS), np.float32), np.zeros((past, 1), np.float32)
        return State(first_note, rows, rows, rows, flags, np.zeros((past, self._networks.descriptors), np.float32), flags)

    def next(self, state: State, settings: Settings, notes: int | None = None) -> tuple[Window, State]:
        """Return the next window, and the state after it. At least one note must be left.

        ``notes``: how many to commit; None: as many as the window can.
        """
        settings = self._tempered(settings)
        first, past, length = state.next_note, len(state.columns), self._passage.first_note + len(self._passage.features)
        stop = min(first + self._hop + self._overlap, length)
        commit_stop = min(first + notes, stop) if notes else stop if stop == length else first + self._hop
        commit = slice(past, commit_stop - first + past)
        branches = self._read(state, settings, range(first - past, stop))
        self._forget(range(first - past, stop))
        mean = self._blend(state, settings, branches)
        voicing = self._renderer.voicing(first - past, mean)
        residual, evaluations, drawn_past = np.zeros_like(mean), 0, None
        if self._draws is None:
            residual, evaluations = self._residual(state, settings, branches, mean)
        elif settings.temperature or state.temperature:
            base = self._renderer.base(mean[commit], voicing[commit])
            residual[commit], drawn_past = self._drawn(self._draws, state, first, base)
        temperatures = self._temperatures(state, settings, commit_stop - first)
        descriptors = branches[0].descriptors[commit] * branches[0].known[commit]
        columns = self._renderer.columns(settings, temperatures, first, mean[commit], voicing[commit], residual[commit], descriptors)
        foot = state.foot
        if self._passage.pedalling:
            still = self._renderer.columns(settings, temperatures, first, mean[commit], voicing[commit], 0 * residual[commit], descriptors)
            columns, foot = self._passage.pedalling.pedal(columns, still, self._passage.rows(range(first, commit_stop)), foot)
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
            drawn_past,
            foot,
        )
        return Window(first, columns, evaluations), after

    def expected(self) -> np.ndarray:
        """Return the columns (N, 8), normalised, of the mean performance of a whole piece, without descriptors.

        Of a long piece MOST_EXPECTED windows are read, spread evenly; the notes of the others get their average.
        """
        expected = np.full((len(self._passage.features), COLUMNS), np.nan)
        for notes, rows in self._spread:
            mean = self._mean_of(notes)[rows.start - notes.start : rows.stop - notes.start] + self.piece.mean_offset
            own = slice(rows.start, rows.stop)
            if self._passage.second is not None:
                mean = mean + self._passage.second.correction(own, mean, self.average)
            expected[own] = self._renderer.expected(mean)
        return np.where(np.isnan(expected), np.nanmean(expected, axis=0), expected)

    @cached_property
    def _spread(self) -> list[tuple[range, range]]:
        """Rows of the passage that are read together, and those of them that are committed, of MOST_EXPECTED windows at most.

        They are those of ``next`` from the beginning on.
        """
        length, windows = len(self._passage.features), []
        for first in range(0, max(length - self._overlap, 1), self._hop):
            notes = range(max(first - self._overlap, 0), min(first + self._hop + self._overlap, length))
            windows.append((notes, range(first, length if notes.stop == length else first + self._hop)))
        return [windows[place] for place in _places(len(windows), MOST_EXPECTED)]

    @property
    def _representative(self) -> list[range]:
        """The rows of some windows, of those that are spread, whose mean counts as the piece's."""
        return [self._spread[place][0] for place in _places(len(self._spread), MOST_REPRESENTATIVE)]

    def _mean_of(self, rows: range) -> np.ndarray:
        return self._read_plainly(rows)[0]

    def _read_plainly(self, rows: range) -> tuple[np.ndarray, np.ndarray]:
        """Return the networks' mean (n, 8) and context (n, C) without descriptors; it is kept until ``next`` has needed it, of what is
        spread for good.
        """
        found = self._plain.get(rows)
        if found is None:
            found = self._networks.mean(self._passage.features[rows.start : rows.stop], *self._undescribed(len(rows)))
            self._plain[rows] = found
        return found

    def piece_ahead(self) -> None:
        """Let the second prediction be made that ``deviation`` needs. Another thread may call it before that is asked for."""
        if self._passage.second is not None:
            for rows in self._representative:
                self._passage.second.predict(slice(rows.start, rows.stop))

    def mean_ahead(self) -> None:
        """Let the networks read what ``expected`` needs, the end of the piece first: another thread may read its beginning meanwhile."""
        for notes, _ in reversed(self._spread):
            self._mean_of(notes)

    def second_ahead(self) -> None:
        """Let the second prediction be made that ``expected`` needs, as ``mean_ahead`` does, while another thread calls that."""
        if self._passage.second is not None:
            for _, rows in reversed(self._spread):
                self._passage.second.predict(slice(rows.start, rows.stop))

    def read_ahead(self, first: int) -> int:
        """Read what ``next`` will read of the window that goes on from the note ``first`` of a whole piece; return where that ends.

        Another thread may call it while the window before is computed.
        """
        rows = range(max(first - self._overlap, 0), min(first + self._hop + self._overlap, len(self._passage.features)))
        self._read_plainly(rows)
        if self._passage.second is not None:
            self._passage.second.predict(slice(rows.start, rows.stop))
        return len(self._passage.features) if rows.stop == len(self._passage.features) else first + self._hop

    def _undescribed(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return descriptors (count, 7) and flags (count, 1) that say nothing."""
        return np.zeros((count, self._networks.descriptors), np.float32), np.zeros((count, 1), np.float32)

    def carry(self, state: State, written: np.ndarray) -> tuple[Window, State]:
        """Return a few notes without any network: as ``written`` (N, 8), with the last notes' average tempo, velocity and articulation."""
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
        """Run the mean network with the descriptors, and for guidance also with the null token; add the second prediction's correction.

        The correction is that of the mean without descriptors; descriptors move the corrected mean.
        """
        passage = self._passage
        follows = settings.descriptors is not None or passage.descriptors is not None
        new = len(notes) - len(state.columns)
        wanted = np.zeros((new, self._networks.descriptors), np.float32)
        if passage.descriptors is not None:
            wanted += passage.descriptors[passage.rows(notes[-new:])]
        if settings.descriptors is not None:
            wanted += np.asarray(settings.descriptors, np.float32)
        descriptors = np.concatenate([state.descriptors, wanted])
        known = np.concatenate([state.known, np.full((new, 1), float(follows), np.float32)])
        readings = [(descriptors, known)]
        if follows and settings.guidance != 1:
            readings.append((np.zeros_like(descriptors), np.zeros_like(known)))
        branches = [self._branch(notes, *reading) for reading in readings]
        if passage.second is None:
            return branches
        rows = passage.rows(notes)
        plain = self._read_plainly(range(rows.start, rows.stop))[0] + self.piece.mean_offset
        correction = passage.second.correction(rows, plain, self.average)
        return [branch._replace(mean=branch.mean + correction) for branch in branches]

    def _branch(self, notes: range, descriptors: np.ndarray, known: np.ndarray) -> Branch:
        rows = self._passage.rows(notes)
        if known.any():
            mean, context = self._networks.mean(self._passage.features[rows], descriptors, known)
        else:
            mean, context = self._read_plainly(range(rows.start, rows.stop))
        return Branch(mean + self.piece.mean_offset, context, descriptors, known)

    def _forget(self, notes: range) -> None:
        """Let go what was read of a window, unless it is spread."""
        rows = self._passage.rows(notes)
        read = range(rows.start, rows.stop)
        if all(read != spread for spread, _ in self._spread):
            self._plain.pop(read, None)

    def _blend(self, state: State, settings: Settings, branches: list[Branch]) -> np.ndarray:
        """Return the mean (T, 8) of a window: committed notes keep theirs, then the last window's is cross-faded into this one's."""
        mean = branches[-1].mean + (settings.guidance if len(branches) > 1 else 1) * (branches[0].mean - branches[-1].mean)
        past = len(state.columns)
        mean[:past] = np.where(state.residual_known > 0, state.mean, mean[:past])
        both = min(len(state.ahead), len(mean) - past)
        share = ((np.arange(both) + 0.5) / max(both, 1))[:, None]
        mean[past : past + both] += (1 - share) * (state.ahead[:both] - mean[past : past + both])
        return mean.astype(np.float32)

    def _residual(self, state: State, settings: Settings, branches: list[Branch], mean: np.ndarray) -> tuple[np.ndarray, int]:
        """Sample the residual around ``mean`` (T, 8); return it and the number of evaluations."""
        notes = range(state.next_note - len(state.columns), state.next_note - len(state.columns) + len(mean))
        fixed, fixed_known = (np.zeros((len(mean), width), np.float32) for width in (COLUMNS, 1))
        fixed[: len(state.columns)], fixed_known[: len(state.columns)] = state.residual, state.residual_known
        if settings.temperature == 0 and not state.temperature:  # a falling temperature still lets the residual be heard
            return fixed, 0
        noise = note_noise(self._seed, notes, COLUMNS)
        count = settings.evaluations if len(branches) == 1 else max(settings.evaluations // 2, LEAST_GUIDED_LEVELS)
        count = ANCESTRAL_STEPS if self._thousand_steps else count
        levels = noise_levels(count, settings.depth)
        alpha, sigma = signal_and_noise(levels[0])
        start = np.zeros_like(mean)
        if self._passage.reference is not None and settings.depth < 1:
            reference = self._passage.reference[self._passage.rows(notes)]
            start = np.nan_to_num((reference - mean) / self._residual_deviation)
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

    def _drawn(self, draws: Draws, state: State, first: int, base: np.ndarray) -> tuple[np.ndarray, Past]:
        """Return the residuals (n, 8) of a performance drawn around ``base`` (n, 8) of the notes from ``first`` on, and the past after."""
        passage, notes = self._passage, range(first, first + len(base))
        if passage.anchors is None or passage.notated_octaves is None:
            raise ValueError("a passage needs anchors and notated_octaves to be drawn")
        rows = passage.rows(notes)
        begins = np.diff(passage.anchors[: rows.stop], prepend=-1)[rows] != 0
        begins[0] |= state.past is None
        scored = Scored(passage.features[rows], base, passage.notated_octaves[rows], begins)
        columns, past = draws.draw(scored, state.past or Past(), note_uniform(self._seed, notes, COLUMNS))
        return columns - base, past

    def _denoiser(self, branch: Branch, fixed: np.ndarray, fixed_known: np.ndarray, noise: np.ndarray) -> Denoiser:
        """Return the denoiser of a branch; it sees fixed notes with the noise of each level."""

        def denoise(noisy: np.ndarray, log_snr: float) -> np.ndarray:
            alpha, sigma = signal_and_noise(log_snr)
            seen = np.where(fixed_known > 0, alpha * fixed + sigma * noise, noisy)
            return self._networks.denoise(seen.astype(np.float32), log_snr, branch, fixed, fixed_known)

        return denoise

    def _temperatures(self, state: State, settings: Settings, count: int) -> np.ndarray:
        """Return the temperature (count,) of each note that a window commits; a changed temperature is reached over TEMPERATURE_NOTES."""
        before = settings.temperature if state.temperature is None else state.temperature
        ramp = np.minimum((np.arange(count) + 1) / TEMPERATURE_NOTES, 1)
        return np.asarray(before + ramp * (settings.temperature - before))

    @property
    def average(self) -> np.ndarray:
        """The mean performance's average (8,), normalised, see PieceStatistics."""
        return self.piece.average

    @property
    def deviation(self) -> np.ndarray:
        """The mean performance's deviation (8,), normalised, see PieceStatistics."""
        return self.piece.deviation


def _places(count: int, most: int) -> list[int]:
    """Return ``most`` numbers at most below ``count``, spread evenly."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def perform(sampler: WindowSampler, settings: Settings, notes: int) -> np.ndarray:
    """Return the columns (notes, 8), normalised, of a whole piece."""
    state, columns = sampler.begin(), []
    while state.next_note < notes:
        window, state = sampler.next(state, settings)
        columns.append(window.columns)
    return np.concatenate(columns)
