"""``perf-bench soak``: live, duet, look-ahead with MIDI clock and a score play side by side for hours, with a fault every few seconds.

Each is a perf-live of its own between ports of a JACK server of its own, which waits for clients that are gone, with a keyboard that plays
phrases and rests at random, two sound modules and a recording.
In the middle of each phrase something happens to it: a port or a program goes and comes back, the process is stopped, all cores are
busy, floods, system exclusives, channel modes, typed nonsense. After it everything is released, and it is counted from the beginning on:

- ``notes``: note-ons that the keyboard sent while it was connected. ``lost``: those that reached perf-live and that the observer, the
  other module, did not hear. ``before``: those that did not reach it, as it writes down what its ports bring.
- ``stuck``: notes and pedals of the keyboard's channel that are still down, though their release reached perf-live.
- ``late``: heard more than 10 ms after they were sent; not counted with look-ahead, which moves onsets on purpose. ``late_undisturbed`` of
  them while nothing was done to the run, the machine or the JACK server, ``late_by_itself`` of these without the time in which a core of
  the machine stood still. A fault is over half a second after what was to be played meanwhile has been played.
- ``memory``, ``descriptors``, ``threads`` of perf-live.
- ``unheard``, in the end: note-ons of the recording, also of those that perf-live itself played, that the observer did not hear.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.base.files import check_writable
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import jack_server_beside
from engine.bench.measuring.standstill import watched_cores
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.reliability.document import check_document, write_table
from engine.bench.reliability.soaking.acts import ACTS
from engine.bench.reliability.soaking.arrivals import Loss
from engine.bench.reliability.soaking.picture import draw_soak
from engine.bench.reliability.soaking.scenes import Checkpoint, Disturbances, Played, Player

COMMAND = "perf-bench soak"
COUNTS, VITALS = ("notes", "lost", "before", "stuck", "late"), ("memory, MB", "descriptors", "threads")
HEAD = ("run", "faults", *COUNTS, "undisturbed", "by itself", *VITALS)
ROWS_SHOWN = 8  # of each run


@dataclass(frozen=True)
class SoakReport:
    machine: Machine
    seconds: float
    seed: int
    played: list[Played]

    @property
    def lost(self) -> int:
        return sum(each.checkpoints[-1].lost + each.unheard for each in self.played if each.checkpoints)

    @property
    def lost_before(self) -> int:
        return sum(each.checkpoints[-1].lost_before for each in self.played if each.checkpoints)

    @property
    def stuck(self) -> int:
        return sum(map(_most_stuck, self.played))


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to play.")] = 60,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="The same seed plays the same notes, and the same happens.")] = 0,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw it over time.")] = None,
    document: Annotated[Path | None, typer.Option(metavar="FILE.md", help="A document whose table is written anew.")] = None,
    *,
    on_stage: OnStage = silent,
) -> SoakReport:
    """Play. Raises PerfLiveError where no server can be had."""
    if picture:
        check_writable(picture)
    if document:
        check_document(document, COMMAND)
    machine = describe_machine()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="perf-bench-")))
        servers = [opened.enter_context(jack_server_beside(f"perf-bench-{os.getpid()}-{act.name}")) for act in ACTS]
        standstill, disturbances = opened.enter_context(watched_cores()), Disturbances()
        players = [
            Player(act, folder / act.name, environment, seconds, seed, disturbances) for act, environment in zip(ACTS, servers, strict=True)
        ]
        on_stage(f"playing for {seconds:g} s")
        for player in players:
            player.join()
    played = [player.judged(standstill) for player in players]
    if picture:
        draw_soak(picture, played)
    if document:
        write_table(document, COMMAND, HEAD, [_row(each) for each in played])
    return SoakReport(machine, seconds, seed, played)


def _row(each: Played) -> list[str]:
    """Return how a run has ended, and what it occupied at first and at last."""
    if not each.checkpoints:
        return [each.name, *[""] * (len(HEAD) - 1)]
    first, last = each.checkpoints[0], each.checkpoints[-1]
    late = map(_or_none, (last.late, each.late_undisturbed, each.late_by_itself))
    counts = (len(each.checkpoints), last.notes, last.lost + each.unheard, last.lost_before, _most_stuck(each), *late)
    pairs = zip(asdict(first.vitals).values(), asdict(last.vitals).values(), strict=True)
    return [each.name, *map(str, counts), *(f"{before:g} to {after:g}" for before, after in pairs)]


def _most_stuck(each: Played) -> int:
    return max([each.stuck, *(point.stuck for point in each.checkpoints)])


def _or_none(count: int | None) -> str:
    return "-" if count is None else str(count)


def print_table(report: SoakReport) -> None:
    console = Console()
    print_head(console, report.machine)
    for each in report.played:
        table = new_table(f"{each.name}: seconds", *COUNTS, *VITALS, "after")
        for point in thinned(each.checkpoints):
            counts = (point.notes, point.lost, point.lost_before, point.stuck, _or_none(point.late))
            table.add_row(f"{point.time_s:g}", *map(str, (*counts, *asdict(point.vitals).values())), point.fault)
        console.print(table)
        for loss in each.losses:
            console.print(_told(loss), highlight=False, soft_wrap=True)
        ending = "does not end" if each.status is None else f"ends with status {each.status}"
        faults = f"{len(each.checkpoints)} faults"
        wrong = f": {each.wrong}" if each.wrong else ""
        late = f"late undisturbed {_or_none(each.late_undisturbed)}, by itself {_or_none(each.late_by_itself)}"
        said = f"{faults}; {ending}, {each.stuck} stuck, {each.unheard} of its recording unheard; {late}{wrong}"
        console.print(f"{each.name}: {said}", highlight=False, soft_wrap=True)
    failed = [each.name for each in report.played if each.wrong or each.status]
    if failed or report.lost or report.lost_before or report.stuck:
        others = f"; {', '.join(failed)} did not go as it should" if failed else ""
        before = f"{report.lost_before} before they reached perf-live"
        raise PerfLiveError(f"{report.lost} notes lost, {report.stuck} stuck; {before}{others}")


def _told(loss: Loss) -> str:
    """Return one line: what was lost where, and what was going on."""
    counts = f"{loss.before} notes lost before they reached perf-live, {loss.within} after, {loss.held} keys held for want of a release"
    times = f"a fault of {loss.fault_s:g} s in a scene of {loss.scene_s:g} s, the longest wait {loss.longest_wait_s:g} s"
    sent = f"; sent {loss.missing[0][0]:g} to {loss.missing[-1][0]:g} s after it began" if loss.missing else ""
    said = f"; said: {' / '.join(loss.said)}" if loss.said else ""
    return f"after {loss.time_s:g} s, {loss.fault}: {counts}; {times}{sent}{said}"


def thinned(points: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return ROWS_SHOWN at most, the first and the last among them."""
    if len(points) <= ROWS_SHOWN:
        return list(points)
    return [points[round(row * (len(points) - 1) / (ROWS_SHOWN - 1))] for row in range(ROWS_SHOWN)]


BENCHMARK = Benchmark("Live, duet, look-ahead and score side by side for hours, with faults: lost, stuck, late.", measure, print_table)
