"""OSC (Open Sound Control 1.0) as a way to steer a run, for programs on this computer: UDP to 127.0.0.1.

An address and its arguments are a command as it would be typed: ``/set/dynamics 6``, ``/panic``, ``/performer "velocity"``, ``/seek 12``.
Whoever asks is answered: ``/status`` with the account, ``/ok`` or ``/error`` with a line. Time tags of bundles are not waited for.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from engine.base.errors import PerfLiveError, UsageError
from engine.base.saying import say
from engine.runtime.steering.requests import Asker, Steering

HOST = "127.0.0.1"
MOST_BYTES = 65_507  # of a datagram (RFC 768 over IPv4)
SYNONYMS = {"control": "set"}
FOR_TYPED_LINES = ("save", "record", "quit", "stop")  # what writes files or ends the run
STRUCK = ("tap",)  # 0 lets go, and 1, of a button, says nothing of how hard
TOLD_BY_NUMBER = {"mute": ("off", "on")}
POLL_S = 0.2  # how often the listener looks whether the run is over
DO_NOT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


def check_available() -> None:
    """Raise UsageError where python-osc is missing."""
    try:
        import pythonosc.osc_packet  # noqa: F401
    except ImportError:
        raise UsageError("--osc needs python-osc; install it with pip install 'perf-live[osc]'") from None


def bind(port: int) -> socket.socket:
    """Return where OSC comes to: a port of this computer. Raises PerfLiveError when it is taken."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        endpoint.bind((HOST, port))
    except OSError as error:
        endpoint.close()
        hint = "close the program that uses this port, or choose another"
        raise PerfLiveError(f"--osc {port}: {error.strerror or error}; {hint}") from error
    endpoint.settimeout(POLL_S)
    return endpoint


@contextlib.contextmanager
def steered_by_osc(steering: Steering, endpoint: socket.socket) -> Iterator[None]:
    """Let what comes to ``endpoint`` steer a run while the block runs."""
    over = threading.Event()
    listener = threading.Thread(target=_listen, args=(endpoint, steering, over), name="osc", daemon=True)
    listener.start()
    try:
        yield
    finally:
        over.set()
        listener.join()


def _listen(endpoint: socket.socket, steering: Steering, over: threading.Event) -> None:
    said = False
    logging.disable(logging.WARNING)  # python-osc's warnings, one for each packet that is none
    while not over.is_set():
        try:
            packet, sender = endpoint.recvfrom(MOST_BYTES)
        except (TimeoutError, OSError):  # Windows says so too when an answer could not be delivered
            continue
        requests = read_packet(packet)
        if requests is None and not said:
            say(f"osc: what came from port {sender[1]} is no OSC and is left out")
            said = True
        for words in requests or ():
            obey(words, steering, _Answerer(endpoint, sender))


def read_packet(packet: bytes) -> list[list[Any]] | None:
    """Return the messages of a packet, each with the parts of its address and its arguments; None for what is no OSC."""
    from pythonosc.osc_packet import OscPacket

    try:
        messages = [timed.message for timed in OscPacket(packet).messages]
        return [[*(part for part in message.address.split("/") if part), *message.params] for message in messages]
    except Exception:  # whatever a parser makes of bytes that nobody meant
        return None


def obey(words: Sequence[Any], steering: Steering, answerer: "_Answerer") -> None:
    """Ask for what a message says."""
    if not words:
        return
    name = SYNONYMS.get(str(words[0]), str(words[0]))
    arguments = [_as_typed(each) for each in words[1:]]
    command = steering.commands.get(name)
    if command and len(command.usage.split()) == 1:  # a button, which says 1 when it is pressed and 0 when it is let go
        if arguments in (["0"], ["off"]):
            return
        arguments = []
    if name in STRUCK and arguments in (["0"], ["1"]):
        if arguments == ["0"]:
            return
        arguments = []
    if name in TOLD_BY_NUMBER and arguments in (["0"], ["1"]):
        arguments = [TOLD_BY_NUMBER[name][int(arguments[0])]]
    asker = Asker(lambda line: answerer.send("/status" if name == "status" else "/ok", line), lambda line: answerer.send("/error", line))
    if name in FOR_TYPED_LINES:
        asker.refuse(f"{name}: is for typed lines only")
    else:
        steering.post([name, *arguments], asker)


def _as_typed(argument: Any) -> str:
    if isinstance(argument, bool):
        return "on" if argument else "off"
    return f"{argument:g}" if isinstance(argument, float) else str(argument)


class _Answerer:
    """Answers one sender; what cannot be delivered is lost."""

    def __init__(self, endpoint: socket.socket, sender: tuple[str, int]):
        self._endpoint, self._sender = endpoint, sender

    def send(self, address: str, line: str) -> None:
        from pythonosc.osc_message_builder import OscMessageBuilder

        message = OscMessageBuilder(address)
        message.add_arg(line, "s")
        with contextlib.suppress(OSError, ValueError):
            self._endpoint.sendto(message.build().dgram, DO_NOT_WAIT, self._sender)
