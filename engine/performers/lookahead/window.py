"""The windows of a performance of live notes: what is played as a score that is still growing, for a performer of scores.

The metre is four quarters from the beginning on, as of a MIDI file without a time signature. The tempo is the sender's, or estimated. As
much is assumed to follow the known notes as in a short piece.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from engine.base.worker import Worker
from engine.midi.clock.messages import ClockReading
from engine.performers.lookahead.beats import BAR_QUARTERS, Place, estimate_beat_ns, place_notes
from engine.score.estimation.hands import left_hand
from engine.score.tables import MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE
from models.performance.score_representation import SCORE_COLUMNS, encode_score

LEAST_DURATION_QUARTERS = 1 / 32
TO_COME_QUARTERS = 64.0  # assumed of the piece
VELOCITY_KNOWN, VELOCITY = SCORE_COLUMNS.index("velocity_known"), SCORE_COLUMNS.index("velocity")


class IncomingNote(NamedTuple):
    """A note as far as it is known: ``held_ns`` is its duration up to now, ``track`` a file's; ``place`` is None until it is decided."""

    heard: ClockReading
    held_ns: int
    pitch: int
    channel: int
    track: int
    velocity: int
    place: Place | None


class Progress(NamedTuple):
    """What goes from one window to the next: the sampler's state, and the mean performance so far where the sampler keeps one."""

    state: Any  # None: nothing is to be held fixed, as what was decided last was not sampled
    so_far: Any


@dataclass(frozen=True)
class WindowRequest:
    """The first ``past`` of the ``notes`` are decided, the next ``deciding`` are to be decided, and the others are known to follow.

    ``first`` is the number of the first note to be decided. ``touch`` says whether the sender's velocities vary, and so mean something.
    ``tracks`` have notes, in order.
    """

    notes: tuple[IncomingNote, ...]
    past: int
    deciding: int
    first: int
    touch: bool
    tracks: tuple[int, ...]
    settings: Any  # of the sampler
    progress: Progress | None


class WindowAnswer(NamedTuple):
    """The decided notes: their ``order`` (n,) in the score, counted from the first, and with it ``columns`` (n, 8) and ``places``."""

    order: np.ndarray
    columns: np.ndarray
    places: list[Place]
    progress: Progress
    evaluations: int


class Sampler(Protocol):
    """Computes a stream's windows. ``answer`` is a function: the same request gives the same answer on any thread."""

    def settings(self, controls: Mapping[str, float]) -> Any:
        """Return how the controls set sampling."""

    def quicker(self, settings: Any) -> Any:
        """Return the settings for when time is short; the same ones if there are none quicker."""

    def warm_up(self) -> None:
        """Answer for a single note, so that the first window does not wait for what loads only then."""

    def answer(self, request: WindowRequest, is_wanted: Callable[[], bool] = lambda: True) -> WindowAnswer:
        """Return what the request asks for. Raises CancelledError soon after ``is_wanted`` says no."""


class WindowScore(NamedTuple):
    """A request's notes as a score: ``order`` (n,) has the request's note of each row; ``places`` and ``velocities`` are by row.

    ``table`` (SCORE_NOTE_DTYPE), ``measures`` and ``time_signatures`` are those of engine.score.tables; ``columns`` (n, 37) those of
    models.performance.score_representation.
    """

    order: np.ndarray
    places: list[Place]
    velocities: np.ndarray
    table: np.ndarray
    measures: np.ndarray
    time_signatures: np.ndarray
    columns: np.ndarray


def as_score(request: WindowRequest) -> WindowScore:
    places = _places(request)
    order = _score_order(request, places)
    ordered, ordered_places = [request.notes[index] for index in order], [places[index] for index in order]
    table = _score_notes(request, ordered, ordered_places)
    first, last = (int(end // BAR_QUARTERS) for end in (table["onset_quarter"].min(), table["onset_quarter"].max()))
    measures = np.array([(BAR_QUARTERS * bar, BAR_QUARTERS, bar + 1) for bar in range(first, last + 1)], MEASURE_DTYPE)
    time_signatures = np.array([(0, BAR_QUARTERS, 4)], TIME_SIGNATURE_DTYPE)
    tempos = sorted({place.quarter: (place.quarter, 60e9 / place.beat_ns) for place in ordered_places}.values())
    columns = encode_score(table, measures, time_signatures, np.array(tempos, TEMPO_DTYPE), markings=None)
    velocities = np.array([note.velocity for note in ordered])
    columns[:, VELOCITY_KNOWN] = request.touch
    columns[:, VELOCITY] = request.touch * velocities / 127
    return WindowScore(order, ordered_places, velocities, table, measures, time_signatures, columns)


def single_note_request(settings: Any) -> WindowRequest:
    """Return a request to decide a single note, to warm up with."""
    return WindowRequest((IncomingNote(ClockReading(0, 0.0, math.nan, 0), 0, 60, 0, 0, 64, None),), 0, 1, 0, False, (0,), settings, None)


def _places(request: WindowRequest) -> list[Place]:
    """Return the place of every note; past notes keep theirs."""
    past = [note.place for note in request.notes[: request.past] if note.place is not None]
    heard = [note.heard for note in request.notes]
    new = heard[request.past :]
    previous = max(past, key=lambda place: place.time_ns, default=None)
    beat_ns = previous.beat_ns if previous else 0.0
    if not all(moment.beat_ns for moment in new):
        beat_ns = estimate_beat_ns(sorted(moment.time_ns for moment in heard), beat_ns)
    return past + place_notes(previous, new, beat_ns)


def _score_order(request: WindowRequest, places: list[Place]) -> np.ndarray:
    """Return the notes' indices by row: past notes as they were, then in a score's order those to be decided, then those that follow."""
    new = range(request.past, len(request.notes))
    keys = [(index >= request.past + request.deciding, places[index].quarter, request.notes[index].pitch, index) for index in new]
    return np.array([*range(request.past), *(key[-1] for key in sorted(keys))])


def _score_notes(request: WindowRequest, notes: list[IncomingNote], places: list[Place]) -> np.ndarray:
    """Return a score's table of notes (SCORE_NOTE_DTYPE)."""
    table = np.zeros(len(notes), SCORE_NOTE_DTYPE)
    table["onset_quarter"] = [place.quarter for place in places]
    table["duration_quarter"] = [
        max(note.held_ns / place.beat_ns, LEAST_DURATION_QUARTERS) for note, place in zip(notes, places, strict=True)
    ]
    table["pitch"] = [note.pitch for note in notes]
    table["voice"] = [note.channel + 1 for note in notes]
    tracks = np.array([request.tracks.index(note.track) for note in notes])
    table["part"] = tracks if len(request.tracks) > 1 else left_hand(table["onset_quarter"], table["pitch"], tracks)
    return table


class WindowComputer(Protocol):
    """Computes one request at a time."""

    def begin(self, request: WindowRequest) -> None:
        """Take a request; one that was begun before is given up."""

    def take(self, request: WindowRequest) -> WindowAnswer | None:
        """Return the answer to the request that was begun last, or None while it is not ready."""

    def close(self) -> None:
        """Compute nothing more."""


class ImmediateComputer:
    """For files and tests: computes the answer when it is taken, so that there always is one."""

    def __init__(self, sampler: Sampler):
        self._sampler = sampler

    def begin(self, request: WindowRequest) -> None:
        pass

    def take(self, request: WindowRequest) -> WindowAnswer | None:
        return self._sampler.answer(request)

    def close(self) -> None:
        pass


class BackgroundComputer:
    """For live use: computes in a thread; ONNX Runtime releases Python's lock meanwhile.

    A window that cannot be computed is never ready.
    """

    def __init__(self, sampler: Sampler, fail: Callable[[Exception], None]):
        """``fail`` is told of each failure."""
        self._sampler, self._fail = sampler, fail
        self._worker = Worker("windows")
        self._wanted: WindowRequest | None = None
        self._answer: Future[WindowAnswer] | None = None

    def begin(self, request: WindowRequest) -> None:
        self._wanted = request
        self._answer = self._worker.submit(self._sampler.answer, request, lambda: self._wanted is request)

    def take(self, request: WindowRequest) -> WindowAnswer | None:
        if self._answer is None or not self._answer.done():
            return None
        try:
            return self._answer.result()
        except Exception as error:
            self._answer = None
            self._fail(error)
            return None

    def close(self) -> None:
        self._wanted = None
        self._worker.close()
