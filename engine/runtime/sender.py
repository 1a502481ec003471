"""Sends events when they are due, on the engine's own thread or on one that a performer's computing does not delay."""

import queue
import threading
from collections.abc import Callable, Iterable
from functools import partial

from engine.base.clock import Clock
from engine.midi.events import Event, control_change, is_note_on
from engine.runtime.guarding.succession import Pedals, corrections
from engine.runtime.real_time import real_time
from engine.runtime.scheduler import Scheduler
from engine.runtime.sinks import Outputs


class Sender:
    """Sends on the caller's thread: what is due at once, the rest when ``send_due`` is called."""

    def __init__(self, outputs: Outputs, clock: Clock):
        self.scheduler = Scheduler()
        self._outputs = outputs
        self._clock = clock
        self._abandoned = False
        self._muted = False
        self.real_time = False  # whether the thread that sends runs before all others

    def start(self) -> None:
        """Begin to send."""

    def put(self, events: Iterable[Event]) -> None:
        """Take events, each with its due time, in the order in which those due at the same time are to leave."""
        for event in events:
            self._put(event)

    def send_due(self) -> None:
        """Send what has become due; the caller comes back at ``next_due_ns``."""
        if len(self.scheduler):
            now_ns = self._clock.now_ns()
            for event in self.scheduler.pop_due(now_ns):
                self._send(event, now_ns)

    def next_due_ns(self) -> int | None:
        return self.scheduler.next_due_ns()

    def finish(self) -> None:
        """Return when all that was taken is sent."""
        while not self._abandoned and (due_ns := self.scheduler.next_due_ns()) is not None:
            self._clock.sleep_until(due_ns)
            self.send_due()

    def abandon(self) -> None:
        """Send nothing more, and end ``finish``. Safe from any thread and from a signal handler."""
        self._abandoned = True

    def do(self, action: Callable[[], None]) -> None:
        """Do something on the thread that sends, after what was put before it."""
        action()

    def panic(self) -> None:
        """Send nothing of what was put, and end every sound."""
        self.do(self._panic)

    def mute(self, muted: bool) -> None:
        """Let no note begin while it is muted; those that sound are ended. Everything else is sent as before."""
        self.do(partial(self._mute, muted))

    def withdraw(self, track: int) -> None:
        """Send nothing more of a track, and end what sounds of it."""
        self.do(partial(self._withdraw, track))

    def put_pedals(self, player: Pedals) -> None:
        """Put the pedals where the player has them."""
        self.do(partial(self._put_pedals, player))

    def take_over(self, before: "Sender") -> None:
        """Go on in place of another sender, which sends no more: with what it was still to send."""
        before.hand_over()
        self.scheduler, self._muted = before.scheduler, before._muted
        self.start()

    def hand_over(self) -> None:
        """Stop sending. What was put is in the scheduler."""

    def _panic(self) -> None:
        self._send_now(self.scheduler.silence(self._clock.now_ns()))

    def _mute(self, muted: bool) -> None:
        self._muted = muted
        if muted:
            self._send_now(self.scheduler.ledger.release_all(self._clock.now_ns()))

    def _withdraw(self, track: int) -> None:
        self._send_now(self.scheduler.withdraw(track, self._clock.now_ns()))

    def _put_pedals(self, player: Pedals) -> None:
        moved, now_ns = corrections(self.scheduler.ledger.pedals, player), self._clock.now_ns()
        self._send_now([Event(now_ns, control_change(*pedal, value)) for pedal, value in moved.items()])

    def _send_now(self, events: Iterable[Event]) -> None:
        for event in events:
            self._send(event, event.time_ns)

    def _put(self, event: Event) -> None:
        if self.scheduler.goes_first(event, now_ns := self._clock.now_ns()):
            self._send(event, now_ns)
        else:
            self.scheduler.add(event)

    def _send(self, event: Event, now_ns: int) -> None:
        if self._muted and is_note_on(event.message):
            return
        try:
            self._outputs.send(event)
        finally:  # not before: the note would wait for it
            self.scheduler.account(event, now_ns)


class ThreadSender(Sender):
    """Sends on a thread of its own, for performers that look ahead: their network may be computing when something is due."""

    def __init__(self, outputs: Outputs, clock: Clock, fail: Callable[[BaseException], None]):
        """``fail`` is told, on the sender's thread, when nothing more can be sent."""
        super().__init__(outputs, clock)
        self._fail = fail
        self._inbox: queue.SimpleQueue[Event | Callable[[], None] | None] = queue.SimpleQueue()  # None: look at the flags
        self._finishing = self._handing_over = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, events: Iterable[Event]) -> None:
        for event in events:
            self._inbox.put(event)

    def do(self, action: Callable[[], None]) -> None:
        self._inbox.put(action)

    def hand_over(self) -> None:
        self._handing_over = True
        self._inbox.put(None)
        self._thread.join()

    def send_due(self) -> None:
        """Nothing to do: the thread sends."""

    def next_due_ns(self) -> int | None:
        return None

    def finish(self) -> None:
        self._finishing = True
        self._inbox.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def abandon(self) -> None:
        super().abandon()
        self._inbox.put(None)

    def _run(self) -> None:
        try:
            with real_time() as self.real_time:
                self._send_all()
        except BaseException as error:  # no output at all must end the run, not only this thread
            self._fail(error)

    def _send_all(self) -> None:
        while not self._abandoned:
            item = self._clock.wait(self._inbox, self.scheduler.next_due_ns())
            if isinstance(item, Event):
                self._put(item)
            elif item is not None:
                item()
            super().send_due()
            if self._inbox.empty() and (self._handing_over or (self._finishing and not len(self.scheduler))):
                return
