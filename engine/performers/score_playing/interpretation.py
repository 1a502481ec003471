"""What a player of scores asks of an interpretation: the next group of notes, decided shortly before it is heard."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from engine.performers.controls import Control
from engine.performers.counts import WindowCounts
from engine.performers.score_playing.style_curve import StyleCurve
from models.performance.decoder import Anchor, Decoded

if TYPE_CHECKING:  # shaping knows this package
    from engine.performers.score_playing.shaping.directions import Said

MOST_PLANNED = 400  # beats of which a plan tells, so that a long score begins no later
Decided = Decoded | Anchor  # an anchor: from there on the tempo is known as well


class PlannedBeat(NamedTuple):
    """What is to be expected of a beat: where it is, how fast, and how loud its first notes are, None where that is not known."""

    quarter: float
    quarters_per_minute: float
    velocity: float | None


def planned_onsets(quarters: np.ndarray) -> Iterator[slice]:
    """Yield the rows of the first onset of each beat, of a long score of every second beat or fewer; ``quarters`` (N,) are the notes'."""
    begin, step = 0, max(math.ceil(quarters[-1] / MOST_PLANNED), 1)
    while begin < len(quarters):
        yield slice(begin, int(np.searchsorted(quarters, quarters[begin], side="right")))
        begin = int(np.searchsorted(quarters, (quarters[begin] // step + 1) * step))


class Interpretation(Protocol):
    """A performance in segments. A segment begins at any note of the score: at the beginning, after a seek, each time round a loop.

    Times are seconds of the performance, as if the ``tempo`` control were 1; notes are counted from the segment's first.
    """

    controls: tuple[Control, ...]

    @property
    def counts(self) -> WindowCounts | None:
        """What became of windows that take time to compute; None if there are none."""

    def value(self, control: str) -> float:
        """Return the value that a control was set to."""

    def set_control(self, name: str, value: float) -> None:
        """Change a control for the notes that are not decided yet."""

    @property
    def directions(self) -> "Sequence[Said]":
        """The directions that hold."""

    def direct(self, directions: "Sequence[Said]") -> None:
        """Let these directions hold, and no others, for the notes that are not decided yet. Raises UsageError for those that mean nothing
        here, and then nothing has changed.
        """

    def go(self, first: int, stop: int, loops: bool) -> None:
        """Prepare a segment of the notes from ``first`` to before ``stop``, which repeats if it ``loops``."""

    def leave_loop(self, stop: int) -> None:
        """After this segment one more follows, from its end to before the note ``stop``."""

    def begin(self, first: int, stop: int, begin_quarter: float, begin_sec: float) -> list[Decided] | None:
        """Begin a segment and decide its first group of notes; ``begin_quarter`` is at ``begin_sec``.

        Return None when it is not ready: it is then asked again a little later.
        """

    @property
    def next_note(self) -> int:
        """The first note that is not decided."""

    @property
    def finished(self) -> bool:
        """Whether all notes of the segment are decided."""

    def time_at(self, quarter: float) -> float:
        """Return the time of a position at or after the last anchor, or before the first."""

    def due_sec(self, speed: float) -> float:
        """Return when ``decide`` is next to be called; ``speed`` is seconds of the performance in one of the clock.

        Minus infinity asks for a call soon, whenever there is time for a millisecond of work.
        """

    def decide(self, now_sec: float, speed: float) -> list[Decided] | None:
        """Return what has become certain, in no particular order and not earlier than now.

        Return None when it is not ready: it is then asked again a little later.
        """

    def style_curve(self) -> StyleCurve | None:
        """Return the style of the whole score over its bars, if there is one."""

    def plan(self) -> Sequence[PlannedBeat]:
        """Return what is to be expected of the whole score, as its controls and directions are now; nothing where that is not known."""

    def close(self) -> None:
        """Compute nothing more."""

    def snapshot(self) -> Any:
        """Return the whole state, detached."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a state that ``snapshot`` returned."""

    def reset(self, controls: Mapping[str, float]) -> None:
        """Begin anew, with these controls and the others at their defaults, and the directions of the beginning."""
