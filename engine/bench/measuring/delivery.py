"""What was sent beside what came back: which message is which, what is missing, and how long each one took."""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.bench.measuring.takes import NS_PER_S
from engine.midi.events import SUSTAIN_PEDAL, is_control_change, is_note_on
from engine.midi.ledger import NoteLedger

LOST_AFTER_NS = NS_PER_S  # where messages are missing, one that comes later than this is not the answer to it
LOST = -1


@dataclass(frozen=True)
class Delivery:
    """A note-on may come back with another velocity; everything else, release velocities too, byte for byte, or it counts as changed."""

    sent: int
    received: int
    lost: int
    changed: int  # came back with the same status byte, and other data
    extra: int  # came back and was never sent
    out_of_order: int  # came back after one that was sent later
    stuck_notes: int  # sounding at the end
    sustain_identical: bool  # the sustain pedal's messages, all of them in order


class Answers:
    """The answers of one program. ``latencies_ns`` and ``arrivals_ns`` have one number a sent message: NaN or LOST where none came."""

    def __init__(self, sent: Sequence[bytes], sent_ns: Sequence[int], received: Sequence[tuple[int, bytes]]):
        self._sent, self._sent_ns, self._received = sent, sent_ns, received
        self.arrivals_ns = np.full(len(sent), LOST, np.int64)
        self._order: list[int] = []  # sent messages by arrival
        self._strangers: list[tuple[int, bytes]] = []
        self._match()
        taken_ns = self.arrivals_ns - np.asarray(sent_ns, np.int64)
        self.latencies_ns = np.where(self.arrivals_ns == LOST, np.nan, taken_ns)

    def _match(self) -> None:
        """Give each answer to the earliest like message that still waits for one.

        Where all of a kind came back each is the answer to its own, however late. Where one is missing, those that come too late are not
        taken for answers to it, or all that follow would be one off.
        """
        waiting: dict[bytes, deque[int]] = defaultdict(deque)
        for index, message in enumerate(self._sent):
            waiting[_likeness(message)].append(index)
        came = Counter(_likeness(message) for _, message in self._received)
        complete = {likeness for likeness, indices in waiting.items() if came[likeness] == len(indices)}
        for time_ns, message in self._received:
            likeness = _likeness(message)
            likes = waiting[likeness]
            while likeness not in complete and likes and self._sent_ns[likes[0]] < time_ns - LOST_AFTER_NS:
                likes.popleft()
            if likes and self._sent_ns[likes[0]] <= time_ns:
                index = likes.popleft()
                self.arrivals_ns[index] = time_ns
                self._order.append(index)
            else:
                self._strangers.append((time_ns, message))

    def delivery(self) -> Delivery:
        missing, changed = int((self.arrivals_ns == LOST).sum()), self._changed()
        ledger = NoteLedger()
        for _, message in self._received:
            ledger.observe(message)
        return Delivery(
            sent=len(self._sent),
            received=len(self._received),
            lost=missing - changed,
            changed=changed,
            extra=len(self._strangers) - changed,
            out_of_order=_out_of_order(self._order),
            stuck_notes=ledger.sounding,
            sustain_identical=_sustain(self._sent) == _sustain([message for _, message in self._received]),
        )

    def _changed(self) -> int:
        missing = [index for index in range(len(self._sent)) if self.arrivals_ns[index] == LOST]
        changed = 0
        for time_ns, message in self._strangers:
            for index in missing:
                if self._sent[index][0] == message[0] and 0 <= time_ns - self._sent_ns[index] <= LOST_AFTER_NS:
                    missing.remove(index)
                    changed += 1
                    break
        return changed


def _likeness(message: bytes) -> bytes:
    """What must come back as it was sent."""
    return message[:2] if is_note_on(message) else message


def _out_of_order(order: Sequence[int]) -> int:
    latest, count = -1, 0
    for index in order:
        count += index < latest
        latest = max(latest, index)
    return count


def _sustain(messages: Sequence[bytes]) -> list[bytes]:
    return [message for message in messages if is_control_change(message) and message[1] == SUSTAIN_PEDAL]
