"""Looks after ports while a run lasts: notices that the other end has gone, waits for it, and ties the port again when it is back."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from engine.base.errors import PerfLiveError, one_line
from engine.midi.ports import clients, jack
from engine.midi.ports.echoes import Echoes
from engine.midi.ports.links import JackLink, Link, decoded
from engine.midi.ports.port import InputPort, OutputPort

LOOK_S = 0.2  # how often drivers that do not call back are looked at; JACK calls back
SERVER = "the JACK server"


class Port(Protocol):
    """An input or an output."""

    link: Link
    lost: bool

    @property
    def name(self) -> str: ...

    def lose(self) -> None:
        """The other end has gone."""

    def somebody_left(self) -> None:
        """Somebody has disconnected, and the port is tied as it was."""

    def renew(self) -> bool:
        """Look for the other end; return whether it is there again, and then all is as it was."""


@contextmanager
def watch(ports: Sequence[Port], say: Callable[[str], None], on_loss: Callable[[PerfLiveError], None] | None = None) -> Iterator[None]:
    """While the block runs, let each port that has gone wait for its other end.

    say: is given a line when a port has gone and when it is back.
    on_loss: is told of the first loss, once, instead; nothing is waited for then. Both are called from another thread.
    """
    watcher = Watcher(ports, say, on_loss)
    watcher.start()
    try:
        yield
    finally:
        watcher.stop()


class Watcher:
    def __init__(self, ports: Sequence[Port], say: Callable[[str], None], on_loss: Callable[[PerfLiveError], None] | None):
        self._ports, self._say, self._on_loss = ports, say, on_loss
        self._announced: set[int] = set()  # places of ports that were said to have gone
        self._failed: set[str] = set()  # what of the watch itself was said to have failed
        self._server_gone = False
        self._stopping = False
        self._graph: jack.Graph | None = None
        self._wake = threading.Event()  # in place of the graph's while there is none
        self._thread = threading.Thread(target=self._run, name="port watch", daemon=True)

    def start(self) -> None:
        inputs = [port for port in self._ports if isinstance(port, InputPort)]
        outputs = [port for port in self._ports if isinstance(port, OutputPort)]
        for port in inputs:
            port.echoes = Echoes([each.probe for each in outputs], partial(self._find_loop, port))
        for output in outputs:
            output.heard_by = tuple(port.echoes for port in inputs if port.echoes)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if graph := self._graph:
            graph.changed.set()
        self._thread.join()

    def _run(self) -> None:
        self._attempt(SERVER, self._take_graph)
        while not self._stopping:
            changed = self._graph.changed if self._graph else self._wake
            changed.wait(LOOK_S)
            changed.clear()
            if not self._stopping:
                self._look()
        self._give_graph_back()

    def _look(self) -> None:
        self._attempt(SERVER, self._look_at_server)
        for place, port in enumerate(self._ports):
            self._attempt(f"port {port.name!r}", partial(self._look_at, place, port))
        self._attempt("loops", self._break_direct_loops)

    def _attempt(self, what: str, look: Callable[[], None]) -> None:
        """Look at something. Where that fails it is said once, and tried again; the other ports are looked after as before."""
        try:
            look()
        except Exception as error:
            if what not in self._failed:
                self._failed.add(what)
                reason = one_line(f"{type(error).__name__}: {error}")
                self._say(f"cannot look after {what} ({reason}); it is tried again; start perf-live anew if it stays silent")

    def _look_at_server(self) -> None:
        if any(port.link.ended for port in self._ports) and not self._server_gone:
            self._lose_server()
        if self._server_gone and self._on_loss is None:
            self._regain_server()

    def _look_at(self, place: int, port: Port) -> None:
        left = port.link.take_left()
        if not port.lost and not port.link.is_tied():
            port.lose()
        elif left:
            port.somebody_left()
        if port.lost and not port.link.ended:
            self._await(place, port)

    def _regain_server(self) -> None:
        """Begin anew at the server when it has been started again."""
        for port in self._ports:
            if port.link.ended:
                port.link.begin_anew()
        if clients.must_close():  # one was refused
            self._drop_all()
        elif not any(port.link.ended for port in self._ports):
            self._server_gone = False
            self._take_graph()
            self._say(f"{SERVER} is back")

    def _await(self, place: int, port: Port) -> None:
        """Say that a port has gone, or look for it and say that it is back."""
        if place not in self._announced:
            self._announced.add(place)
            self._lost(f"port {port.name!r}", ": its device was unplugged or its program ended")
        if self._on_loss is None and port.renew():
            self._announced.discard(place)
            self._say(f"port {port.name!r} is back")

    def _find_loop(self, port: InputPort) -> None:
        self._say(f"what is sent comes back from {port.name!r}, a loop through another program; it is left out from now on")
        port.release_held()

    def _break_direct_loops(self) -> None:
        """Disconnect an output of ours from an input of ours, which somebody has connected."""
        if not self._graph:
            return
        tied = [port.link for port in self._ports if isinstance(port.link, JackLink) and not port.link.ended]
        for link in tied:
            for own, other in link.loops_into(tied):
                self._graph.disconnect(own, other)
                self._say(f"{decoded(own)!r} was connected to {decoded(other)!r}, a loop; it is disconnected")

    def _lose_server(self) -> None:
        """Give up everything that belongs to the server: a client that is left keeps its library from meeting the next one."""
        self._server_gone = True
        self._lost(SERVER, "; start it again", "ended")
        self._give_graph_back()
        self._drop_all()

    def _drop_all(self) -> None:
        dropping = []
        for place, port in enumerate(self._ports):
            if port.link.api == "jack":
                self._announced.add(place)
                port.link.ended = True
                port.lose()
                dropping.append(threading.Thread(target=self._attempt, args=(f"port {port.name!r}", port.link.drop)))
        if self._on_loss is None:
            for thread in dropping:  # together, as each takes a second
                thread.start()
            for thread in dropping:
                thread.join()

    def _lost(self, what: str, advice: str, how: str = "gone") -> None:
        if self._on_loss is None:
            return self._say(f"{what} has {how}; waiting for it")
        on_loss, self._on_loss = self._on_loss, lambda _: None  # only the first is told
        on_loss(PerfLiveError(f"{what} has {how}{advice}"))

    def _take_graph(self) -> None:
        if any(port.link.api == "jack" for port in self._ports):
            try:
                self._graph = jack.share_graph()
            except PerfLiveError:  # the server has ended meanwhile, and the links say so
                self._graph = None

    def _give_graph_back(self) -> None:
        if self._graph:
            self._graph = None
            jack.give_back()
