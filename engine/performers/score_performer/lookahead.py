"""ScorePerformer with look-ahead: what is played live is a score that is still growing, of which the next notes are decoded.

Notes are decoded one after the other from where the last window ended. They are read with those before them and all that are known to
follow.
"""

import copy
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.onnx.model import Arrays
from engine.performers.controls import Control
from engine.performers.lookahead.stream import SCORE_CONTROLS, LookaheadStream
from engine.performers.lookahead.window import (
    TO_COME_QUARTERS,
    Progress,
    WindowAnswer,
    WindowRequest,
    WindowScore,
    as_score,
    single_note_request,
)
from engine.performers.notes.performer import NotesPerformer
from engine.performers.score_performer.decoding import OF_A_NOTE, OF_AN_ONSET, NoteDecoder
from engine.performers.score_performer.networks import Networks
from engine.performers.score_performer.score import PLAIN_VELOCITY
from models.layers.sampling import SamplingOptions
from models.performance.features import note_features
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    LONGEST_BEAT_PERIOD_S,
    PEDAL,
    PERFORMANCE_COLUMNS,
    SHORTEST_BEAT_PERIOD_S,
    TIMING,
    VELOCITY,
)
from models.performance.windows import overlap_notes
from models.score_performer import vocabulary
from models.score_performer.sampling import Continuation
from models.score_performer.score_representation import SAME_POSITION_QUARTERS, encode_score
from models.score_performer.style_space import StyleSpace
from models.score_performer.vocabulary import FIELDS, PEDAL_FIELDS, PERFORMED_DURATION, PERFORMED_FIELDS, SPECIALS, START, TEMPO


@dataclass(frozen=True)
class LookaheadSettings:
    """``moved`` (style_width,) is added to the expected style."""

    sampling: SamplingOptions
    moved: tuple[float, ...]


class Memory(NamedTuple):
    """What goes from one window to the next: the decoder's memory, the last note's tokens as it was played, the performance."""

    decoder: Arrays
    previous: list[int]
    continuation: Continuation


class _Played(NamedTuple):
    """A note as the decoder plays it: in its own time, seconds."""

    tokens: list[int]
    time_s: float
    quarter: float


class ScorePerformerLookaheadSampler:
    """Follows the protocol ``engine.performers.lookahead.window.Sampler``."""

    def __init__(self, networks: Networks, space: StyleSpace, seed: int):
        self._networks, self._space, self._seed = networks, space, seed

    def settings(self, controls: Mapping[str, float]) -> LookaheadSettings:
        moved = sum((controls[name] * knob for name, knob in self._space.knobs.items()), np.zeros(self._space.width))
        return LookaheadSettings(SamplingOptions(controls["temperature"], controls["top_p"]), tuple(moved.tolist()))

    def quicker(self, settings: LookaheadSettings) -> LookaheadSettings:
        return settings

    def warm_up(self) -> None:
        self.answer(single_note_request(LookaheadSettings(SamplingOptions(), (0.0,) * self._space.width)))

    def answer(self, request: WindowRequest, is_wanted: Callable[[], bool] = lambda: True) -> WindowAnswer:
        score = as_score(request)
        velocities = score.velocities if request.touch else np.full(len(score.places), PLAIN_VELOCITY)
        tempos = np.array([60e9 / place.beat_ns for place in score.places])
        tokens = encode_score(score.table, score.measures, score.time_signatures, tempos, velocities)
        features = note_features(score.columns, float(score.columns[0, 0]), TO_COME_QUARTERS)
        context, expected, _ = self._networks.read_score(tokens, features)
        decided = slice(request.past, request.past + request.deciding)
        style = (expected[decided] + np.array(request.settings.moved)).astype(np.float32)
        played, memory = self._decode(request, score, tokens[decided], context[decided], style, is_wanted)
        order = score.order[decided] - request.past
        return WindowAnswer(order, _columns(played), score.places[decided], Progress(memory, None), evaluations=1)

    def _decode(
        self,
        request: WindowRequest,
        score: WindowScore,
        tokens: np.ndarray,
        context: np.ndarray,
        style: np.ndarray,
        is_wanted: Callable[[], bool],
    ) -> tuple[list[_Played], Memory]:
        decoder = NoteDecoder(self._networks, self._seed)
        decoder.sampling = request.settings.sampling
        memory: Memory | None = request.progress.state if request.progress else None
        previous, continuation = [START] * len(FIELDS), Continuation()
        if memory:
            decoder.stepper.restore(memory.decoder)
            previous, continuation = memory.previous, copy.deepcopy(memory.continuation)
        played, written, tempos = [], tokens.tolist(), _values(tokens, TEMPO)
        for index, quarter in enumerate(score.table["onset_quarter"][request.past : request.past + request.deciding].tolist()):
            if not is_wanted():
                raise CancelledError
            onset = round(quarter / SAME_POSITION_QUARTERS)
            fields = PERFORMED_FIELDS if not continuation.begun else OF_A_NOTE if onset == continuation.onset else OF_AN_ONSET
            chosen = decoder.decode(previous, written[index], context[index], style[index], request.first + index, fields)
            previous = continuation.take(onset, quarter, False, chosen, float(tempos[index]), decoder.at_once)
            played.append(_Played(previous, continuation.times[-1][0], quarter))
        return played, Memory(decoder.stepper.snapshot(), previous, continuation)


def _columns(played: list[_Played]) -> np.ndarray:
    """Return the performance columns (n, 8) of what was played; a period needs the next onset, and the last one has the decoded tempo."""
    tokens = np.array([note.tokens for note in played])
    times_s, quarters = np.array([note.time_s for note in played]), np.array([note.quarter for note in played])
    _, onset = np.unique(quarters, return_inverse=True)
    onset_s = np.bincount(onset, times_s) / np.bincount(onset)
    columns = np.empty((len(played), len(PERFORMANCE_COLUMNS)))
    periods_s = np.append(np.diff(onset_s) / np.diff(np.unique(quarters)), 60 / _values(tokens[-1:], TEMPO))
    columns[:, BEAT_PERIOD] = np.log2(np.clip(periods_s, SHORTEST_BEAT_PERIOD_S, LONGEST_BEAT_PERIOD_S))[onset]
    columns[:, VELOCITY] = _values(tokens, vocabulary.VELOCITY) / 127
    columns[:, TIMING] = onset_s[onset] - times_s
    columns[:, ARTICULATION] = np.log2(_values(tokens, PERFORMED_DURATION))
    columns[:, PEDAL:] = np.stack([_values(tokens, field) for field in PEDAL_FIELDS], axis=1)
    return columns


def _values(tokens: np.ndarray, field: int) -> np.ndarray:
    return FIELDS[field].values[tokens[:, field] - SPECIALS]


class ScorePerformerLookaheadPerformer(NotesPerformer):
    """Performs live notes; everything is delayed by a stated time."""

    name = "score-performer"

    def __init__(self, networks: Networks, space: StyleSpace, known: tuple[Control, ...], lookahead_s: float):
        """``known``: the controls of a performer of scores; ``lookahead_s``: the delay of every event, in seconds, more than 0."""
        self._networks, self._space, self._known = networks, space, known
        self.controls = tuple(control for control in known if control.name not in SCORE_CONTROLS)
        self.latency_ns = round(lookahead_s * 1e9)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> LookaheadStream:
        sampler = ScorePerformerLookaheadSampler(self._networks, self._space, seed)
        past_notes = overlap_notes(self._networks.window)
        return LookaheadStream(sampler, self._networks.window, past_notes, self.latency_ns, self._known, controls)
