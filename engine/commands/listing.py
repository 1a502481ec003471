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
NAMED, CONTROLS = ("kind", "name", "what it is"), ("control", "range", "default", "what it does")


class Section(StrEnum):
    PORTS = "ports"
    PERFORMERS = "performers"
    CONTROLS = "controls"


def print_list(listed: Section | None, api: str | None) -> None:
    """Print everything that can be named on the command line, or one kind of it. What is missing here is a row that says so."""
    sections = {
        Section.PORTS: lambda: _print("MIDI ports and audio devices", NAMED, [*port_rows(api), *audio_rows()]),
        Section.PERFORMERS: lambda: _print("Performers (their controls: --list controls)", NAMED, list(performer_rows())),
        Section.CONTROLS: _print_controls,
    }
    for each in [listed] if listed else (Section.PORTS, Section.PERFORMERS):
        sections[each]()


def _print_controls() -> None:
    """Print a table for each performer, so that the columns have room on a terminal; in a pipe each line names its performer."""
    for name in performers():
        if rows := list(control_rows(name)):
            _print(f"{name}: for --set, --cc and presets", CONTROLS, rows, (name,))


def _print(title: str, columns: Row, rows: list[Row], beginning: Row = ()) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join((*beginning, *row)).rstrip())
        return
    table = Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def port_rows(api: str | None) -> Iterator[Row]:
    try:
        module = load_ports()
        ports = module.list_ports(api)
    except UsageError:
        raise
    except PerfLiveError as error:
        yield ("MIDI", "none", str(error))
        return
    for kind, names in (("input", ports.inputs), ("output", ports.outputs)):
        for name in module.shown_names(names) or ["none"]:
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


def control_rows(performer: str) -> Iterator[Row]:
    for control in known_controls(performer):
        yield (control.name, control.describe_range(), control.describe_default(), control.help)
