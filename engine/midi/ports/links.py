"""A port of ours and its tie to another program's: made, found cut, and made again when the other port is back."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import rtmidi

from engine.base.errors import PerfLiveError, RefusedError
from engine.base.quiet import quiet_stderr
from engine.midi.ports import clients, jack
from engine.midi.ports.drivers import open_client, release, stop_hearing
from engine.midi.ports.names import Identity, match_port

JACK_SETTLE_S = 0.05  # after connecting: what is sent within the server's next cycles may not arrive
JACK_LONGEST_SETTLE = 10  # times that: a server that has lost a client without a farewell makes others wait for seconds
_opening = threading.Lock()  # one port of this process at a time


class Link(Protocol):
    """What a port needs of its driver. All methods but ``close`` are the watcher's, in its thread."""

    api: str
    name: str  # of the other port; our own where it is virtual
    midi: Any  # rtmidi's client; another one after a server has come back
    ended: bool  # the driver's server has ended: nothing can be sent
    virtual: bool

    def is_tied(self) -> bool:
        """Whether it is connected to the other port; always of a virtual one, and of one that is closed or whose server has ended."""

    def take_left(self) -> bool:
        """Return, once, whether somebody who was connected has left since this was asked last, or since the tie was made."""

    def renew(self) -> bool:
        """Make the tie again; return False while the other port is not there, and of one that is closed."""

    def drop(self) -> None:
        """Give up what the server that has ended knew."""

    def begin_anew(self) -> None:
        """Open at the server that has been started again, if it has been: ``ended`` says whether not."""

    def close(self) -> None:
        """End it all. Safe while the watcher looks."""


def open_link(kind: Any, wanted: str, api: str | None, virtual: bool, own_name: str, prepare: Callable[[Any], None]) -> Link:
    """Tie a port of ours, called ``own_name``, to the one that ``wanted`` means, or open a virtual one of that name.

    prepare: is given each new client of rtmidi's before its port opens. Raises UsageError or PerfLiveError.
    """
    api, midi = open_client(kind, api)
    try:
        if virtual and api == "winmm":
            raise PerfLiveError(f"--virtual {wanted!r}: Windows has no virtual ports; create a port with loopMIDI and name that")
        prepare(midi)
        if api == "jack":
            return JackLink(midi, kind, wanted, virtual, own_name, prepare)
        return ListedLink(midi, api, kind, wanted, virtual, own_name, prepare)
    except rtmidi.RtMidiError as error:
        release(midi)
        raise PerfLiveError(f"cannot open port {wanted!r}: {error}; close the program that uses it, if there is one") from error
    except PerfLiveError:
        release(midi)
        raise


class ListedLink:
    """Of a driver that says which ports there are, and not who is connected: a port is cut when its name is no longer listed."""

    ended = False

    def __init__(self, midi: Any, api: str, kind: Any, wanted: str, virtual: bool, own_name: str, prepare: Callable[[Any], None]):
        self.midi, self.api, self.virtual = midi, api, virtual
        self._kind, self._own_name, self._prepare = kind, own_name, prepare
        self._closed = False
        self._needed: list[Any] = []  # by a call that is in flight
        self._lock = threading.Lock()  # rtmidi ends the process when a port that is being closed is asked for anything
        if virtual:
            self.name = wanted
            with quiet_stderr():
                midi.open_virtual_port(wanted)
            return
        names = midi.get_ports()
        place = match_port(wanted, names, _direction(kind), api)
        self._identity = Identity.of_port(place, names, api)
        self.name = names[place]
        with quiet_stderr():
            midi.open_port(place, name=own_name)

    def is_tied(self) -> bool:
        with self._lock:
            return self._closed or self.virtual or self._place() is not None

    def take_left(self) -> bool:
        return False

    def renew(self) -> bool:
        with self._lock:
            if self._closed or self.virtual:
                return self.virtual
            place = self._place()
            if place is None:
                return False
            try:
                if self._kind is rtmidi.MidiIn:  # first: a callback in flight and a port being closed wait for each other
                    self._needed = stop_hearing(self.midi)
                self.midi.close_port()
                self._prepare(self.midi)
                self.midi.open_port(place, name=self._own_name)
            except rtmidi.RtMidiError:
                return False
            return True

    def drop(self) -> None:
        """Nothing to do: no server is between."""

    def begin_anew(self) -> None:
        """Nothing to do, for the same reason."""

    def close(self) -> None:
        with self._lock:
            self._closed = True
            release(self.midi)

    def _place(self) -> int | None:
        try:
            return self._identity.find(self.midi.get_ports())
        except rtmidi.RtMidiError:
            return None


class JackLink:
    """Of JACK: the port of ours stays open, and is connected again when the other one is back. Whoever else is connected stays so."""

    api = "jack"

    def __init__(self, midi: Any, kind: Any, wanted: str, virtual: bool, own_name: str, prepare: Callable[[Any], None]):
        self.midi, self.virtual = midi, virtual
        self.port: int | None = None
        self.ended = False
        self._kind, self._prepare = kind, prepare
        self._own_name = wanted if virtual else own_name
        self._left = self._closed = False
        self._lock = threading.Lock()
        self._graph = jack.share_graph()
        try:
            if virtual:
                self.name = wanted
            else:
                names = self._others()
                place = match_port(wanted, names, _direction(kind), "jack")
                self._identity = Identity.of_port(place, names, "jack")
                self.name = names[place]
            self._open_port()
            if not self._connect():
                raise PerfLiveError(f"cannot connect to port {self.name!r}; look whether its program still runs")
        except BaseException:
            self._graph.unwatch(self)
            jack.give_back()
            raise

    def loops_into(self, others: Iterable["JackLink"]) -> list[tuple[bytes, bytes]]:
        """Return the names of this port and of those of ``others`` that it is connected to: an output of ours to an input of ours."""
        if self._kind is rtmidi.MidiIn or self.port is None:
            return []
        ours = {self._graph.name_of(each.port) for each in others if each.port is not None and each is not self}
        return [(self._graph.name_of(self.port), name) for name in self._graph.connections(self.port) if name in ours]

    def notice_cut(self) -> None:
        self._left = True

    def notice_end(self) -> None:
        self.ended = True

    def is_tied(self) -> bool:
        with self._lock:
            return self._closed or self.virtual or self.ended or self._is_tied()

    def take_left(self) -> bool:
        left, self._left = self._left, False
        return left

    def renew(self) -> bool:
        with self._lock:
            return not (self._closed or self.ended) and self._connect() and (self.virtual or self._is_tied())

    def drop(self) -> None:
        with self._lock:
            if self._closed or self.midi is None:
                return
            self._let_go()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self.midi is not None:
                self._let_go()

    def _let_go(self) -> None:
        midi, self.midi = self.midi, None
        self._graph.unwatch(self)
        if self._kind is rtmidi.MidiIn and self.port is not None and not self.ended:
            self._graph.disconnect_all(self.port)  # so that no message is on its way when the port closes
        release(midi)
        jack.give_back()

    def begin_anew(self) -> None:
        with self._lock:
            if not self._closed:
                self.ended = not self._open_again()

    def _open_again(self) -> bool:
        """Open a client and a port; return whether there is a server to do so."""
        try:
            graph = jack.share_graph()
        except PerfLiveError:
            return False
        midi = None
        try:
            if graph.ended:  # somebody else in this process still holds the old one
                raise PerfLiveError("the JACK server has ended")
            _, midi = open_client(self._kind, "jack")
            self._prepare(midi)
            self._graph, self.midi = graph, midi
            self._open_port()
        except (PerfLiveError, rtmidi.RtMidiError):
            self.midi = None
            if midi is not None:
                release(midi)
            jack.give_back()
            return False
        return True

    def _open_port(self) -> None:
        """Open the port and find it among the server's. Raises RefusedError where a server that has much to do has let go of us."""
        with _opening, quiet_stderr():
            name = self._register()
        if name is None:
            clients.note_end()
            raise RefusedError(f"cannot open port {self._own_name!r}: the JACK server does not list it; start the server again")
        self.port = self._graph.find(name)
        self._graph.watch(self)

    def _register(self) -> bytes | None:
        """Open the port and return its whole name, if the server lists it: rtmidi does not say what its client is called.

        JACK decides that when several programs ask for the same name; of two that open a port at once, ours is this process's.
        """
        own = jack.PORT_IS_INPUT if self._kind is rtmidi.MidiIn else jack.PORT_IS_OUTPUT
        before = set(self._graph.ports(own))
        self.midi.open_virtual_port(self._own_name)
        found = [name for name in self._graph.ports(own) if name not in before and name.endswith(f":{self._own_name}".encode())]
        if len(found) > 1:
            found = [name for name in found if self._graph.process_of(name) == os.getpid()]
        return found[0] if found else None

    def _others(self) -> list[str]:
        return [decoded(name) for name in self._other_names()]

    def _other_names(self) -> list[bytes]:
        return self._graph.ports(jack.PORT_IS_OUTPUT if self._kind is rtmidi.MidiIn else jack.PORT_IS_INPUT)

    def _is_tied(self) -> bool:
        return self.port is not None and self.name in [decoded(name) for name in self._graph.connections(self.port)]

    def _connect(self) -> bool:
        if self.virtual:
            return True
        others = self._other_names()
        place = self._identity.find([decoded(name) for name in others])
        if place is None or self.port is None:
            return False
        ends = (others[place], self._graph.name_of(self.port))
        if not self._graph.connect(*(ends if self._kind is rtmidi.MidiIn else ends[::-1])):
            return False
        self.name = decoded(others[place])
        for _ in range(JACK_LONGEST_SETTLE):
            time.sleep(JACK_SETTLE_S)
            if self._is_tied():
                break
        self._left = False
        return True


def decoded(name: bytes) -> str:
    return name.decode("utf-8", "ignore")  # as rtmidi does it


def _direction(kind: Any) -> str:
    return "input" if kind is rtmidi.MidiIn else "output"
