"""Commands end with a status and at most one line, whatever happens to their terminal."""

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from engine.base.command_line import run

STOPPED = "wait: stopped before the end; what was not finished was not written\n"
LIVE = (sys.executable, "-c", "from engine.commands.live import main; main()")
STANDING = """
import os, signal, sys
import typer
from engine.base.command_line import run
app = typer.Typer()
@app.command()
def wait() -> None:
    print("there", flush=True)
    while True:
        signal.pause()
sys.exit(run(app, "wait"))
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*LIVE, "--list", "performers"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (
        1,
        "perf-live: No space left on device: standard output; make room, or write to another place\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
@pytest.mark.parametrize(
    ("prefix", "error"), [([], STOPPED), (["nohup"], "")]
)
def test_a_closed_terminal_ends_a_command_unless_it_is_ignored(prefix: list[str], error: str) -> None:
    import signal

    waiting = subprocess.Popen([*prefix, sys.executable, "-c", STANDING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert waiting.stdout is not None and waiting.stdout.readline() == "there\n"
    waiting.send_signal(signal.SIGHUP)
    if prefix:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=0.3)
        waiting.kill()
    output, said = waiting.communicate(timeout=30)
    assert output == "" and said.endswith(error) and "Traceback" not in said
    assert prefix or waiting.returncode == 1


@pytest.mark.parametrize(
    "module",
    [
        "engine.commands.live",
        "engine.commands.render",
        "engine.commands.bench",
        "training.command",
        "training.evaluation.command",
        "training.alignment.command",
        "export.command",
    ],
)
def test_every_command_has_a_version_and_help_with_three_examples(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    app = importlib.import_module(module).app
    assert run(app, "perf", ["--version"]) == 0
    assert capfd.readouterr().out == f"perf-live {version('perf-live')}\n"
    assert run(app, "perf", ["-h"]) == 0
    assert capfd.readouterr().out.partition("Examples:")[2].count("perf-") == 3
    command = typer.main.get_command(app)
    for each in (command, *getattr(command, "commands", {}).values()):
        for parameter in each.params:
            assert "[" not in (getattr(parameter, "help", None) or ""), parameter.name  # rich would take it for markup and not show it


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("engine.commands.render", ["a.mid", "-o", "b.mid", "--seed", "x"], "perf: Invalid value for '--seed': expected a whole number\n"),
        ("engine.commands.render", ["a.mid", "-o", "b.mid", "--reverb", "2"], "perf: Invalid value for '--reverb': 1 or less is allowed\n"),
        ("engine.commands.live", ["--lookahead", "x"], "perf: Invalid value for '--lookahead': expected a number\n"),
        ("engine.commands.bench", ["dexter", "--seconds", "-1"], "perf: Invalid value for '--seconds': 4 or more is allowed\n"),
    ],
)
def test_wrong_values_are_told_in_plain_words(module: str, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(importlib.import_module(module).app, "perf", arguments) == 2
    assert capfd.readouterr().err == said
