"""DExter with look-ahead: live notes are sampled window by window, each with the end of what was decided held fixed."""

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engine.performers.dexter.controls import CONTROLS, sampling_settings
from engine.performers.dexter.expression_profile import ProfileGraph
from engine.performers.dexter.trees import Trees
from engine.performers.dexter.window_worker import URGENT_EVALUATIONS
from engine.performers.lookahead.stream import SCORE_CONTROLS, LookaheadStream
from engine.performers.lookahead.window import TO_COME_QUARTERS, Progress, WindowAnswer, WindowRequest, as_score, single_note_request
from engine.performers.notes.performer import NotesPerformer
from models.dexter.representation import Branch, Networks, Passage, Scales, Settings, State
from models.dexter.residuals import Residuals
from models.dexter.windows import WindowSampler
from models.performance.descriptors import tonal_leans
from models.performance.features import TEMPO_MAP_FEATURES, denormalise, notated_octaves, note_features
from models.performance.representation import TIMING, find_anchors, settle
from models.performance.windows import OVERLAP_SHARE

HISTORY_NOTES = 1024  # what is read of the piece so far: all, mostly
AVERAGE_NOTES = 512  # after so many the running average of the mean performance forgets


class MeanSoFar(NamedTuple):
    """The mean performance of the last ``notes`` notes: ``average`` (8,) and ``deviation`` (8,), as ``WindowSampler`` defines them."""

    average: np.ndarray
    deviation: np.ndarray
    notes: int

    def and_then(self, columns: np.ndarray) -> "MeanSoFar":
        """Return the same with more notes, ``columns`` (n, 8), counted in."""
        total = self.notes + len(columns)
        share = len(columns) / total
        average = self.average + share * (columns.mean(axis=0) - self.average)
        power = np.where(np.arange(columns.shape[1]) == TIMING, 1, 2)
        spread = (1 - share) * self.deviation**power + share * (np.abs(columns - average) ** power).mean(axis=0)
        return MeanSoFar(average, spread ** (1 / power), min(total, AVERAGE_NOTES))


class Readers(NamedTuple):
    """What reads a score beside the networks, and draws performances; None where a model has no such file."""

    trees: Trees | None = None
    profile: ProfileGraph | None = None
    residuals: Residuals | None = None


class DexterLookaheadSampler:
    """Follows the protocol ``engine.performers.lookahead.window.Sampler``."""

    def __init__(self, networks: Networks, readers: Readers, scales: Scales, window: int, seed: int):
        self._networks, self._readers, self._scales, self._window, self._seed = networks, readers, scales, window, seed

    def settings(self, controls: Mapping[str, float]) -> Settings:
        return sampling_settings(controls)

    def quicker(self, settings: Settings) -> Settings:
        return replace(settings, evaluations=min(settings.evaluations, URGENT_EVALUATIONS))

    def warm_up(self) -> None:
        self.answer(single_note_request(Settings()))

    def answer(self, request: WindowRequest, is_wanted: Callable[[], bool] = lambda: True) -> WindowAnswer:
        score = as_score(request)
        columns, (trees, profile, residuals) = score.columns, self._readers
        features = _features(columns)
        so_far: MeanSoFar | None = request.progress.so_far if request.progress else None
        passage = Passage(
            features,
            tonal_leans(score.table),
            first_note=request.first - request.past,
            average=so_far and so_far.average,
            deviation=so_far and so_far.deviation,
            second=trees.read(columns, features) if trees else None,
            profile=profile.read(columns, features) if profile else None,
            notated_octaves=notated_octaves(columns),
            anchors=find_anchors(score.table["onset_quarter"])[1],
        )
        networks = _Wanted(self._networks, is_wanted)
        sampler = WindowSampler(networks, self._scales, self._window, passage, self._seed, draws=residuals, overlap_share=OVERLAP_SHARE)
        state = (request.progress and request.progress.state) or sampler.begin(request.first)
        window, after = sampler.next(state, request.settings, request.deciding)
        decided = slice(request.past, request.past + request.deciding)
        return WindowAnswer(
            score.order[decided] - request.past,
            settle(denormalise(window.columns, columns[decided]), score.table[decided]),
            score.places[decided],
            _progress(request, sampler, after),
            window.evaluations,
        )


def _features(columns: np.ndarray) -> np.ndarray:
    """Return what the network reads of notes with these score columns.

    The tempo of live notes is measured and never quite steady. A change of one percent is therefore no written ritardando, and is not
    shown.
    """
    features = note_features(columns, columns[0, 0], TO_COME_QUARTERS)
    features[:, TEMPO_MAP_FEATURES] = 0
    return features


class _Wanted:
    """The networks, which stop when nobody waits for their answer any more."""

    def __init__(self, networks: Networks, is_wanted: Callable[[], bool]):
        self.descriptors = networks.descriptors
        self._networks, self._is_wanted = networks, is_wanted

    def mean(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._check()
        return self._networks.mean(features, descriptors, known)

    def denoise(self, noisy: np.ndarray, log_snr: float, branch: Branch, fixed: np.ndarray, fixed_known: np.ndarray) -> np.ndarray:
        self._check()
        return self._networks.denoise(noisy, log_snr, branch, fixed, fixed_known)

    def _check(self) -> None:
        if not self._is_wanted():
            raise CancelledError


def _progress(request: WindowRequest, sampler: WindowSampler, after: State) -> Progress:
    """Count what was decided now into the mean so far."""
    so_far = request.progress.so_far if request.progress else MeanSoFar(sampler.average, sampler.deviation, len(request.notes))
    return Progress(after, so_far.and_then(after.mean[-request.deciding :]))


class DexterLookaheadPerformer(NotesPerformer):
    """Performs live notes; everything is delayed by a stated time."""

    name = "dexter"
    controls = tuple(control for control in CONTROLS if control.name not in SCORE_CONTROLS)

    def __init__(self, networks: Networks, readers: Readers, scales: Scales, window: int, lookahead_s: float):
        """``window`` in notes; ``lookahead_s``: the delay of every event, in seconds, more than 0."""
        self._networks, self._readers, self._scales, self._window = networks, readers, scales, window
        self.latency_ns = round(lookahead_s * 1e9)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> LookaheadStream:
        sampler = DexterLookaheadSampler(self._networks, self._readers, self._scales, self._window, seed)
        return LookaheadStream(sampler, self._window, HISTORY_NOTES, self.latency_ns, CONTROLS, controls)
