"""``perf-live --list``: ports, audio devices, performers, and with ``controls`` their controls.

Tables on a terminal, tab-separated lines in a pipe.
"""

from collections.abc import Iterator
from enum import StrEnum

from engine.base.errors import PerfLiveError, UsageError
from engine.output.endpoints import load_ports
from engine.performers.registry import known_controls
from engine.systems import performers

Row = tuple[str, ...]
NAMED, CONTROLS = ("kind", "name", "what it is"), ("performer", "control", "range", "default", "what it does")


class Listed(StrEnum):
    PORTS = "ports"
    PERFORMERS = "performers"
    CONTROLS = "controls"


def print_list(listed: Listed | None, api: str | None) -> None:
    """Print everything that can be named on the command line, or one kind of it. What is missing here is a row that says so."""
    sections = {
        Listed.PORTS: lambda: _print("MIDI ports and audio devices", NAMED, [*port_rows(api), *audio_rows()]),
        Listed.PERFORMERS: lambda: _print("Performers (their controls: --list controls)", NAMED, list(performer_rows())),
        Listed.CONTROLS: lambda: _print("Controls, for --set, --cc and presets", CONTROLS, list(control_rows())),
    }
    for each in [listed] if listed else (Listed.PORTS, Listed.PERFORMERS):
        sections[each]()


def _print(title: str, columns: Row, rows: list[Row]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(row).rstrip())
        return
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def port_rows(api: str | None) -> Iterator[Row]:
    try:
        ports = load_ports().list_ports(api)
    except UsageError:
        raise
    except PerfLiveError as error:
        yield ("MIDI", "none", str(error))
        return
    for kind, names in (("input", ports.inputs), ("output", ports.outputs)):
        for name in names or ["none"]:
            yield (kind, name, ports.api)


def audio_rows() -> Iterator[Row]:
    try:
        from engine.sound.audio import list_audio_devices

        names = list_audio_devices()
    except PerfLiveError as error:
        yield ("audio", "none", str(error))
        return
    for number, name in enumerate(names or ["none"]):
        yield ("audio", name, "--out audio plays here" if names and number == 0 else "")


def performer_rows() -> Iterator[Row]:
    for name, system in performers().items():
        yield ("performer", name, system.summary)


def control_rows() -> Iterator[Row]:
    for name in performers():
        for control in known_controls(name):
            default = control.choices[int(control.default)] if control.choices else f"{control.default:g}"
            yield (name, control.name, control.describe_range(), default, control.help)
