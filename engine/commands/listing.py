"""``perf-live --list``: ports, audio devices, performers with their controls. Tables on a terminal, tab-separated lines in a pipe."""

from collections.abc import Iterator

from engine.base.errors import PerfLiveError, UsageError
from engine.commands.endpoints import load_ports
from engine.performers.protocol import ScorePerformer
from engine.performers.registry import LOADERS, load_performer

COLUMNS = ("kind", "name", "range", "default", "what it is")
Row = tuple[str, ...]


def print_list(api: str | None) -> None:
    """Print everything that can be named on the command line. What is missing here (no driver, no model) is a row that says so."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    sections = (("MIDI ports", port_rows(api)), ("Audio devices", audio_rows()), ("Performers and controls", performer_rows()))
    for title, rows in sections:
        table = Table(*COLUMNS, title=title, title_justify="left", title_style="bold")
        for row in rows:
            if console.is_terminal:
                table.add_row(*map(escape, row))
            else:
                print("\t".join(row).rstrip())
        if console.is_terminal:
            console.print(table)


def port_rows(api: str | None) -> Iterator[Row]:
    try:
        ports = load_ports().list_ports(api)
    except UsageError:
        raise
    except PerfLiveError as error:
        yield ("MIDI", "none", "", "", str(error))
        return
    for kind, names in (("input", ports.inputs), ("output", ports.outputs)):
        for name in names or ["none"]:
            yield (kind, name, "", "", ports.api)


def audio_rows() -> Iterator[Row]:
    try:
        from engine.sound.audio import list_audio_devices

        names = list_audio_devices()
    except PerfLiveError as error:
        yield ("audio", "none", "", "", str(error))
        return
    for number, name in enumerate(names or ["none"]):
        yield ("audio", name, "", "", "--out audio plays here" if names and number == 0 else "")


def performer_rows() -> Iterator[Row]:
    for name in LOADERS:
        try:
            performer = load_performer(name)
        except PerfLiveError as error:
            yield ("performer", name, "", "", f"cannot be used: {error}")
            continue
        looks_ahead = f"looks {performer.latency_ns / 1e9:g} s ahead" if performer.latency_ns else "sends at once"
        yield ("performer", name, "", "", "plays scores" if isinstance(performer, ScorePerformer) else looks_ahead)
        for control in performer.controls:
            default = control.choices[int(control.default)] if control.choices else f"{control.default:g}"
            yield ("control", control.name, control.describe_range(), default, control.help)
