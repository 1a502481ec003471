"""Parts that several tests need: a real JACK server without hardware."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import hypothesis
import pytest

from engine.base.errors import PerfLiveError
from engine.midi import ports

# Some tests import ONNX Runtime themselves, perhaps before the engine does, which sets this.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Hypothesis' own: the same examples each time, and no test fails because the machine is slow.
hypothesis.settings.load_profile("ci")

# What starts the tests in the background may have them, and so the programs that they start and interrupt, ignore these.
for _number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(_number, signal.default_int_handler)


def missing(what: str) -> None:
    """Skip the test, or fail it where nothing may be left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed", pytrace=False)
    pytest.skip(f"{what} is not installed")


def start_jack(name: str) -> subprocess.Popen[bytes]:
    """Start a server that keeps time without a sound card: synchronous and patient with programs that the machine stops (-t), so that it
    loses nothing under load.

    Stop it with SIGTERM: a killed server keeps one of the eight places that JACK has for servers.
    """
    os.environ["JACK_DEFAULT_SERVER"] = name
    server = subprocess.Popen(
        ["jackd", "-S", "-t", "500", "-r", "-n", name, "-d", "dummy", "-r", "48000", "-p", "64"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            ports.list_ports("jack")
            return server
        except PerfLiveError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the JACK server does not start", pytrace=False)
            time.sleep(0.05)


def stop_jack(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait(timeout=20)


@pytest.fixture(scope="session")
def jack_server() -> Iterator[str]:
    """The name of a running JACK server, which is the one that this process and its children use."""
    if not shutil.which("jackd"):
        missing("jackd (package jackd2)")
    name = f"perf-live-{os.getpid()}"
    server = start_jack(name)
    yield name
    if sounddevice := sys.modules.get("sounddevice"):  # PortAudio aborts the process when it ends after the server that it knows
        while sounddevice._initialized:
            sounddevice._terminate()
    stop_jack(server)
