"""MIDI ports, opened by part of a name or as virtual ones. Both kinds survive the loss of the other end (see ``watching``)."""

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any

import rtmidi

from engine.base.clock import Clock
from engine.base.saying import say
from engine.midi.events import Event, is_whole
from engine.midi.ledger import NoteLedger
from engine.midi.ports import jack
from engine.midi.ports.arrival import Arrival
from engine.midi.ports.echoes import Echoes
from engine.midi.ports.links import Link, open_link
from engine.midi.ports.ring import LONGEST_MESSAGE, Ring
from engine.midi.ports.sent import SentState

JACK_DRAIN_S = 0.1  # a port that closes takes from its receivers what they have not read yet: several periods of any usual length


class Inbox:
    """Where inputs put what they hear: one queue, in order of time. Several inputs may share one, and are merged there."""

    def __init__(self, clock: Clock):
        self.queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()  # None wakes whoever waits
        self.lock = threading.Lock()  # held from a time stamp until its event is in the queue
        self.now_ns = clock.now_ns
        self.last_ns = clock.now_ns()  # of the latest event

    def hear(self, event: Event) -> None:
        """Take an event that comes from no port, not before those that are there."""
        with self.lock:
            self.last_ns = max(self.last_ns, event.time_ns)
            self.queue.put(event._replace(time_ns=self.last_ns))


class _LinkedPort:
    """What both kinds of ports say of the other end."""

    link: Link

    @property
    def name(self) -> str:
        return self.link.name

    @property
    def api(self) -> str:
        return self.link.api


class InputPort(_LinkedPort):
    """``inbox`` receives an Event for each message, stamped by the driver when it came (and None to wake whoever waits).

    Pieces of messages, which drivers hand on as they come, are left out.
    """

    direction = "in"

    def __init__(self, wanted: str, inbox: Inbox, api: str | None, virtual: bool):
        self.lost = False
        self.echoes: Echoes | None = None  # the watcher's
        self.inbox = inbox.queue
        self._shared = inbox
        self._held = NoteLedger()  # keys and pedals that are down at this input
        self.link = open_link(rtmidi.MidiIn, wanted, api, virtual, "in", self._prepare)

    def lose(self) -> None:
        """Take note that the other end has gone: nobody will lift the keys that are down there."""
        self.lost = True
        self.release_held()

    def release_held(self) -> None:
        """Hear the end of every key and pedal that is down."""
        with self._shared.lock:
            self._shared.last_ns = max(self._shared.last_ns, self._shared.now_ns())
            for event in self._held.release_all(self._shared.last_ns):
                self.inbox.put(event)

    def somebody_left(self) -> None:
        """One of several who played here, or one who came back before anybody looked, has left the keys down."""
        self.release_held()

    def renew(self) -> bool:
        """Look for the other end; return whether it is there again."""
        self.lost = not self.link.renew()
        return not self.lost

    def close(self) -> None:
        self.link.close()

    def _prepare(self, midi: Any) -> None:
        shared, put, now_ns, came_ns, observe = self._shared, self.inbox.put, self._shared.now_ns, Arrival().time_ns, self._held.observe
        age_ns = jack.period_age_ns if midi.get_current_api() == rtmidi.API_UNIX_JACK else _no_period

        def receive(message: tuple[list[int], float], _: None) -> None:
            heard = bytes(message[0])
            time_ns = came_ns(message[1], now_ns(), age_ns())
            if not is_whole(heard) or ((echoes := self.echoes) and echoes.expecting and echoes.is_echo(heard)):
                return
            with shared.lock:
                if time_ns > shared.last_ns:
                    shared.last_ns = time_ns
                put(Event(shared.last_ns, heard))  # who plays wakes up while this thread goes on
                observe(heard)
            if echoes:
                echoes.heard(heard)

        midi.ignore_types(sysex=False, timing=False, active_sense=False)
        midi.set_callback(receive)


def _no_period() -> None:
    """Other drivers than JACK have no periods."""


class MergedInputs:
    """Several inputs as one: what they hear, in order of time."""

    def __init__(self, ports: Sequence[InputPort], inbox: Inbox):
        self.ports = list(ports)
        self.inbox, self.hear = inbox.queue, inbox.hear
        self.name = ", ".join(port.name for port in ports)

    def close(self) -> None:
        for port in self.ports:
            port.close()


class OutputPort(_LinkedPort):
    """Takes messages whether the other end is there or not; what it missed but the notes it is told when it is back."""

    direction = "out"

    def __init__(self, wanted: str, api: str | None, virtual: bool):
        self.lost = False
        self.heard_by: tuple[Echoes, ...] = ()  # the watcher's: those who must know what is sent
        self._closed = False
        self._sent = SentState()
        self._sounding: list[bytes] = []  # what ends the notes that sounded when the other end went
        self._lock = threading.Lock()  # between who sends and who restores
        self.link = open_link(rtmidi.MidiOut, wanted, api, virtual, "out", lambda midi: None)
        self._ring = Ring() if self.api == "jack" else None

    def send(self, message: bytes) -> None:
        """Send one message, or remember what it changes until the other end is back."""
        if self._ring and len(message) > LONGEST_MESSAGE:
            say(f"left out a message of {len(message)} bytes: JACK takes {LONGEST_MESSAGE} at most")
            return
        with self._lock:
            if not self._is_gone():
                try:
                    self._write(message)
                except rtmidi.RtMidiError:  # some drivers say so when a device has gone
                    self._lose()
                for echoes in self.heard_by:
                    echoes.sent(message)
            self._sent.observe(message)

    def probe(self, message: bytes) -> None:
        """Send a message that means nothing to an instrument, and that need not be told again."""
        with self._lock, contextlib.suppress(rtmidi.RtMidiError):
            if not self._is_gone():
                self._write(message)

    def lose(self) -> None:
        """Take note that the other end has gone."""
        with self._lock:
            self._lose()

    def somebody_left(self) -> None:
        """Whoever else listened has gone: nothing to do."""

    def renew(self) -> bool:
        """Look for the other end; when it is there again, end the notes that it may still hold and tell it what it was told before."""
        if not self.link.renew():
            return False
        with self._lock:
            if self._closed:
                return False
            try:
                for message in (*self._sounding, *self._sent.restoring()):
                    self._write(message)
            except rtmidi.RtMidiError:  # it has gone again
                return False
            self._sounding, self.lost = [], False
        return True

    def close(self) -> None:
        if self._ring and not self._is_gone():
            time.sleep(JACK_DRAIN_S)
        self._closed = True  # whoever waits for room in the ring does so no longer
        with self._lock:
            pass  # nobody sends any more
        self.link.close()

    def _is_gone(self) -> bool:
        return self.lost or self.link.ended

    def _write(self, message: bytes) -> None:
        if not self._ring or self._ring.make_room(len(message), lambda: self._closed or self.link.ended):
            self.link.midi.send_message(message)

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._sounding += self._sent.take_sounding()


def open_input(name: str, clock: Clock, api: str | None = None, virtual: bool = False) -> InputPort:
    """Open the input port that ``name`` is part of, or a virtual one called ``name``. Raises UsageError or PerfLiveError."""
    return InputPort(name, Inbox(clock), api, virtual)


def open_inputs(names: Sequence[str], clock: Clock, api: str | None = None, virtual: bool = False) -> MergedInputs:
    """Open input ports, or virtual ones, and merge what they hear. Raises UsageError or PerfLiveError, and then none stays open."""
    inbox, opened = Inbox(clock), []
    try:
        for name in names:
            opened.append(InputPort(name, inbox, api, virtual))
    except BaseException:
        for port in opened:
            port.close()
        raise
    return MergedInputs(opened, inbox)


def open_output(name: str, api: str | None = None, virtual: bool = False) -> OutputPort:
    """Open the output port that ``name`` is part of, or a virtual one called ``name``. Raises UsageError or PerfLiveError."""
    return OutputPort(name, api, virtual)
