"""``perf-bench fuzz``: nonsense as input, of every kind that comes from outside. Each case ends well or is refused in one line.

Damaged MIDI files, scores and presets, MIDI messages that no instrument sends, values and options that mean nothing. Cases are made from
the seed and their number alone. They run in workers, processes of their own: one that crashes or hangs is ended, named and replaced.

- ``ok``, ``refused``: it was taken; it was refused with one line.
- ``defect``: any other exception, or more than one line. ``crash``: the process died. ``hang``: it did not end in minutes.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import make_folder
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.reliability.document import check_document, write_table
from engine.bench.reliability.fuzzing.kinds import KINDS, make_case
from engine.bench.reliability.fuzzing.worker import DEFECT, OK, REFUSED

CRASH, HANG = "crash", "hang"
FAILED = (DEFECT, CRASH, HANG)
VERDICTS = (OK, REFUSED, *FAILED)
COMMAND = "perf-bench fuzz"
HEAD = ("input", "cases", *VERDICTS)
LONGEST_S = 300.0  # of a case that waits; one that computes may do so for a minute of processor time
SHOWN = 20
WORKER = ("-m", "engine.bench.reliability.fuzzing.worker")
Results = queue.SimpleQueue[tuple[str, int, str, str, bytes]]  # kind, number, verdict, line, input


@dataclass(frozen=True)
class Failure:
    kind: str
    number: int
    verdict: str
    line: str
    kept: str  # the file that it happened with


@dataclass(frozen=True)
class FuzzReport:
    machine: Machine
    seed: int
    counts: dict[str, dict[str, int]]  # kind -> verdict -> cases
    failures: list[Failure]


def measure(
    cases: Annotated[int, typer.Option(metavar="N", min=1, help="How many cases.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="The same seed makes the same cases.")] = 0,
    keep: Annotated[Path, typer.Option(metavar="FOLDER", help="Where inputs that fail are kept.")] = Path("fuzz-failures"),
    only: Annotated[str | None, typer.Option(metavar="KIND", help=f"Only this kind: {', '.join(KINDS)}.")] = None,
    document: Annotated[Path | None, typer.Option(metavar="FILE.md", help="A document whose table is written anew.")] = None,
    *,
    on_stage: OnStage = silent,
) -> FuzzReport:
    """Run the cases, shared by as many workers as there are cores; one that is interrupted reports those that are done.

    Raises UsageError for an unknown kind.
    """
    if only is not None and only not in KINDS:
        raise UsageError(f"--only {only!r}: allowed: {', '.join(KINDS)}")
    if document:
        check_document(document, COMMAND)
    machine, workers = describe_machine(), os.cpu_count() or 1
    results: Results = queue.SimpleQueue()
    lanes = [_Lane(seed, first, workers, cases, only, results) for first in range(min(workers, cases))]
    counts: dict[str, Counter[str]] = {name: Counter() for name in KINDS if only in (None, name)}
    failures: list[Failure] = []
    try:
        for done in range(cases):
            kind, number, verdict, line, data = results.get()
            counts[kind][verdict] += 1
            if verdict in FAILED:
                failures.append(Failure(kind, number, verdict, line, _keep(keep, seed, kind, number, line, data)))
            on_stage(f"{done + 1} of {cases}, {len(failures)} failed")
    except KeyboardInterrupt:  # what was done until then counts
        pass
    finally:
        for lane in lanes:
            lane.end()
    report = FuzzReport(machine, seed, {kind: dict(found) for kind, found in counts.items()}, failures)
    if document:
        write_table(document, COMMAND, HEAD, _rows(report))
    return report


def _rows(report: FuzzReport) -> list[list[str]]:
    """Return the counts of each kind and of all."""
    every: Counter[str] = Counter()
    for counts in report.counts.values():
        every.update(counts)
    named = {**report.counts, "all": every}
    return [[kind, *map(str, (sum(counts.values()), *(counts.get(each, 0) for each in VERDICTS)))] for kind, counts in named.items()]


def _keep(folder: Path, seed: int, kind: str, number: int, line: str, data: bytes) -> str:
    make_folder(folder)
    path = folder / f"{kind}-{seed}-{number}{KINDS[kind].suffix}"
    path.write_bytes(data)
    path.with_name(path.name + ".txt").write_text(line + "\n", encoding="utf-8")
    return str(path)


class _Lane:
    """Every ``step``-th case from ``first`` on, by one worker after the other."""

    def __init__(self, seed: int, first: int, step: int, last: int, only: str | None, results: "Results"):
        self._seed, self._step, self._last, self._only = seed, step, last, only
        self._results = results
        self._worker: subprocess.Popen[str] | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, args=(first,), name=f"fuzz {first}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended = True
        if self._worker:
            self._worker.kill()
        self._thread.join()

    def _run(self, first: int) -> None:
        with tempfile.TemporaryDirectory(prefix="perf-bench-") as folder:
            while first < self._last and not self._ended:
                first = self._watch(first, Path(folder))

    def _watch(self, first: int, folder: Path) -> int:
        """Run a worker until it has done everything or ended otherwise; return the first case that is not done."""
        kinds = [self._only] if self._only else []
        numbers = [str(each) for each in (self._seed, first, self._step, self._last)]
        call = [sys.executable, *WORKER, *numbers, str(folder), *kinds]
        hung = threading.Event()

        def hang() -> None:
            hung.set()
            worker.kill()

        with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as self._worker:  # noqa: S603
            worker = self._worker
            begun: tuple[int, str] | None = None
            while True:
                alarm = threading.Timer(LONGEST_S, hang)
                alarm.start()
                line = worker.stdout.readline()  # type: ignore[union-attr]
                alarm.cancel()
                if not line:
                    break
                word, *rest = json.loads(line)
                if word == "begin":
                    begun = (int(rest[0]), str(rest[1]))
                elif begun:
                    self._tell(begun, rest[0], rest[1])
                    first, begun = begun[0] + self._step, None
        if begun and not self._ended:
            computed = worker.returncode == -getattr(signal, "SIGXCPU", 0)
            died = CRASH, f"the process ended with status {worker.returncode}"
            how = (HANG, f"longer than {LONGEST_S:g} s") if hung.is_set() else (HANG, "it computes on and on") if computed else died
            self._tell(begun, *how)
            return begun[0] + self._step
        return first

    def _tell(self, begun: tuple[int, str], verdict: str, line: str) -> None:
        """Hand on how a case ended; of one that failed also its input, made anew, as the worker has overwritten its own by now."""
        number, kind = begun
        data = make_case(kind, self._seed, number) if verdict in FAILED else b""
        self._results.put((kind, number, verdict, line, data))


def print_table(report: FuzzReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(*HEAD)
    rows = _rows(report)
    for row in rows:
        table.add_row(*row)
    console.print(f"seed {report.seed}", table, sep="\n")
    for failure in report.failures[:SHOWN]:
        console.print(f"{failure.verdict}: {failure.kept}: {failure.line}", highlight=False, markup=False, soft_wrap=True)
    if report.failures:
        folder = Path(report.failures[0].kept).parent
        raise PerfLiveError(f"{len(report.failures)} of {rows[-1][1]} cases failed; what failed is kept in {str(folder)!r}")


BENCHMARK = Benchmark("Nonsense as input: whether each case is taken or refused in one line.", measure, print_table)
