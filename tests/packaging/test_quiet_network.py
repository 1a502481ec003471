"""No command and no import looks up a host, opens a connection, or writes a file that it was not asked for.

Each runs under strace, which sees what libraries written in C do as well. ``HOME`` and ``TMPDIR`` are empty folders, and have to be empty
at the end.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import mido
import pytest

from engine import examples

pytestmark = pytest.mark.trace

ROOT = Path(__file__).parents[2]
PRELUDE, ELISE, GYMNOPEDIE = sorted(Path(examples.__file__).parent.glob("*.mid"))
CALLS = "socket,connect,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat"
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|^\d+ +(creat|mkdir|rename|link|symlink|unlink)")
UNFINISHED, RESUMED = " <unfinished ...>", re.compile(r"<\.\.\. \w+ resumed>")
SYSTEM = ("/dev/", "/proc/")  # devices, and the names of threads
IMPORT_ALL = """
import importlib, pkgutil, engine, models
for package in (engine, models):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""


class Traced(NamedTuple):
    """What a program did: system calls, the folder that it may write in, and what it left in its home folder and for temporary files."""

    calls: list[str]
    given: Path
    left: list[str]


def traced(folder: Path, *command: str | Path, variables: dict[str, str] | None = None) -> Traced:
    home, temporary, given = folder / "home", folder / "temporary", folder / "given"
    for each in (home, temporary, given):
        each.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    folders = {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    environment = kept | folders | {"PYTHONDONTWRITEBYTECODE": "1"} | (variables or {})
    trace = folder / "trace"
    strace = ["strace", "-f", "--seccomp-bpf", "-y", "-qq", "--signal=none", "-s", "300", "-o", str(trace), "-e", f"trace={CALLS}"]
    ended = subprocess.run([*strace, *map(str, command)], cwd=given, env=environment, capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stderr) == (0, "")
    left = [str(path.relative_to(folder)) for each in (home, temporary) for path in each.rglob("*")]
    return Traced(whole_calls(trace.read_text(encoding="utf-8", errors="replace").splitlines()), given, left)


def whole_calls(lines: list[str]) -> list[str]:
    """Return each system call on one line: strace breaks one in two where another thread's call comes between."""
    begun: dict[str, str] = {}
    calls = []
    for line in lines:
        thread = line.split(maxsplit=1)[0]
        if line.endswith(UNFINISHED):
            begun[thread] = line.removesuffix(UNFINISHED)
        elif resumed := RESUMED.search(line):
            calls.append(begun.pop(thread, "") + line[resumed.end() :])
        else:
            calls.append(line)
    return calls + list(begun.values())


def connections(run: Traced) -> list[str]:
    """The system calls that reach for a network, or ask for its addresses: sockets of any family but the machine's own."""
    return [call for call in run.calls if " socket(" in call and "AF_UNIX" not in call]


def strays(run: Traced) -> list[str]:
    """The successful system calls that create, open for writing, move or remove a file, outside the folders that are there for it."""
    allowed = (*SYSTEM, str(run.given), str(run.given.parent / "temporary"))
    return [call for call in run.calls if WRITES.search(call) and " = -1 " not in call and not paths(call).startswith(allowed)]


def paths(call: str) -> str:
    """The path that a system call is about: what the descriptor is that it returned, or its (last) argument."""
    if opened := re.search(r"= \d+<(.*?)>$", call):
        return opened[1]
    folder, name = re.findall(r'(?:<([^<>]*)>, )?"(.*?)"', call)[-1]
    return os.path.join(folder, name)


def assert_quiet(run: Traced) -> None:
    assert connections(run) == []
    assert strays(run) == []
    assert run.left == []


def program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


RENDERED = {
    "passthrough": (ELISE, "-o", "out.mid", "--performer", "passthrough"),
    "velocity": (ELISE, "-o", "out.mid"),
    "dexter": (ELISE, "-o", "out.mid", "--performer", "dexter"),
    "score-performer": (ELISE, "-o", "out.mid", "--performer", "score-performer"),
    "performance-rnn": ("--primer", ELISE, "-o", "out.mid", "--performer", "performance-rnn", "--seconds", "5"),
    "picture": (ELISE, "-o", "out.png"),
    "score picture": (ELISE, "-o", "out.png", "--performer", "dexter"),
}


@pytest.mark.parametrize("arguments", RENDERED.values(), ids=RENDERED)
def test_rendering_is_quiet(arguments: tuple[str | Path, ...], tmp_path: Path) -> None:
    run = traced(tmp_path, program("perf-render"), *arguments)
    assert_quiet(run)
    assert any(path.stem == "out" for path in run.given.iterdir())


def one_note(folder: Path) -> Path:
    """A MIDI file of half a second: sound takes long to compute under a tracer."""
    path = folder / "note.mid"
    messages = [mido.Message("note_on", note=60, velocity=64), mido.Message("note_off", note=60, time=480)]
    mido.MidiFile(tracks=[mido.MidiTrack(messages)]).save(path)
    return path


@pytest.mark.parametrize("sound", ["neural", pytest.param("fluidsynth", marks=pytest.mark.sound)])
def test_rendering_sound_is_quiet(sound: str, tmp_path: Path) -> None:
    run = traced(tmp_path, program("perf-render"), one_note(tmp_path), "-o", "out.wav", "--sound", sound)
    assert_quiet(run)
    assert [path.name for path in run.given.iterdir()] == ["out.wav"]


def test_performing_live_is_quiet(tmp_path: Path) -> None:
    run = traced(tmp_path, program("perf-live"), "--in", one_note(tmp_path), "--out", "out.mid")
    assert_quiet(run)
    assert [path.name for path in run.given.iterdir()] == ["out.mid"]


COMMANDS = ("perf-live", "perf-render", "perf-bench", "perf-train", "perf-eval", "perf-align", "perf-export")


@pytest.mark.parametrize("arguments", [("perf-live", "--list"), *((name, "--help") for name in COMMANDS)], ids=" ".join)
def test_help_and_lists_are_quiet(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert_quiet(traced(tmp_path, program(arguments[0]), *arguments[1:]))


def test_importing_everything_is_quiet(tmp_path: Path) -> None:
    assert_quiet(traced(tmp_path, sys.executable, "-c", IMPORT_ALL))


def test_telemetry_that_is_asked_for_would_be_seen(tmp_path: Path) -> None:
    """What the others look for can be found: ONNX Runtime writes below the home folder when the variable says that it may."""
    run = traced(tmp_path, program("perf-render"), GYMNOPEDIE, "-o", "out.mid", variables={"ORT_DISABLE_TELEMETRY": "0"})
    assert any("home/" in path for path in run.left)
    assert strays(run)


def test_a_look_up_would_be_seen(tmp_path: Path) -> None:
    code = "import socket\ntry: socket.getaddrinfo('host.invalid', 80)\nexcept OSError: pass"
    assert connections(traced(tmp_path, sys.executable, "-c", code))


def test_a_call_that_another_thread_interrupts_is_one_call():
    lines = ['11 mkdir(".", 0777 <unfinished ...>', '12 unlink("a") = 0', "11 <... mkdir resumed>) = -1 EEXIST (File exists)"]
    assert whole_calls(lines) == ['12 unlink("a") = 0', '11 mkdir(".", 0777) = -1 EEXIST (File exists)']
