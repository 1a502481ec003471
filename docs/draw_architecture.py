"""Draw the pictures of architecture.md: ``python docs/draw_architecture.py``. It writes rooms.png and way_of_a_note.png beside itself."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

HERE = Path(__file__).parent
INK, GREY, PAPER = "#1f2328", "#6b7280", "#ffffff"
BLUE, GREEN, RED, SAND = "#dce9f7", "#dff0e1", "#fbe3de", "#f6efdc"
EDGE = "#9aa4b2"
DPI = 130

# From above: a room may import from those below it, never from one above. Each is a folder of engine/, but for session.py.
LAYERS = (
    ("commands, bench", "options, help, lists; what is measured of speed"),
    ("session", "a run put together: performer, source, sinks, clock"),
    ("output", "MIDI files, pictures, what viewers are shown"),
    ("sound", "FluidSynth, neural sound, sound card, WAV"),
    ("runtime", "loop, scheduler, sender, recorder, steering, duo"),
    ("performers", "one folder a system, and what they share"),
    ("score", "MusicXML, MEI, Humdrum, MIDI; markings, tempo"),
    ("onnx", "a model, and the contract in its metadata"),
    ("midi", "events, files, tempo maps, ports, ledger"),
    ("systems", "one light manifest for each system"),
    ("base", "clock, errors, files, configuration"),
)
SYSTEMS = ("velocity", "performance_rnn", "dexter", "score_performer", "performance_net")


def box(axes: Any, left: float, bottom: float, width: float, height: float, colour: str) -> None:
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle=style, facecolor=colour, edgecolor=EDGE, linewidth=1))


def room(axes: Any, left: float, bottom: float, width: float, height: float, colour: str, name: str, text: str = "") -> None:
    """Draw a box with a name in bold and what is in it below."""
    box(axes, left, bottom, width, height, colour)
    middle = left + width / 2
    lines = text.count("\n") + 1 if text else 0
    top = bottom + height / 2 + 0.11 * lines
    axes.text(middle, top, name, ha="center", va="center", fontsize=11, fontweight="bold", color=INK)
    axes.text(middle, top - 0.17, text, ha="center", va="top", fontsize=9, color=INK, linespacing=1.3)


def arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], label: str = "", bend: float = 0.0, **place: float) -> None:
    """Draw an arrow; ``place`` is where its label is, ``x`` and ``y``: in its middle, if not given."""
    connection = f"arc3,rad={bend}"
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, color=GREY, linewidth=1.4, connectionstyle=connection))
    if label:
        x, y = place.get("x", (start[0] + end[0]) / 2), place.get("y", (start[1] + end[1]) / 2)
        axes.text(x, y, label, ha="center", va="center", fontsize=8.5, color=GREY, style="italic", linespacing=1.25)


def page(width: float, height: float, title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    axes.text(0.3, height - 0.3, title, fontsize=14, color=INK, va="center", fontweight="bold")
    return figure, axes


def draw_rooms() -> Figure:
    """The folders and which of them may import which."""
    step, height = 0.62, 0.5
    figure, axes = page(12, 8.3, "The rooms, and who may import whom: downwards only")
    bottom = 0.4
    box(axes, 0.3, bottom - 0.12, 6.2, step * len(LAYERS) + 0.46, "#f7f9fc")
    axes.text(0.5, bottom + step * len(LAYERS) + 0.13, "engine/", fontsize=11, fontweight="bold", color=GREY, va="center")
    aside = {"fontsize": 9, "color": GREY, "va": "center"}
    axes.text(6.3, bottom + step * len(LAYERS) + 0.13, "runs on NumPy and ONNX Runtime alone", ha="right", **aside)
    places = {}
    for index, (name, text) in enumerate(reversed(LAYERS)):
        y = bottom + index * step
        box(axes, 0.5, y, 5.8, height, BLUE)
        axes.text(0.68, y + height / 2, name, fontsize=11, fontweight="bold", color=INK, va="center")
        axes.text(2.5, y + height / 2, text, fontsize=9, color=INK, va="center")
        places[name] = y + height / 2
    arrow(axes, (0.17, places["commands, bench"]), (0.17, places["base"]))

    room(axes, 8.3, 5.65, 1.6, 1.1, RED, "training/", "PyTorch: data,\nnetworks, fits")
    room(axes, 10.1, 5.65, 1.6, 1.1, RED, "export/", "the only writer\nof ONNX files")
    arrow(axes, (8.3, 6.35), (6.5, places["session"]), "render through\nthe session", x=7.4, y=6.62)
    arrow(axes, (10.1, 6.2), (9.9, 6.2))

    box(axes, 8.3, 0.9, 3.4, 3.6, GREEN)
    axes.text(10, 4.22, "models/", ha="center", fontsize=11, fontweight="bold", color=INK, va="center")
    axes.text(10, 3.95, "representation, network, sampling", ha="center", fontsize=9, color=INK, va="center")
    box(axes, 8.5, 3.2, 1.55, 0.5, PAPER)
    box(axes, 10.15, 3.2, 1.35, 0.5, PAPER)
    axes.text(9.275, 3.45, "performance", ha="center", va="center", fontsize=9, color=INK)
    axes.text(10.825, 3.45, "layers", ha="center", va="center", fontsize=9, color=INK)
    for index, name in enumerate(SYSTEMS):
        axes.text(8.6, 2.92 - 0.27 * index, name, fontsize=9, color=INK, va="center", family="monospace")
    box(axes, 8.5, 1.05, 3.0, 0.5, PAPER)
    axes.text(10, 1.3, "pretrained: ONNX files and cards", ha="center", va="center", fontsize=9, color=INK)
    arrow(axes, (6.5, places["performers"]), (8.3, 3.45), "representations,\nNumPy only", x=7.4, y=3.95)
    arrow(axes, (9.1, 5.65), (9.1, 4.5))
    arrow(axes, (10.9, 5.65), (10.9, 4.5))
    arrow(axes, (8.3, 1.3), (6.5, places["onnx"]), "files are read", x=7.25, y=1.62)

    axes.text(10, 0.45, "configs/: what is trained    tests/, docs/: the same rooms", ha="center", **aside)
    return figure


def draw_way() -> Figure:
    """What becomes of a note, from where it is played to where it is heard."""
    figure, axes = page(12, 5.4, "The way of a note")
    y, height = 3.0, 1.25
    room(axes, 0.3, y, 1.55, height, SAND, "keyboard, DAW", "or a MIDI file")
    room(axes, 2.35, y, 1.75, height, BLUE, "source", "stamps it:\nnanoseconds of\na monotonic clock")
    room(axes, 4.6, y, 1.6, height, BLUE, "loop", "knows deadlines;\nfeeds, never waits")
    room(axes, 6.7, y, 1.75, height, GREEN, "stream", "of a performer:\nthis note, how loud,\nwhen, how long")
    room(axes, 8.95, y, 1.5, height, BLUE, "scheduler", "a queue by\ndue time; ledger")
    for start, end in ((1.85, 2.35), (4.1, 4.6), (6.2, 6.7), (8.45, 8.95)):
        arrow(axes, (start, y + height / 2), (end, y + height / 2))
    arrow(axes, (5.4, y + height), (9.7, y + height), "what is not a note, and channels left alone: untouched, in order", bend=-0.18, y=4.8)

    for index, text in enumerate(("MIDI port", "sound card, WAV", "file, picture", "recording")):
        box(axes, 10.75, 4.2 - 0.5 * index, 1.1, 0.4, SAND)
        axes.text(11.3, 4.4 - 0.5 * index, text, ha="center", va="center", fontsize=8, color=INK)
        arrow(axes, (10.45, y + height / 2), (10.75, 4.4 - 0.5 * index))

    work = "a thread of its own asks\nONNX Runtime for the next\nwindow, ahead of its time"
    room(axes, 6.45, 0.55, 2.25, 1.3, GREEN, "window worker", work)
    arrow(axes, (7.4, y), (7.4, 1.85))
    late = "a late window is not waited for:\nfewer steps, then the last\nexpression, then as written"
    arrow(axes, (7.75, 1.85), (7.75, y), late, x=9.15, y=2.42)
    room(axes, 0.3, 0.55, 1.55, 1.3, SAND, "score", "MusicXML, MEI,\nHumdrum, MIDI")
    room(axes, 2.35, 0.55, 1.75, 1.3, BLUE, "score tables", "notes, markings,\ntempo, bars in\nquarters; a Piece")
    room(axes, 4.6, 0.55, 1.4, 1.3, BLUE, "features", "what networks\nread of a note")
    for start, end in ((1.85, 2.35), (4.1, 4.6), (6.0, 6.45)):
        arrow(axes, (start, 1.2), (end, 1.2))
    offline = "Offline a virtual clock drives the same code:\nthe file equals what is sent live."
    axes.text(9.15, 0.95, offline, fontsize=9, color=GREY, va="center")
    return figure


def main() -> None:
    for name, figure in (("rooms.png", draw_rooms()), ("way_of_a_note.png", draw_way())):
        figure.savefig(HERE / name, metadata={"Software": None})
        print(HERE / name)


if __name__ == "__main__":
    main()
