"""``perf-live --show`` in a real terminal: what is seen there, what keys do, and that the terminal is as it was, however it ends."""

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import LIMIT_S, Terminal, in_terminal

from engine.midi.events import Event, note_off, note_on
from engine.midi.file import MidiTimeline, read_midi_file, write_midi_file
from engine.output.viewing.terminal.screen import ENTER, LEAVE

S = 1_000_000_000
PERF_LIVE = "from engine.commands.live import main; main()"
FAILING = """
import engine.session
def fail(session):
    __import__("time").sleep(2)
    raise RuntimeError("a defect")
engine.session.Session.run = fail
"""


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes for a minute and a half."""
    notes = [(note_on(0, 60, 40), 0), (note_off(0, 60), S // 10)]
    path = tmp_path_factory.mktemp("take") / "take.mid"
    events = [Event(fifth * S // 5 + after_ns, message) for fifth in range(450) for message, after_ns in notes]
    write_midi_file(path, events, MidiTimeline())
    return path


@pytest.fixture
def arguments(take: Path, jack_server: str) -> list[object]:
    return ["--in", take, "--virtual", "Show", "--api", "jack", "--show"]


def wait_until_shown(terminal: Terminal) -> None:
    terminal.wait_for(lambda rows: any(row.startswith("in  velocity  40") for row in rows))


def assert_given_back(terminal: Terminal) -> None:
    """The terminal's settings are those of before, and its own screen and cursor are back."""
    assert termios.tcgetattr(terminal.theirs) == terminal.settings
    assert terminal.raw.count(ENTER.encode()) == 1 and LEAVE.encode() in terminal.raw
    assert b"\x1b[" not in terminal.raw[terminal.raw.rindex(LEAVE.encode()) + len(LEAVE) :]


def test_a_run_is_seen_and_steered_by_keys(arguments: list[object], tmp_path: Path) -> None:
    with in_terminal(*arguments, cwd=tmp_path, environment={"PYTHONPATH": str(Path(__file__).parents[3])}) as terminal:
        wait_until_shown(terminal)
        rows = terminal.wait_for(lambda rows: any("velocity" in row and "[#" in row for row in rows))
        assert rows[0].startswith("velocity  ") and rows[0].endswith("-> Show") and "out Show: there" in rows
        assert any(row.startswith("> ") for row in rows) and rows[23].startswith("arrows control")
        chosen = next(row for row in rows if row.startswith("> ")).split()[1]
        terminal.type("\x1b[C")  # right
        terminal.wait_for(lambda rows: any(row.startswith(f"{chosen} ") for row in rows[-4:]))
        terminal.type(":dynamics 6\r")
        terminal.wait_for(lambda rows: "dynamics 6" in rows)
        terminal.type(":dinamics 6\r")
        terminal.wait_for(lambda rows: any(row.startswith("not done: dinamics 6: ") and "dynamics" in row for row in rows))
        terminal.type(":record own.mid\r")
        terminal.wait_for(lambda rows: rows[0].endswith("RECORDS own.mid"))
        terminal.type("rm")
        terminal.wait_for(lambda rows: "kept own.mid" in rows and rows[0].endswith("MUTED"))
        terminal.resize(100, 30)
        terminal.wait_for(lambda rows: rows[29].startswith("arrows control"))
        terminal.type("fpassthrough\r")
        terminal.wait_for(lambda rows: rows[0].startswith("passthrough  ") and any("no controls" in row for row in rows))
        terminal.type("p")
        terminal.wait_for(lambda rows: "silent" in rows)
        terminal.type("qq")
        assert terminal.end() == 0
        assert terminal.raw.rindex(b" played, ") > terminal.raw.rindex(LEAVE.encode())
        assert_given_back(terminal)
    assert read_midi_file(tmp_path / "own.mid").events


@pytest.fixture(params=["SIGTERM", "SIGINT", "SIGKILL", "defect"])
def ended(request: pytest.FixtureRequest, arguments: list[object]) -> Iterator[Terminal]:
    """A run that was ended in one way or another."""
    program = FAILING + PERF_LIVE if request.param == "defect" else PERF_LIVE
    with in_terminal(*arguments, program=program) as terminal:
        if request.param == "defect":
            terminal.wait_for(lambda rows: rows[-1].startswith("arrows control"))
        else:
            wait_until_shown(terminal)
        if request.param == "SIGINT":
            terminal.type("\x03")
        elif request.param != "defect":
            terminal.program.send_signal(getattr(signal, request.param))
        terminal.end()
        yield terminal


def test_the_terminal_is_given_back_whatever_ends_the_run(ended: Terminal) -> None:
    ended.wait_for(lambda rows: termios.tcgetattr(ended.theirs) == ended.settings and LEAVE.encode() in ended.raw)
    assert_given_back(ended)


def test_the_music_goes_on_when_the_screen_is_killed(arguments: list[object]) -> None:
    with in_terminal(*arguments) as terminal:
        wait_until_shown(terminal)
        children = Path(f"/proc/{terminal.program.pid}/task/{terminal.program.pid}/children").read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), signal.SIGKILL)
        terminal.wait_for(lambda rows: any("the screen has ended and the music goes on" in row for row in rows))
        assert terminal.program.poll() is None
        assert_given_back(terminal)
        terminal.type("\x03")
        assert terminal.end() == 0
        assert re.search(rb"\d+ notes? played, ", terminal.raw)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--in", "a.mid", "--out", "b.mid"], "--show shows a live run, and both ends are files here; leave it out"),
        (["--in", "Keyboard", "--out", "Module"], "--show needs a terminal for what is typed and what is shown"),
    ],
)
def test_there_must_be_something_to_show_and_somewhere(given: list[str], told: str) -> None:
    called = [sys.executable, "-c", PERF_LIVE, *given, "--show"]
    ended = subprocess.run(called, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    assert ended.returncode == 2 and told in ended.stderr and ended.stderr.count("\n") == 1
