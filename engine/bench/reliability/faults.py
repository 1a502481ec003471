"""``perf-bench faults``: what perf-live survives, one fault after the other, and an observer's count of what was lost and what hangs.

perf-live stands between a keyboard and two sound modules at a JACK server, each a process of its own. A run lasts as long as it survives.

- ``sent``, ``lost``, ``extra``: note-ons that the keyboard sent while it was connected; that the observer, a sound module, did not hear;
  that it heard and nobody sent.
- ``stuck``: notes and pedals that are still down a few seconds after the end of the fault.
- ``status``: the exit status; none where the run goes on.
"""

import signal
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError, UsageError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import jack_server
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.reliability.document import check_document, write_table
from engine.bench.reliability.harm import ports, system, traffic
from engine.bench.reliability.stage.between_ports import Stage
from engine.bench.reliability.stage.outcome import Fault, Outcome, lasting

COMMAND = "perf-bench faults"
HEAD = ("fault", "notes", "lost", "extra", "stuck", "the run", "survived")

FAULTS: dict[str, Fault] = {
    "64 KiB of system exclusive": lasting(traffic.long_exclusive),
    "128 keys on 16 channels at once": lasting(traffic.every_key),
    "pieces of messages": lasting(traffic.pieces),
    "10,000 messages a second for 1 s": lasting(partial(traffic.flood, seconds=1)),
    "10,000 messages a second for 10 s": lasting(partial(traffic.flood, seconds=10)),
    "a hog on every core": system.hog_on_every_core,
    "perf-live stopped for 0.4 s": system.stopped_for_a_moment,
    "perf-live stopped for 5 s": system.stopped_for_long,
    "a disk that stalls under a take": system.stalled_disk_of_a_take,
    "the keyboard's port away for 0.1 s": ports.without_keyboard(partial(ports.take_keyboard_away, seconds=0.1)),
    "the keyboard's port away for 1 s": ports.without_keyboard(partial(ports.take_keyboard_away, seconds=1)),
    "the keyboard's port away for 30 s": ports.without_keyboard(partial(ports.take_keyboard_away, seconds=30)),
    "the module's port away for 0.1 s": ports.without_module(partial(ports.take_module_away, seconds=0.1)),
    "the module's port away for 1 s": ports.without_module(partial(ports.take_module_away, seconds=1)),
    "the module's port away for 30 s": ports.without_module(partial(ports.take_module_away, seconds=30)),
    "the keyboard's program killed": ports.without_keyboard(ports.kill_keyboard),
    "the module's program killed": ports.without_module(ports.kill_module),
    "the JACK server killed": ports.server_killed,
    "a disk that stalls under a sound file": system.stalled_disk_of_a_sound_file,
    "a disk that is full under a take": system.full_disk_of_a_take,
    "standard input closed": system.descriptor_closed(system.STDIN),
    "standard output closed": system.descriptor_closed(system.STDOUT),
    "standard error closed": system.descriptor_closed(system.STDERR),
    "all three closed": system.descriptor_closed(system.STDIN, system.STDOUT, system.STDERR),
    "a model that answers NaN": system.nan_model,
    "a terminal that is closed (SIGHUP)": system.signalled(signal.SIGHUP),
    "Ctrl-\\ (SIGQUIT)": system.signalled(signal.SIGQUIT),
}


@dataclass(frozen=True)
class FaultsReport:
    machine: Machine
    outcomes: dict[str, Outcome]


def measure(
    only: Annotated[str | None, typer.Option(metavar="WORDS", help="Only faults that have this in their names.")] = None,
    document: Annotated[Path | None, typer.Option(metavar="FILE.md", help="A document whose table is written anew.")] = None,
    *,
    on_stage: OnStage = silent,
) -> FaultsReport:
    """Do one fault after the other, some minutes in all. Raises PerfLiveError where no server can be had."""
    names = [name for name in FAULTS if only is None or only.casefold() in name.casefold()]
    if not names:
        raise UsageError(f"--only {only!r}: no fault has that in its name; there are: {', '.join(FAULTS)}")
    if document:
        check_document(document, COMMAND)
    machine = describe_machine()
    outcomes = {}
    with jack_server(), tempfile.TemporaryDirectory(prefix="perf-bench-") as folder, Stage(Path(folder), "faults") as stage:
        for name in names:
            on_stage(name)
            outcomes[name] = FAULTS[name](stage)
            if not outcomes[name].survived and stage.run:
                stage.run.kill()
    if document:
        write_table(document, COMMAND, HEAD, [_row(name, outcome) for name, outcome in outcomes.items()])
    return FaultsReport(machine, outcomes)


def _row(name: str, outcome: Outcome) -> list[str]:
    status = "goes on" if outcome.status is None else f"ends, status {outcome.status}"
    counts = (outcome.sent, outcome.lost, outcome.extra, outcome.stuck + outcome.pedals)
    return [name, *map(str, counts), status, "yes" if outcome.survived else "no"]


def print_table(report: FaultsReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(*HEAD)
    for name, outcome in report.outcomes.items():
        table.add_row(*_row(name, outcome))
    console.print(table)
    for name, outcome in report.outcomes.items():
        if outcome.wrong:
            console.print(f"{name}: {outcome.wrong}", highlight=False, soft_wrap=True)
    if failed := [name for name, outcome in report.outcomes.items() if not outcome.survived]:
        raise PerfLiveError(f"{len(failed)} of {len(report.outcomes)} faults were not survived: {', '.join(failed)}")


BENCHMARK = Benchmark("What perf-live survives: ports that go, floods, full disks, signals.", measure, print_table)
