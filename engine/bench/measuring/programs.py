"""What runs beside the prober, each in a process of its own: the JACK server and the programs under test."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.base.errors import PerfLiveError
from engine.midi.ports import list_ports

PERF_LIVE = "from engine.commands.live import main; main()"  # Python programs, to be started with -c
PERF_RENDER = "from engine.commands.render import main; main()"

SERVER = "JACK_DEFAULT_SERVER"
RATE_HZ, PERIOD_FRAMES = 48_000, 64
# A program that a busy machine stops for longer than ten times this misses what comes meanwhile; JACK's own choice is two periods, 3 ms.
CLIENT_TIMEOUT_MS = 500
PRIORITY = 10  # of the server and its clients' driver threads, in real time: JACK's own default
PATIENCE_S = 20  # for a program to begin or to end
POLL_S = 0.05
PLACES = Path("/dev/shm/jack-shm-registry")  # noqa: S108
PLACES_BEGIN, PLACE, PLACE_COUNT = 24, struct.Struct("i260s"), 8  # of JACK 2: a process, and "jack-USER:NAME:"


@contextmanager
def jack_server() -> Iterator[None]:
    """The server that JACK_DEFAULT_SERVER names, or one of our own for the time of the block.

    Ours runs, where this process may ask for that, with the real-time scheduling that musicians run JACK with. Raises PerfLiveError.
    """
    if SERVER in os.environ:
        list_ports("jack")
        yield
        return
    server = start_jack_server(f"perf-bench-{os.getpid()}", may_schedule_in_real_time())
    try:
        yield
    finally:
        stop_jack_server(server)
        del os.environ[SERVER]


@contextmanager
def jack_server_of(period_frames: int) -> Iterator[None]:
    """A server of our own as musicians run it, with periods of so many frames; it goes on when a client is late. Raises PerfLiveError."""
    before = os.environ.get(SERVER)
    server = start_jack_server(f"perf-bench-{os.getpid()}", may_schedule_in_real_time(), period_frames, patient=False)
    try:
        yield
    finally:
        stop_jack_server(server)
        use_server(before)


@contextmanager
def jack_server_beside(name: str) -> Iterator[dict[str, str]]:
    """One more server, for programs with the environment that is given; this process keeps its own. Raises PerfLiveError."""
    usual = os.environ.get(SERVER)
    server = start_jack_server(name, may_schedule_in_real_time())
    use_server(usual)
    try:
        yield {**os.environ, SERVER: name}
    finally:
        os.environ[SERVER] = name
        stop_jack_server(server)
        use_server(usual)


def use_server(server: str | None) -> None:
    """Let this process and its children use the JACK server of that name; None: JACK's own."""
    os.environ.pop(SERVER, None)
    if server is not None:
        os.environ[SERVER] = server


def start_jack_server(
    name: str, real_time: bool = False, period_frames: int = PERIOD_FRAMES, patient: bool = True
) -> "subprocess.Popen[bytes]":
    """Start a JACK server called ``name`` and make it the one that this process and its children use; return it when it answers.

    It runs on the dummy driver, without sound card; when ``patient`` synchronously (-S) and with a long timeout (-t), so that it loses
    nothing under load.
    Raises PerfLiveError.
    """
    if not shutil.which("jackd"):
        raise PerfLiveError("jackd is not installed, and only a JACK server can be played through here; install jackd2 with apt")
    scheduling = ["-R", "-P", str(PRIORITY)] if real_time else ["-r"]
    waiting = ["-S", "-t", str(CLIENT_TIMEOUT_MS)] if patient else []
    if len(places := _places()) == PLACE_COUNT:
        _clear([place for place in places if place[1] != name])
    server = _begin([*waiting, *scheduling, "-n", name, "-d", "dummy", "-r", str(RATE_HZ), "-p", str(period_frames)])
    os.environ[SERVER] = name
    try:
        _await(server)
    except BaseException:
        stop_jack_server(server)
        del os.environ[SERVER]
        raise
    return server


def _begin(options: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603
        ["jackd", *options],  # noqa: S607
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us: the server must outlive its clients
    )


def _clear(places: Iterable[tuple[int, str]]) -> None:
    """Clear the places of servers that were killed: JACK has eight, and gives one back only to a server of the same name."""
    for process_id, name in places:
        if not _runs(process_id):
            _take_and_give_back(name)


def _places() -> list[tuple[int, str]]:
    """Return the process and the name of each server of this user that has a place."""
    if not PLACES.exists():
        return []
    taken = PLACES.read_bytes()[PLACES_BEGIN : PLACES_BEGIN + PLACE_COUNT * PLACE.size]
    mine = f"jack-{os.getuid()}:"
    names = [(process_id, place.partition(b"\0")[0].decode(errors="replace")) for process_id, place in PLACE.iter_unpack(taken)]
    return [(process_id, name.removeprefix(mine).removesuffix(":")) for process_id, name in names if process_id and name.startswith(mine)]


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _take_and_give_back(name: str) -> None:
    usual = os.environ.get(SERVER)
    os.environ[SERVER] = name
    server = _begin(["-r", "-n", name, "-d", "dummy"])
    try:
        _await(server)
    except PerfLiveError:
        pass  # another one clears it at the same time
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        use_server(usual)


def stop_jack_server(server: "subprocess.Popen[bytes]") -> None:
    """End a server by SIGTERM: a killed one would keep one of the eight places that JACK has for servers.

    Where clients were killed the server itself dies of SIGPIPE meanwhile, or waits long for each: its place is cleared then.
    """
    server.terminate()
    try:
        status = server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        status = server.wait()
    if status:
        _clear([place for place in _places() if place[0] == server.pid])


def may_schedule_in_real_time() -> bool:
    """Return whether the system lets this process, and so a JACK server that it starts, run before all others."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    usual, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, usual, priority)
    return True


def _await(server: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            list_ports("jack")
            return
        except PerfLiveError:
            if server.poll() is not None or time.monotonic() > deadline_s:
                raise PerfLiveError(f"the JACK server does not start{_why_not()}") from None
            time.sleep(POLL_S)


def _why_not() -> str:
    """Return why a server does not start, as far as is known, and what to do."""
    taken = [f"{name!r} (process {number})" for number, name in _places()]
    if len(taken) < PLACE_COUNT:
        return "; run jackd -S -r -d dummy to see why"
    return f": all {PLACE_COUNT} places for servers are taken, by {', '.join(taken)}; end one of them, and try again"


class Program:
    """A Python program that prints a line that begins with "ready"; a context that ends it. ``ready_s`` is how long that took."""

    def __init__(self, name: str, arguments: Sequence[str]):
        """Start ``python ARGUMENTS`` and wait until it is ready. Raises PerfLiveError with the program's own last line."""
        self._name = name
        started_s = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            if not self._process.stdout.readline().startswith("ready"):  # type: ignore[union-attr]
                self._process.wait(PATIENCE_S)
                self.check()
        except BaseException:
            self._kill()
            raise
        self.ready_s = time.monotonic() - started_s

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._kill()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise PerfLiveError when the program has ended by itself."""
        if self._process.poll() is not None:
            _, errors = self._process.communicate()
            last = errors.strip().splitlines()[-1:] or ["it said nothing"]
            raise PerfLiveError(f"{self._name} has ended with status {self._process.returncode}: {last[0]}")

    def stop(self) -> list[str]:
        """Ask the program to end; return the lines that it printed since it was ready. Raises PerfLiveError when it has failed.

        By SIGTERM: a program that a shell runs in the background may ignore Ctrl-C.
        """
        self.check()
        self._process.send_signal(signal.SIGTERM)
        try:
            output, errors = self._process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise PerfLiveError(f"{self._name} does not stop") from None
        if self._process.returncode:
            raise PerfLiveError(f"{self._name} has failed with status {self._process.returncode}: {' '.join(errors.split())}")
        return output.strip().splitlines() or [""]

    def _kill(self) -> None:
        self._process.kill()
        self._process.communicate()
