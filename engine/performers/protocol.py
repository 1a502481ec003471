"""What a performer is: a deterministic function of (time-stamped events, control changes, seed).

A performer is heavy, immutable and shared; a stream is light and holds everything that changes. A stream reads no clock and opens
no device, so the same events give the same performance live, in a test and offline.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from engine.midi.events import Event
from engine.performers.controls import Control
from engine.systems.manifest import Kind

if TYPE_CHECKING:
    from engine.midi.file import MidiTimeline
    from engine.midi.routing import Routing
    from engine.performers.counts import WindowCounts
    from engine.score.piece import Piece

MOST_TAKES = 64  # of one call; improvisations are as many streams side by side
MOST_SEED = 2**63 - 1  # so that those of many takes after it are still 64 bits


class PerformerStream(Protocol):
    """One performance in progress."""

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """Take one input event; return what to send, each with its due time, in order.

        Events come in order of ``time_ns``. ``late`` says that the event has waited past its deadline: the stream then answers
        at once in its degraded way (it carries the last expression forward) and catches up later, in ``rest``.
        """

    def foresee(self, events: Sequence[Event]) -> None:
        """Hear of events that will be fed next, one by one: a chord's, or those of a file. A stream may think of all of them at once.

        What it then sends may differ from what it would have sent otherwise by rounding at most.
        """

    def advance(self, now_ns: int) -> list[Event]:
        """Return what has become certain by ``now_ns`` without a further event (performers that look ahead)."""

    def next_due_ns(self) -> int | None:
        """Return when ``advance`` next has something to give, or None."""

    def finish(self) -> list[Event]:
        """The input has ended: return everything that is still held back."""

    def rest(self) -> bool:
        """Do one piece of deferred work, if any; return whether more is left. Called while nothing is due."""

    def set_control(self, name: str, value: float) -> None:
        """Change a control from the next event on. The value is already checked against the control's range."""

    def snapshot(self) -> Any:
        """Return the whole state, detached from the stream."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a state that ``snapshot`` returned."""

    def reset(self) -> None:
        """Go back to the state of a new stream with the same seed and controls."""


class Performer(Protocol):
    """What a system loads. Heavy, immutable and shared by many streams."""

    name: str
    plays: Kind  # what this one plays, as it was loaded: with look-ahead a performer of scores plays notes
    controls: tuple[Control, ...]
    latency_ns: int  # how long after its arrival every event leaves: the performer's look-ahead

    def check(self, request: Any) -> None:
        """Raise UsageError for what a request asks that this model does not know."""

    def perform(
        self, material: "Piece | None", request: Any, controls: Mapping[str, float], seed: int, live: bool
    ) -> PerformerStream:
        """Return a performance that is yet to begin.

        material: the score for Kind.SCORES, None for notes that come while it plays.
        request: of the system's own type, a ``Request``. Raises UsageError when it asks for what cannot be done with this material.
        controls: checked values for some or all of the controls.
        live: whether time goes on whether what follows is computed or not; a worker then begins at once to compute ahead.
        """


class Take(NamedTuple):
    """One of several improvisations: its events, and what stands before them in a file."""

    seed: int
    primer: "MidiTimeline"
    events: list[Event]


@runtime_checkable
class TakesPerformer(Protocol):
    """A performer that improvises several takes side by side, offline."""

    def perform_takes(
        self,
        primer: "MidiTimeline",
        request: Any,
        controls: Mapping[str, float],
        seeds: Sequence[int],
        listen: Callable[[PerformerStream], None],
    ) -> list[Take]:
        """Return a take for each seed. ``listen`` plays the primer to a stream, once."""


class InFile(NamedTuple):
    """What is played of a MIDI file of which something was performed beforehand: the file, and what performs the rest as it comes."""

    timeline: "MidiTimeline"
    stream: PerformerStream
    routing: "Routing"


@runtime_checkable
class FilePerformer(Protocol):
    """A performer of notes that knows a MIDI file to its end, and performs all or some of it beforehand."""

    def perform_file(self, timeline: "MidiTimeline", request: Any, controls: Mapping[str, float], seed: int, live: bool) -> InFile:
        """Return what is to be played. The arguments are as of ``Performer.perform``."""


@runtime_checkable
class Drummer(Performer, Protocol):
    """A performer of drums, which may play beside another performer."""

    def routed(self, routing: "Routing") -> "Drummer":
        """Return it as it plays with this routing, which says what is left alone and which kit there is."""

    def perform_timeline(
        self, timeline: "MidiTimeline", routing: "Routing", controls: Mapping[str, float], seed: int, channels: Collection[int]
    ) -> "MidiTimeline":
        """Return a MIDI file with the strokes performed that are on ``channels``."""

    def perform_piece(self, piece: "Piece", routing: "Routing", controls: Mapping[str, float], seed: int) -> "Piece":
        """Return a score with its drums performed."""


@runtime_checkable
class ClockFollower(Protocol):
    """A stream that follows the sender's beat."""

    def follow_clock(self, event: Event) -> None:
        """Hear of a system message (MIDI clock, start, stop, song position), which goes past the performer."""


@runtime_checkable
class KeyswitchFollower(Protocol):
    """A stream that moves notes in time, and must not move them past the keys that switch how they sound."""

    def follow_keyswitch(self, event: Event) -> None:
        """Hear that a keyswitch goes down or up, which goes past the performer a look-ahead later.

        Notes of its channel that come after it are sent after it, those that came before it before it.
        """


@runtime_checkable
class WindowedStream(Protocol):
    """A stream that looks ahead in windows which take time to compute."""

    counts: "WindowCounts"  # what became of the windows

    def work_ahead(self) -> None:
        """From now on let a worker compute, and do without what is not ready in time: live, where time waits for nobody."""

    def close(self) -> None:
        """End the worker."""


@runtime_checkable
class ControllerStream(Protocol):
    """A stream that moves controllers of its own."""

    def rest_controllers(self, time_ns: int) -> list[Event]:
        """Return what puts them at rest when the run ends before the music does."""


@runtime_checkable
class PausableStream(Protocol):
    """A stream that plays by itself and can stop where it is."""

    def pause(self, now_ns: int) -> None:
        """Stop where it is; what sounds is released."""
