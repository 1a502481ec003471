"""``perf-bench``: speed figures, as tables or as JSON. How each is measured stands in ``engine.bench``."""

import json
import sys
from dataclasses import asdict
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from engine.base.command_line import HELP, commands_on_demand, run_and_exit
from engine.bench.measuring.benchmark import Benchmark
from engine.systems import parts

RELIABILITY = ("faults", "fuzz", "lateness", "panic", "reconnect", "soak", "viewing")
OF_NO_SYSTEM = {"live": "engine.bench.live:BENCHMARK"}
OF_NO_SYSTEM |= {name: f"engine.bench.reliability.{name}:BENCHMARK" for name in RELIABILITY}
OF_NO_SYSTEM |= {name: f"engine.bench.{name}.{name}:BENCHMARK" for name in ("clock", "periods")}
RENDERING = ("broken", "catalogue", "kills", "reading", "render")
OF_NO_SYSTEM |= {name: f"engine.bench.rendering.{name}:BENCHMARK" for name in RENDERING}
OF_NO_SYSTEM |= {
    "compare": "engine.bench.commits.compare:BENCHMARK",
    "conducting": "engine.bench.clock.conducting:BENCHMARK",
    "duo": "engine.bench.reliability.accompanying.duo:BENCHMARK",
    "page-memory": "engine.bench.reliability.page.memory:BENCHMARK",
    "render-memory": "engine.bench.rendering.render_memory:BENCHMARK",
}
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; times are milliseconds (_ms) or seconds (_s).")]


def _commands() -> dict[str, str]:
    """Return where each benchmark is, by the name of its command: those of the systems, and of what is of no system."""
    return OF_NO_SYSTEM | parts("bench")


def _command(name: str, benchmark: Benchmark) -> Any:
    """Return the command line of a benchmark, as Typer makes it: what its ``measure`` can be asked, and how to print the report."""

    def command(as_json: bool, **asked: Any) -> None:
        report = benchmark.measure(**asked, on_stage=lambda stage: _say(f"measuring: {stage} "))
        _say("")
        if as_json:
            print(json.dumps(asdict(report), indent=2), flush=True)
        else:
            benchmark.print_table(report)

    options = [each for each in signature(benchmark.measure).parameters.values() if hasattr(each.annotation, "__metadata__")]
    options.append(Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption))
    command.__signature__ = Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in options}
    alone = typer.Typer(add_completion=False, context_settings=HELP)
    alone.command(name, help=benchmark.summary)(command)
    return typer.main.get_command(alone)


EXAMPLES = ("perf-bench live --seconds 60", "perf-bench velocity", "perf-bench dexter --seconds 30 --json")
app = commands_on_demand("Speed figures. Measure on a machine that does nothing else.", _commands, _command, *EXAMPLES)


def _say(text: str) -> None:
    """Write over the line on a terminal. Benchmarks call it where nothing is measured."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    run_and_exit(app, "perf-bench")
