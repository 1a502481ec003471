"""DExter with look-ahead: the windows of what is played live, each with the end of what was decided held fixed."""

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np

from engine.performers.dexter_controls import CONTROLS, sampling_settings
from engine.performers.dexter_supply import URGENT_EVALUATIONS
from engine.performers.lookahead_hop import TO_COME_QUARTERS, Answer, Progress, Request, a_note, know
from engine.performers.lookahead_stream import SCORE_CONTROLS, LookaheadStream
from models.dexter.descriptors import tonal_leans
from models.dexter.features import HELD_BACK, denormalise, notated_octaves, note_features
from models.dexter.representation import settle
from models.dexter.windows import Branch, Networks, Passage, Scales, Settings, State, WindowSampler

AVERAGE_NOTES = 512  # what the running average of the mean performance forgets after


class HopSampler:
    """Follows the protocol ``engine.performers.lookahead_hop.Sampler``."""

    def __init__(self, networks: Networks, scales: Scales, window: int, seed: int):
        self._networks, self._scales, self._window, self._seed = networks, scales, window, seed

    def settings(self, controls: Mapping[str, float]) -> Settings:
        return sampling_settings(controls)

    def quicker(self, settings: Settings) -> Settings:
        return replace(settings, evaluations=min(settings.evaluations, URGENT_EVALUATIONS))

    def warm_up(self) -> None:
        self.answer(a_note(Settings()))

    def answer(self, request: Request, is_wanted: Callable[[], bool] = lambda: True) -> Answer:
        known = know(request)
        columns = known.columns
        passage = Passage(
            _features(columns),
            tonal_leans(known.table),
            first_note=request.first - request.past,
            average=request.progress.average if request.progress else None,
            notated=notated_octaves(columns),
        )
        sampler = WindowSampler(_Wanted(self._networks, is_wanted), self._scales, self._window, passage, self._seed)
        state = (request.progress and request.progress.state) or sampler.begin(request.first)
        window, after = sampler.next(state, request.settings, request.deciding)
        decided = slice(request.past, request.past + request.deciding)
        return Answer(
            known.order[decided] - request.past,
            settle(denormalise(window.columns, columns[decided]), known.table[decided]),
            known.places[decided],
            _progress(request, sampler, after),
            window.evaluations,
        )


def _features(columns: np.ndarray) -> np.ndarray:
    """Return what the network reads of notes with these score columns. Their tempo is measured and never quite steady, so that a hundredth
    more or less does not say what it says in a score.
    """
    features = note_features(columns, columns[0, 0], TO_COME_QUARTERS)
    features[:, HELD_BACK] = 0
    return features


class _Wanted:
    """Networks that stop when nobody waits for them any more."""

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


def _progress(request: Request, sampler: WindowSampler, after: State) -> Progress:
    """Let what was decided now count in the average as well."""
    before = request.progress.notes if request.progress else len(request.notes)
    recent = after.mean[-request.deciding :]
    total = before + len(recent)
    average = (sampler.average * before + recent.sum(axis=0)) / total
    return Progress(after, average, min(total, AVERAGE_NOTES))


class DexterLookaheadPerformer:
    """Performs live notes; everything is delayed by a stated time."""

    name = "dexter"
    controls = tuple(control for control in CONTROLS if control.name not in SCORE_CONTROLS)

    def __init__(self, networks: Networks, scales: Scales, window: int, lookahead_s: float):
        """``window`` in notes; ``lookahead_s``: the delay of every event, in seconds, more than 0."""
        self._networks, self._scales, self._window = networks, scales, window
        self.latency_ns = round(lookahead_s * 1e9)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> LookaheadStream:
        sampler = HopSampler(self._networks, self._scales, self._window, seed)
        return LookaheadStream(sampler, self._window, self.latency_ns, CONTROLS, controls)
