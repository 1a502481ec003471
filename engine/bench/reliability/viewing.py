"""``perf-bench viewing``: what somebody who looks on adds to a note.

Two perf-live play side by side as in ``perf-bench live``, the same pattern 12 ms apart, every four seconds the other one first: one whose
output goes to a program, so that nothing is shown, and one in a terminal of its own, 80 columns by 24 rows, whose output another program
takes, or whose page a Chromium without a window draws. Times are of a message from the prober through JACK and back; the difference is
message by message. What drawing takes from the processor slows both alike, and is not in the difference: compare the columns with those of
``perf-bench live`` for that.

With ``--score`` both perform the bundled prelude meanwhile, on a channel of its own, and the page draws it; what is played goes through.
"""

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.live import Difference, add_difference, compare, first_notes, flatten
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.delivery import Answers
from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.machine import Machine, StolenTime, describe_machine
from engine.bench.measuring.prober import Target, play
from engine.bench.measuring.programs import PATIENCE_S, PERF_LIVE, Program, jack_server, may_schedule_in_real_time
from engine.bench.measuring.tables import DISTRIBUTION, new_table, print_head, share, word
from engine.bench.measuring.takes import live_pattern
from engine.midi.events import channel_of, is_channel_message, is_note_off, is_note_on
from engine.midi.file import read_midi_file, write_midi_file
from engine.output.viewing.terminal.screen import ENTER
from engine.systems import Kind, default_system, find_system, performers

COLUMNS, ROWS = 80, 24
EXAMPLE, CHANNEL = "bach_prelude_in_c.mid", 15
BROWSER = "chromium"
PAGE_DRAWN_S = 3.0  # until Chromium draws
PAGE_LINE = re.compile(rb"page: (http\S+)\s")


class Viewer(StrEnum):
    """Who looks on: nobody, which tells how much two runs differ anyway; the line at the foot of the terminal; ``--show``; or a page."""

    NONE = "none"
    LINE = "line"
    SHOW = "show"
    PAGE = "page"


ASKED = {Viewer.SHOW: ["--show"], Viewer.PAGE: ["--page", "--no-browser"]}
SHOWN = {Viewer.SHOW: re.compile(re.escape(ENTER.encode())), Viewer.PAGE: PAGE_LINE}  # what says that it is


@dataclass(frozen=True)
class Added(Difference):
    """What the same messages took with a viewer, less what they took without."""

    without: Distribution
    viewed: Distribution


@dataclass(frozen=True)
class ViewingReport:
    machine: Machine
    real_time: bool  # whether JACK and the threads that play could be scheduled before all others
    stolen: float | None
    viewer: Viewer
    performer: str
    score: bool  # whether a score was performed and drawn meanwhile
    notes: int
    first_note_ons: Added | None  # single notes, or those that begin a chord
    note_ons: Added | None


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to play.")] = 120,
    performer: Annotated[str, typer.Option(help=f"{', '.join(performers())}.")] = default_system(Kind.NOTES).name,
    viewer: Annotated[
        Viewer, typer.Option(help="Nobody, the line at the foot of the terminal, --show, or a page in Chromium.")
    ] = Viewer.SHOW,
    score: Annotated[bool, typer.Option("--score", help="Let both perform a score meanwhile, which the page draws.")] = False,
    *,
    on_stage: OnStage = silent,
    seed: int = 0,
) -> ViewingReport:
    """Play for about ``seconds``. Raises UsageError for an unknown performer, PerfLiveError where no server is had or a program fails."""
    find_system(performer)
    plays = performer if not score else default_system(Kind.SCORES).name
    machine, slots, stolen_time = describe_machine(), live_pattern(seconds, seed), StolenTime()
    with ExitStack() as stack:
        stack.enter_context(jack_server())
        targets = [stack.enter_context(Target(name)) for name in ("alone", "viewed")]
        ends = [["--in", each.input_name, "--out", each.output_name, "--api", "jack", "--performer", plays] for each in targets]
        if score:
            written = str(stack.enter_context(_score_of_its_own()))
            ends = [[*each, "--score", written] for each in ends]
        alone = stack.enter_context(Program("perf-live", ["-c", PERF_LIVE, *ends[0]]))
        viewed, _ = stack.enter_context(in_terminal([*ends[1], *ASKED.get(viewer, ())], viewer))

        def on_pause(slots_done: int) -> None:
            alone.check()
            if viewed.poll() is not None:
                raise PerfLiveError(f"perf-live in a terminal has ended with status {viewed.returncode}")
            on_stage(f"{slots_done / len(slots):.0%} of {seconds:g} s")

        play(slots, targets, on_pause)
        stolen = stolen_time.share()
    sent = flatten(slots)
    messages = [each.message for each in sent]
    heard = [[each for each in target.received if not (score and _is_of_score(each[1]))] for target in targets]
    without_ns, viewed_ns = (Answers(messages, each.sent_ns, came).latencies_ns for each, came in zip(targets, heard, strict=True))
    is_note = np.array([is_note_on(message) for message in messages])
    is_first = first_notes(sent)
    return ViewingReport(
        machine=machine,
        real_time=may_schedule_in_real_time(),
        stolen=None if stolen is None else round(stolen, 4),
        viewer=viewer,
        performer=plays,
        score=score,
        notes=int(is_note.sum()),
        first_note_ons=_added(without_ns[is_first], viewed_ns[is_first]),
        note_ons=_added(without_ns[is_note], viewed_ns[is_note]),
    )


@contextmanager
def _score_of_its_own() -> Iterator[Path]:
    """Write the prelude on a channel that the pattern's notes have not."""
    with as_file(files("engine.examples") / EXAMPLE) as path:
        prelude = read_midi_file(path)
    moved = [each._replace(message=bytes((each.message[0] & 0xF0 | CHANNEL, *each.message[1:]))) for each in prelude.events]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / EXAMPLE
        write_midi_file(written, moved, prelude)
        yield written


def _is_of_score(message: bytes) -> bool:
    return is_channel_message(message) and channel_of(message) == CHANNEL and (is_note_on(message) or is_note_off(message))


def _added(without_ns: np.ndarray, viewed_ns: np.ndarray) -> Added | None:
    compared = compare(without_ns, viewed_ns)
    if compared is None:
        return None
    return Added(
        compared.difference, compared.difference_median_95_ms, compared.added_p99_ms, compared.echo, compared.perf_live
    )


@contextmanager
def in_terminal(arguments: list[str], viewer: Viewer) -> Iterator[tuple["subprocess.Popen[bytes]", "subprocess.Popen[bytes] | None"]]:
    """Run perf-live in a terminal of its own, whose output another program takes; give it and, for a page, the browser that draws it.

    Raises PerfLiveError when it does not begin.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    program = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PERF_LIVE, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "dumb" if viewer is Viewer.NONE else "xterm-256color"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # no other thread runs yet
    )
    os.close(theirs)
    taker = None
    try:
        shown = _await(ours, SHOWN.get(viewer, re.compile(b"ready")))
        taker = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S607
        with in_browser(shown[1].decode()) if viewer is Viewer.PAGE else nullcontext() as browser:
            yield program, browser
    finally:
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
        os.close(ours)
        if taker:
            taker.terminate()
            taker.wait()


@contextmanager
def in_browser(address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Let Chromium draw a page. Raises PerfLiveError where there is none."""
    found = shutil.which(BROWSER)
    if not found:
        raise PerfLiveError(f"--viewer page needs {BROWSER}, which was not found; install it with apt")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        alone = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
        begun = [found, *alone, address]
        browser = subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
        try:
            time.sleep(PAGE_DRAWN_S)
            if browser.poll() is not None:
                raise PerfLiveError(f"{BROWSER} has ended with status {browser.returncode}")
            yield browser
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()


def _await(terminal: int, sign: "re.Pattern[bytes]") -> "re.Match[bytes]":
    """Read what is written to a terminal until a sign comes; return it."""
    seen = b""
    while not (found := sign.search(seen)):
        try:
            read = os.read(terminal, 4096)
        except OSError:
            raise PerfLiveError(f"perf-live in a terminal does not begin: {' '.join(seen.decode(errors='replace').split())}") from None
        seen += read
    return found


def print_table(report: ViewingReport) -> None:
    console = Console()
    what = {
        Viewer.NONE: "without one again",
        Viewer.LINE: "with the line at the foot of the terminal",
        Viewer.SHOW: "with --show",
        Viewer.PAGE: "with the page in Chromium",
    }
    drawn = ", while a score is performed" if report.score else ""
    told = f"perf-live with {report.performer}{drawn}, without a viewer and {what[report.viewer]}: {report.notes:,} notes"
    console.print(told, soft_wrap=True)
    print_head(console, report.machine)
    console.print(f"taken by the host meanwhile: {share(report.stolen)}; JACK in real time: {word(report.real_time)}", soft_wrap=True)
    table = new_table("milliseconds", *DISTRIBUTION)
    for title, added in (("note-ons, single or first of a chord", report.first_note_ons), ("note-ons, all", report.note_ons)):
        sides = {"without a viewer": added.without, "with a viewer": added.viewed} if added else {}
        add_difference(table, title, sides, added)
    console.print(table)


BENCHMARK = Benchmark("What a viewer adds to a note: a page, --show, or the line at the foot of the terminal.", measure, print_table)
