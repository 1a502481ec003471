"""Ableton Link: the beat and transport that programs on a network share. The beat is heard as MIDI clock, each clock at its exact time.

A Link session opens UDP sockets, multicast among them, on every network of the computer. So there is one only where it was asked for.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.base.clock import Clock
from engine.base.errors import UsageError
from engine.midi.clock.messages import CLOCK, CLOCKS_A_QUARTER, CLOCKS_A_SONG_POSITION, CONTINUE, SONG_POSITION
from engine.midi.events import LINK_TRACK, Event

if TYPE_CHECKING:
    from link import SessionState

QUANTUM_QUARTERS = 4.0  # peers share the place in a bar of as many
FIRST_TEMPO = 120.0  # quarters a minute, that of a session which begins here; whoever joins one takes its tempo
SONG_POSITIONS = 1 << 14  # MIDI 1.0 detailed specification, page 27; a whole number of bars
LOOK_S = 0.02  # how often a change of tempo or transport is looked for
COMPARISONS = 3  # of the two clocks; the one that took least time is right


def check_available() -> None:
    """Raise UsageError where the library is missing."""
    try:
        import link  # noqa: F401
    except ImportError:
        raise UsageError("--link needs LinkPython-extern; install it with pip install 'perf-live[link]'") from None


class LinkSession:
    """A peer that sets no tempo of its own. While there are others, a thread tells what they do.

    ``hear`` is given the beat: song position and continue where it begins or jumps, then 24 clocks a quarter, on the engine's clock.
    ``conduct`` is told when the others begin to play (True) and when they stop.
    """

    def __init__(self, clock: Clock, hear: Callable[[Event], None], conduct: Callable[[bool], None]):
        from link import Link

        self._clock, self._hear, self._conduct = clock, hear, conduct
        self._link = Link(FIRST_TEMPO)
        self._link.startStopSyncEnabled = True
        self._next: int | None = None  # the clock that comes next, counted from the session's beat 0; None without peers
        self._due_us = 0.0  # when it comes, as far as was known
        self._playing: bool | None = None
        self._again = False  # whether the place is to be told once more

    def describe(self) -> str:
        """Return tempo and peers in words."""
        peers = self._link.numPeers()
        return f"Link: {self._link.captureAppSessionState().tempo():.4g} quarters a minute, {peers} peer{'s' * (peers != 1)}"

    def tell_again(self) -> None:
        """Tell the place once more, to a listener who has forgotten it. Safe from any thread."""
        self._again = True

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Be a peer while the block runs."""
        over = threading.Event()

        def follow() -> None:
            while not over.wait(self._look()):
                pass

        follower = threading.Thread(target=follow, name="link", daemon=True)
        self._link.enabled = True
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()
            self._link.enabled = False

    def _look(self) -> float:
        """Tell what is due. Return how many seconds later to look again."""
        if not self._link.numPeers():
            self._next = None
            return LOOK_S
        if self._again:
            self._again, self._next = False, None
        state, now_us = self._link.captureAppSessionState(), self._link.clock().micros()
        self._tell_transport(state, now_us)
        self._tell_beat(state, now_us)
        return min(LOOK_S, max(self._due_us - now_us, 0.0) / 1e6)

    def _tell_transport(self, state: "SessionState", now_us: int) -> None:
        """Tell of a change; one that is yet to come, as at the next bar, is waited for."""
        if state.timeForIsPlaying() > now_us:
            return
        before, self._playing = self._playing, state.isPlaying()
        if before is not None and before != self._playing:
            self._conduct(self._playing)

    def _tell_beat(self, state: "SessionState", now_us: int) -> None:
        """Tell the clocks that are due. The beat has jumped where the next clock is expected more than a clock away from before."""
        clock_us = 60e6 / state.tempo() / CLOCKS_A_QUARTER
        if self._next is None or abs(self._time_us(state, self._next) - self._due_us) > clock_us:
            position = math.ceil(state.beatAtTime(now_us, QUANTUM_QUARTERS) * CLOCKS_A_QUARTER / CLOCKS_A_SONG_POSITION)
            self._next = position * CLOCKS_A_SONG_POSITION
            position %= SONG_POSITIONS
            self._tell(now_us, bytes((SONG_POSITION, position & 0x7F, position >> 7)))
            self._tell(now_us, bytes((CONTINUE,)))
        while (due_us := self._time_us(state, self._next)) <= now_us:
            self._tell(due_us, bytes((CLOCK,)))
            self._next += 1
        self._due_us = due_us

    @staticmethod
    def _time_us(state: "SessionState", clock: int) -> float:
        return state.timeAtBeat(clock / CLOCKS_A_QUARTER, QUANTUM_QUARTERS)

    def _tell(self, time_us: float, message: bytes) -> None:
        self._hear(Event(round(time_us * 1000) + self._offset_ns(), message, LINK_TRACK))

    def _offset_ns(self) -> int:
        """Return how much further the engine's clock is than Link's. They drift apart, so it is measured each time."""
        compared = []
        for _ in range(COMPARISONS):
            before_ns = self._clock.now_ns()
            link_ns = self._link.clock().micros() * 1000
            after_ns = self._clock.now_ns()
            compared.append((after_ns - before_ns, (before_ns + after_ns) // 2 - link_ns))
        return min(compared)[1]
