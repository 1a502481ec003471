"""Parts that several tests need: a real JACK server without hardware, and a browser without a screen."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from engine.bench.measuring.programs import start_jack_server, stop_jack_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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


@pytest.fixture(scope="session")
def jack_server() -> Iterator[str]:
    """The name of a running JACK server, which is the one that this process and its children use."""
    if not shutil.which("jackd"):
        missing("jackd (package jackd2)")
    name = f"perf-live-{os.getpid()}"
    server = start_jack_server(name)
    yield name
    if sounddevice := sys.modules.get("sounddevice"):  # PortAudio aborts the process when it ends after the server that it knows
        while sounddevice._initialized:
            sounddevice._terminate()
    stop_jack_server(server)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium as the system has it."""
    from playwright.sync_api import sync_playwright

    if not (chromium := shutil.which("chromium")):
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()
