"""``perf-bench``: speed figures, as tables or as JSON. How each is measured stands in ``engine.bench``."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.base.command_line import run
from engine.base.errors import UsageError
from engine.bench.measuring.machine import one_core
from engine.performers.registry import DEFAULT_PERFORMER, LOADERS

app = typer.Typer(add_completion=False, help="Speed figures. Measure on a machine that does nothing else.")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; times are milliseconds (_ms) or seconds (_s).")]


@app.command()
def live(
    seconds: Annotated[float, typer.Option(min=1, help="How long to play.")] = 600,
    performer: Annotated[str, typer.Option(help=f"{', '.join(LOADERS)}.")] = DEFAULT_PERFORMER,
    as_json: JsonOption = False,
) -> None:
    """What perf-live adds to a bare echo through real JACK ports, and whether everything arrives."""
    if performer not in LOADERS:
        raise UsageError(f"no performer is called {performer!r}; allowed: {', '.join(LOADERS)}")
    from engine.bench.live import measure
    from engine.bench.tables import print_live

    with _progress() as on_progress:
        report = measure(seconds, performer, on_progress)
    _print(report, print_live, as_json)


@app.command()
def velocity(as_json: JsonOption = False) -> None:
    """The cost of a note in the velocity transformer, on one core, hot and paced, and over an hour."""
    with one_core() as alone:  # before NumPy is loaded, which then starts no thread for another core
        from engine.bench.tables import print_velocity
        from engine.bench.velocity import measure

        report = measure(alone, on_stage=_say)
    _print(report, print_velocity, as_json)


@app.command()
def render(as_json: JsonOption = False) -> None:
    """How fast perf-render performs, on one core."""
    with one_core() as alone:
        from engine.bench.render import measure
        from engine.bench.tables import print_render

        report = measure(alone, on_stage=_say)
    _print(report, print_render, as_json)


@app.command()
def dexter(
    seconds: Annotated[float, typer.Option(min=4, help="How long to play in real time.")] = 60, as_json: JsonOption = False
) -> None:
    """How fast DExter performs scores, offline and live, beside the paper's thousand steps."""
    from engine.bench.dexter import measure
    from engine.bench.tables import print_dexter

    _print(measure(seconds, on_stage=_say), print_dexter, as_json)


@app.command("score-performer")
def score_performer(
    seconds: Annotated[float, typer.Option(min=4, help="How long to play in real time.")] = 60,
    model: Annotated[Path | None, typer.Option(metavar="FOLDER", help="[default: the one that ships]")] = None,
    as_json: JsonOption = False,
) -> None:
    """The cost of a note of ScorePerformer, over a long piece too, beside eager PyTorch, and how soon a control is heard."""
    from engine.bench.score_performer import measure
    from engine.bench.tables import print_score_performer

    _print(measure(model, seconds, on_stage=_say), print_score_performer, as_json)


@app.command("performance-rnn")
def performance_rnn(
    seconds: Annotated[float, typer.Option(min=2, help="How long to play a duet; up to a minute of it in this process too.")] = 60,
    model: Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="[default: the one that ships]")] = None,
    float_model: Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="The same in float32, to compare with.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The cost of an event of Performance RNN, how soon it hears, and whether a duet through JACK loses or leaves anything."""
    from engine.bench.performance_rnn import measure
    from engine.bench.tables import print_performance_rnn

    _print(measure(model, float_model, seconds, on_stage=_say), print_performance_rnn, as_json)


@app.command()
def sound(
    seconds: Annotated[float, typer.Option("--device-seconds", min=0, help="How long to play through JACK; 0 leaves it out.")] = 60,
    hour: Annotated[bool, typer.Option("--hour", help="An hour of sound, offline, for the memory that it takes.")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="The paper's network beside it: a gigabyte, in PyTorch.")] = False,
    model: Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="[default: the one that ships]")] = None,
    as_json: JsonOption = False,
) -> None:
    """What the neural synthesiser costs, how late it sounds, and whether it ever runs dry."""
    from engine.bench.performance_net import measure
    from engine.bench.tables import print_sound

    _print(measure(seconds, hour, paper, model, on_stage=_say), print_sound, as_json)


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """A progress bar on a terminal, drawn only when it is told of progress: a thread that draws would disturb what is measured."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, auto_refresh=False, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("playing", total=1.0)
        yield lambda share: progress.update(task, completed=share, refresh=True)


def _say(stage: str) -> None:
    if sys.stderr.isatty():
        print(f"measuring: {stage}", file=sys.stderr, flush=True)


def _print(report: Any, print_table: Callable[[Any], None], as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report), indent=2), flush=True)
    else:
        print_table(report)


def main() -> None:
    sys.exit(run(app, "perf-bench"))
