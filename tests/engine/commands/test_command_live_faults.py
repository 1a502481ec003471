"""perf-live between real JACK ports when what is around it fails: its terminal, its process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.base.clock import MonotonicClock
from engine.bench.measuring.programs import PERF_LIVE
from engine.midi.events import note_off, note_on
from engine.midi.file import read_midi_file
from engine.midi.ports import InputPort, OutputPort, open_input, open_output

pytestmark = pytest.mark.jack
LIMIT_S = 60


@contextmanager
def stage(name: str, *arguments: object, **popen: Any) -> Iterator[tuple["subprocess.Popen[str]", OutputPort, InputPort]]:
    """Give perf-live, which is ready, a keyboard that plays to it and a sound module that hears it."""
    call = [sys.executable, "-c", PERF_LIVE, "--virtual", name, "--api", "jack", "--performer", "passthrough", *map(str, arguments)]
    live = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)
    try:
        assert live.stdout is not None
        assert live.stdout.readline().startswith("ready: ")
        keyboard, module = open_output(name, "jack"), open_input(name, MonotonicClock(), "jack")
        try:
            yield live, keyboard, module
        finally:
            keyboard.close()
            module.close()
    finally:
        live.kill()
        live.communicate()


def heard(module: InputPort, count: int) -> list[bytes]:
    events = [module.inbox.get(timeout=LIMIT_S) for _ in range(count)]
    return [event.message for event in events if event is not None]


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are closed there otherwise")
def test_a_terminal_that_has_gone_ends_neither_the_run_nor_the_end_of_its_notes(jack_server: str, tmp_path: Path) -> None:
    taken = tmp_path / "take.mid"
    with stage("Dumb", "--record", taken, preexec_fn=lambda: os.close(2)) as (live, keyboard, module):
        assert live.stdout is not None
        live.stdout.close()
        keyboard.send(note_on(0, 60, 64))
        assert heard(module, 1) == [note_on(0, 60, 64)]
        live.send_signal(signal.SIGHUP)
        assert heard(module, 1) == [note_off(0, 60)]
        assert live.wait(LIMIT_S) == 0
    assert [event.message for event in read_midi_file(taken).events] == [note_on(0, 60, 64), note_off(0, 60)]
    assert [path.name for path in tmp_path.iterdir()] == ["take.mid"]


def test_the_take_of_a_killed_run_is_offered_at_the_next_start(jack_server: str, tmp_path: Path) -> None:
    partial = tmp_path / "take.partial.mid"
    with stage("Killed", "--record", tmp_path / "take.mid") as (live, keyboard, module):
        keyboard.send(note_on(0, 60, 64))
        heard(module, 1)
        while not read_midi_file(partial).events:
            assert live.poll() is None
        live.kill()
        live.wait(LIMIT_S)
    with stage("Next", "--record", tmp_path / "other.mid") as (live, keyboard, module):
        live.send_signal(signal.SIGTERM)
        _, errors = live.communicate(timeout=LIMIT_S)
    assert errors == f"{str(partial)!r} is the take of a run that was cut off: rename it to keep it, or delete it\n"
    assert read_midi_file(partial).events
