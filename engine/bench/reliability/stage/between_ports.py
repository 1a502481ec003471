"""A keyboard, perf-live and sound modules between JACK ports, each a process of its own, for as long as a block runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from engine.base.errors import PerfLiveError
from engine.bench.measuring.programs import PERF_LIVE
from engine.bench.reliability.stage.log import Delivered, Entry, compare, read_log, sounding
from engine.bench.reliability.stage.peer import KEYS, SYNTH
from engine.midi.events import control_change

PATIENCE_S = 30.0
POLL_S, COUNTING_SHARE = 0.02, 4  # seconds between two looks, or so many times what a look takes
READY_S = 120.0  # a model may be loaded by a busy machine
ATTEMPTS, NOTICE_S = 3, 0.3
END_S = 5.0  # for a program of ours to end
PROBE_CONTROLLER = 20  # undefined in the MIDI specification: it means nothing to anybody
PROBE_EVERY_S = 0.05


class Peer:
    """A keyboard (``keys``) or a sound module (``synth``), see ``peer``; started, killed and started again under one name."""

    def __init__(self, kind: str, client: str, folder: Path, environment: Mapping[str, str]):
        self.port = f"{client}:{kind}"
        self._call = [sys.executable, "-m", "engine.bench.reliability.stage.peer", kind, client, str(folder / f"{client}.log")]
        self._log, self._offset = folder / f"{client}.log", 0
        self._entries: list[Entry] = []
        self._environment = environment
        self.start()

    def start(self) -> None:
        """Start it. Raises PerfLiveError when the server does not take it, even at the last of some attempts."""
        for attempt in range(ATTEMPTS):
            self._process = subprocess.Popen(  # noqa: S603
                self._call,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=dict(self._environment),
                start_new_session=True,
            )
            try:
                return self._await()
            except PerfLiveError:
                self.kill()
                if attempt == ATTEMPTS - 1:
                    raise

    def ask(self, line: str) -> None:
        """Let it obey a line that it answers. Raises PerfLiveError when it has ended."""
        self._write(line)
        self._await()

    def send(self, *messages: bytes) -> None:
        self._write(" ".join(("send", *(message.hex() for message in messages))))

    def kill(self, notice_s: float = NOTICE_S) -> None:
        """Kill it, and leave the server the time to notice: its name is then free again."""
        self._process.kill()
        self._process.communicate()
        time.sleep(notice_s)

    def end(self) -> None:
        """End it as programs end; kill it where it does not, as its server may have gone."""
        try:
            self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def entries(self) -> list[Entry]:
        """Return what was sent or heard so far."""
        found, self._offset = read_log(self._log, self._offset)
        self._entries += found
        return self._entries

    def _write(self, line: str) -> None:
        try:
            self._process.stdin.write(line + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            raise PerfLiveError(f"{self.port!r} of the benchmark itself has ended") from None

    def _await(self) -> None:
        if self._process.stdout.readline() != "done\n":  # type: ignore[union-attr]
            raise PerfLiveError(f"{self.port!r} of the benchmark itself has ended")


@dataclass(frozen=True)
class Ended:
    """How a run of perf-live ended: its exit status (negative: the signal that killed it; None: it did not end) and what it said."""

    status: int | None
    output: tuple[str, ...]
    errors: tuple[str, ...]


class LiveRun:
    """The real perf-live. What it says goes to files, so that it never waits for us."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        before: Sequence[str] = (),
        program: str = PERF_LIVE,
    ):
        """``before``: a program and its options that runs ``perf-live ARGUMENTS``, such as a shell that closes a descriptor first.

        ``program``: Python that runs perf-live.
        """
        number = next(index for index in count() if not (folder / f"said-{index}").exists())
        self._output, self._errors = folder / f"said-{number}", folder / f"errors-{number}"
        with self._output.open("w") as output, self._errors.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603
                [*before, sys.executable, "-c", program, *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                text=True,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def type(self, line: str) -> None:
        """Type a line."""
        self._process.stdin.write(line + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def await_ready(self) -> "LiveRun":
        """Return itself when it is ready. Raises PerfLiveError when it is not."""
        await_(lambda: "ready" in self._output.read_text() or not self.running, "perf-live is not ready", READY_S)
        if not self.running:
            raise PerfLiveError(f"perf-live has ended: {' '.join(self.ended().errors)}")
        return self

    def await_end(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for the end, and kill it where it does not come."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return Ended(None, *self._said())
        return self.ended()

    def stop(self, number: int = signal.SIGTERM) -> Ended:
        """End it by a signal, unless it has ended already."""
        if self.running:
            self.send(number)
        return self.await_end()

    def end(self) -> None:
        """End it, if it still runs, and let go of its standard input. A server lets others wait for seconds when a client is killed."""
        self.stop()
        self.kill()

    def ended(self) -> Ended:
        return Ended(self._process.poll(), *self._said())

    def kill(self) -> None:
        """Kill it, if it still runs, and what it runs under, and let go of its standard input."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _said(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        output, errors = (tuple(path.read_text(errors="replace").splitlines()) for path in (self._output, self._errors))
        return output, errors


class Stage:
    """``keys`` play into perf-live, which plays to ``observer``, which is never touched, and to ``module``, which faults happen to."""

    def __init__(self, folder: Path, name: str, environment: Mapping[str, str] | None = None):
        self.folder = folder
        self.environment = dict(os.environ if environment is None else environment)
        self.name = f"{name}-{os.getpid()}"
        self._probe = 0
        self._from, self._lines = (0, 0), 0  # where what is looked at begins in the two logs, and in what perf-live says
        self.keys = self._peer(KEYS, "keys")
        self.observer, self.module = self._peer(SYNTH, "observer"), self._peer(SYNTH, "module")
        self.peers = (self.keys, self.observer, self.module)
        self.run: LiveRun | None = None

    def _peer(self, kind: str, part: str) -> Peer:
        return Peer(kind, f"{self.name}-{part}", self.folder, self.environment)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        if self.run:
            self.run.end()
        for peer in self.peers:
            peer.end()

    @property
    def live_run(self) -> LiveRun:
        if self.run is None:
            raise PerfLiveError("perf-live was not started")
        return self.run

    def live(
        self, *arguments: object, before: Sequence[str] = (), both: bool = True, ready: bool = True, program: str = PERF_LIVE
    ) -> LiveRun:
        """Start perf-live between the ports; ``both``: to the module as well. Raises PerfLiveError."""
        if self.run:
            self.run.end()
        outputs = [self.observer.port, *([self.module.port] if both else [])]
        ends = ["--api", "jack", "--in", self.keys.port, *(word for port in outputs for word in ("--out", port))]
        self._lines = 0
        self.run = LiveRun(self.folder, [*ends, *map(str, arguments)], self.environment, before, program)
        if ready:
            self.run.await_ready()
        return self.run

    def await_connection(self, peer: Peer | None = None, patience_s: float = PATIENCE_S) -> float:
        """Play controllers that mean nothing until one comes out at ``peer`` (the observer); return how many seconds that took."""
        peer, begun_s = peer or self.observer, time.monotonic()
        sent: set[bytes] = set()
        heard = len(peer.entries())
        while not any(message in sent for _, message in peer.entries()[heard:]):
            if not self.live_run.running:
                ended = self.live_run.ended()
                raise PerfLiveError(f"perf-live has ended with status {ended.status}: {' '.join(ended.errors[-1:] or ended.output[-1:])}")
            if time.monotonic() - begun_s > patience_s:
                raise PerfLiveError(f"nothing comes to {peer.port!r}")
            self._probe = self._probe % 126 + 1
            sent.add(control_change(0, PROBE_CONTROLLER, self._probe))
            self.keys.send(control_change(0, PROBE_CONTROLLER, self._probe))
            time.sleep(PROBE_EVERY_S)
        return time.monotonic() - begun_s

    def await_heard(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until every note-on that was sent was heard, or ``patience_s`` are over."""
        self.keys.ask("sync")
        await_(lambda: not self.delivered().lost, None, patience_s)

    def await_silence(self, patience_s: float = PATIENCE_S, peer: Peer | None = None) -> None:
        """Wait until nothing sounds at ``peer`` (the observer), or ``patience_s`` are over."""
        heard = peer or self.observer
        await_(lambda: not any(sounding(message for _, message in heard.entries())), None, patience_s)

    def begin(self) -> None:
        """Look from now on only at what comes from now on."""
        self._from = len(self.keys.entries()), len(self.observer.entries())
        self._lines = len(self.run.ended().errors) if self.run else 0

    def delivered(self, channels: Iterable[int] = range(16)) -> Delivered:
        """Compare what the keyboard sent with what the observer heard."""
        return compare(*self.logged(), channels)

    def logged(self) -> tuple[list[Entry], list[Entry]]:
        """Return what the keyboard sent and what the observer heard."""
        sent, heard = self._from
        return self.keys.entries()[sent:], self.observer.entries()[heard:]

    def heard(self) -> list[bytes]:
        """Return what the observer heard."""
        return [message for _, message in self.observer.entries()[self._from[1] :]]

    def said(self) -> Ended:
        """Return how the run stands (a status of None: it goes on) and what it said."""
        ended = self.run.ended() if self.run else Ended(None, (), ())
        return Ended(ended.status, ended.output, ended.errors[self._lines :])


def await_(condition: Callable[[], bool], otherwise: str | None, patience_s: float = PATIENCE_S) -> None:
    """Wait until ``condition`` holds. Raises PerfLiveError with ``otherwise`` when it does not in time; nothing where that is None.

    A condition that takes long, as after a flood, is looked at less often: who counts must not take the processor from who plays.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        begun_s = time.monotonic()
        if condition():
            return
        ended_s = time.monotonic()
        if ended_s > deadline_s:
            if otherwise is not None:
                raise PerfLiveError(otherwise)
            return
        time.sleep(max(POLL_S, COUNTING_SHARE * (ended_s - begun_s)))
