"""The line at the foot of a real terminal: it says how the run goes, and disturbs neither what is typed nor what is answered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import synthetic_dexter
from command_line import ELISE
from terminals import LIMIT_S, in_terminal

from engine.midi.events import Event, note_off, note_on
from engine.midi.file import MidiTimeline, write_midi_file

S = 1_000_000_000


@pytest.fixture
def long_take(tmp_path: Path) -> Path:
    """A note a tenth of a second, for long enough."""
    notes = [(note_on(0, 60, 81), 0), (note_off(0, 60), S // 20)]
    events = [Event(tenth * S // 10 + after_ns, message) for tenth in range(900) for message, after_ns in notes]
    write_midi_file(tmp_path / "take.mid", events, MidiTimeline())
    return tmp_path / "take.mid"


def playing(long_take: Path, *arguments: object) -> list[object]:
    return ["--in", long_take, "--performer", "passthrough", *arguments]


def test_the_line_stays_below_what_is_typed_and_answered_and_goes_at_the_end(long_take: Path, tmp_path: Path, jack_server: str) -> None:
    with in_terminal(*playing(long_take, "--virtual", "StatusLine", "--api", "jack"), rows=10) as terminal:
        terminal.wait_for(lambda rows: "velocity 81 > 81 | " in rows[-1])
        terminal.type("sta")  # half a line, while the line goes on
        before = terminal.rows[-1]
        terminal.wait_for(lambda rows: rows[-1] != before and "sta" in rows)
        terminal.type("tus\n")
        rows = terminal.wait_for(lambda rows: any(row.startswith("passthrough plays, ") for row in rows))
        assert "status" in rows
        for _ in range(12):  # more than the screen holds
            terminal.type("mute on\nmute off\n")
        rows = terminal.wait_for(lambda _: terminal.raw.decode().count("heard") == 12)  # of which the screen shows the last ones
        assert " notes | " in rows[-1] and "|" not in "".join(rows[:-1])
        terminal.resize(60, 12)
        terminal.wait_for(lambda rows: " notes | " in rows[11] and not any(" notes | " in row for row in rows[:11]))
        terminal.type("quit\n")
        assert terminal.end() == 0
        rows = terminal.rows
        assert any("notes played, " in row for row in rows) and not any(" | " in row for row in rows)
        assert terminal.raw.decode().rindex("\x1b[r") < terminal.raw.decode().rindex("notes played, ")
        assert terminal.screen.margins in (None, (0, 11))


def test_the_line_says_where_a_score_is(tmp_path: Path, jack_server: str) -> None:
    model = synthetic_dexter.write_models(tmp_path)
    with in_terminal("--score", ELISE, "--model", model, "--virtual", "StatusScore", "--api", "jack") as terminal:
        terminal.wait_for(lambda rows: "bar " in rows[-1] and "beat " in rows[-1] and "velocity" in rows[-1])
        terminal.type("pause\n")
        terminal.wait_for(lambda rows: ", paused" in rows[-1])
        terminal.program.terminate()
        assert terminal.end() == 0
        assert not any(" | " in row for row in terminal.rows)


@pytest.mark.parametrize("variable", ["dumb", ""])
def test_there_is_no_line_where_the_terminal_cannot_keep_one(long_take: Path, variable: str, jack_server: str) -> None:
    arguments = playing(long_take, "--virtual", "StatusDumb", "--api", "jack")
    with in_terminal(*arguments, environment={"TERM": variable}) as terminal:
        terminal.type("status\n")
        terminal.wait_for(lambda rows: any(row.startswith("passthrough plays, ") for row in rows))
        terminal.type("quit\n")
        terminal.end()
        assert b"\x1b" not in terminal.raw


def test_nothing_is_shown_where_no_terminal_is(long_take: Path, jack_server: str) -> None:
    program = [sys.executable, "-c", "from engine.commands.live import main; main()"]
    arguments = map(str, playing(long_take, "--virtual", "StatusNone", "--api", "jack"))
    ended = subprocess.run(
        [*program, *arguments], input="status\nquit\n", capture_output=True, text=True, timeout=LIMIT_S, env={**os.environ, "TERM": "xterm"}
    )
    assert "\x1b" not in ended.stdout + ended.stderr and " | " not in ended.stdout
    assert [line.split()[0] for line in ended.stdout.splitlines()[:3]] == ["ready:", "passthrough", "ends"]
