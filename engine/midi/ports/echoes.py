"""Loops: what goes out at one port comes back in at another, through another program, and would be performed again and again.

Notes that come back as they were sent are a suspicion and no more: a sequencer that repeats a key looks the same. So a few values of a
controller that no instrument has are sent (MIDI 1.0, table III: 119 is undefined). Only a loop brings them back.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from engine.midi.events import CONTROL_CHANGE, channel_of, control_change, is_note_on

WITHIN_NS = 250_000_000  # what comes back later than this after it was sent is not taken for an echo
SUSPICIOUS = 16  # so many more notes that came back than others
PROBE_CONTROLLER, PROBE_VALUES = 119, (17, 99, 64, 5)
PROBE_EVERY_NS = 10_000_000_000
DEAF_NS = 300_000_000  # after a loop was found: until what is under way in it has come
MOST_REMEMBERED = 4096  # messages

Send = Callable[[bytes], None]


class Echoes:
    """Knows what one run has sent, and so what of it comes back. All methods are safe from any thread."""

    def __init__(self, outputs: Sequence[Send], found: Callable[[], None]):
        """``outputs`` send a message; ``found`` is told once when there is a loop."""
        self._outputs, self._found = outputs, found
        self._sent_ns: OrderedDict[bytes, int] = OrderedDict()  # note-ons that may still come back: when each was sent last, in that order
        self._suspicion = 0
        self._probed_ns = -PROBE_EVERY_NS
        self.expecting = False  # whether anything that comes may have to be left out
        self._expected: list[bytes] = []  # what is still to come back of a probe
        self._looping = False
        self._deaf_until_ns = 0
        self._under_way: dict[bytes, deque[int]] = {}  # in a loop: what was sent and has not come back yet, and when
        self._count = 0  # of what is under way
        self._lock = threading.Lock()  # one thread sends, another hears

    def sent(self, message: bytes) -> None:
        """Take note of a message that was just sent."""
        if self._looping:
            self._expect(message, time.monotonic_ns())
        elif is_note_on(message):
            self._remember(message, time.monotonic_ns())

    def is_echo(self, message: bytes) -> bool:
        """Whether a message that came in is to be left out: an echo in a loop, or a probe for one."""
        if self._looping:
            return self._came_back(message, time.monotonic_ns())
        if self._expected and message[0] & 0xF0 == CONTROL_CHANGE and message[1] == PROBE_CONTROLLER:
            return self._take_probe(message)
        return False

    def heard(self, message: bytes) -> None:
        """Take note of a message that came in and was not left out."""
        if self._looping:
            return
        if message in self._sent_ns:
            self._suspect(message, time.monotonic_ns())
        elif self._suspicion and is_note_on(message):
            self._suspicion -= 1

    def _remember(self, message: bytes, now_ns: int) -> None:
        """Remember a note-on for as long as it may come back. More would be let go all at once, and memory would not stay as it is."""
        with self._lock:
            sent_ns = self._sent_ns
            sent_ns[message] = now_ns
            sent_ns.move_to_end(message)
            while now_ns - next(iter(sent_ns.values())) > WITHIN_NS:
                sent_ns.popitem(last=False)

    def _suspect(self, message: bytes, now_ns: int) -> None:
        returned = now_ns - self._sent_ns.get(message, now_ns - WITHIN_NS) < WITHIN_NS
        self._suspicion = self._suspicion + 1 if returned else max(0, self._suspicion - 1)
        if self._suspicion >= SUSPICIOUS and now_ns - self._probed_ns > PROBE_EVERY_NS:
            self._probed_ns, self._suspicion = now_ns, 0
            probe = [control_change(channel_of(message), PROBE_CONTROLLER, value) for value in PROBE_VALUES]
            self._expected, self.expecting = list(probe), True
            for each in probe:
                for send in self._outputs:
                    send(each)

    def _take_probe(self, message: bytes) -> bool:
        if message != self._expected[0]:
            return message in self._expected  # of another output that goes the same way
        del self._expected[0]
        if not self._expected:
            self._looping = True
            self._deaf_until_ns = time.monotonic_ns() + DEAF_NS
            self._found()
        return True

    def _came_back(self, message: bytes, now_ns: int) -> bool:
        if now_ns < self._deaf_until_ns:
            return True
        with self._lock:
            times = self._under_way.get(message, deque())
            while times:
                self._count -= 1
                if now_ns - times.popleft() < WITHIN_NS:
                    return True
            self._under_way.pop(message, None)
        return False

    def _expect(self, message: bytes, now_ns: int) -> None:
        """Remember what is under way. What did not come back in time is forgotten when it is much, and all when that is not enough."""
        with self._lock:
            if self._count + len(self._under_way) >= 2 * MOST_REMEMBERED:
                recent = {each: deque(sent for sent in times if now_ns - sent < WITHIN_NS) for each, times in self._under_way.items()}
                self._under_way = {each: times for each, times in recent.items() if times}
                self._count = sum(map(len, self._under_way.values()))
            if self._count >= MOST_REMEMBERED:
                self._under_way.clear()
                self._count = 0
            self._under_way.setdefault(message, deque()).append(now_ns)
            self._count += 1
