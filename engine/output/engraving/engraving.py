"""A score engraved for a width, and where the music that is played stands in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from engine.base.errors import PerfLiveError
from engine.base.limited_process import LimitedProcess, ProcessFailed
from engine.output.engraving.printed import hear, open_printed
from engine.output.engraving.safe_drawing import PREFIX, SVG, made_safe
from engine.score.notation.verovio_measures import MOST_BYTES, PrintedMeasure
from engine.score.notation.verovio_scores import Places, play_order

SCALE = 40  # per cent: five lines are 29 pixels high
PAGE_HEIGHT = 2000  # pixels: pages are drawn when they come near, and one is drawn quickly
BEGINNING = 24  # bars
MOST_HEIGHT = 60_000  # of verovio's units
LONGEST_S, LONGEST_S_A_MEGABYTE = 30.0, 30.0  # of processor time
OPTIONS = {
    "scale": SCALE,
    "adjustPageHeight": True,
    "breaks": "auto",
    "footer": "none",
    "spacingSystem": 8,  # room for marks
    "mdivAll": True,
    "xmlIdSeed": 1,  # as where notes are read, so that ids are the same
    "svgViewBox": True,
    "svgRemoveXlink": True,
    "svgFormatRaw": True,
    "smuflTextFont": "none",
}


@dataclass(frozen=True)
class Request:
    """What is to be engraved: a file, for how many pixels of width, and which bars of it are played, by their numbers, in order.

    ``beginning``: only the first bars, where they can be told from the rest before all is read.
    """

    path: str
    width: int
    bars: Sequence[int]
    repeats: str = "play"
    beginning: bool = False


def engrave(request: Request) -> dict[str, Any]:
    """Return ``pages`` (``width`` and ``height`` in pixels, the ``svg``, the ids of its ``measures``), for each printed measure its
    ``notes`` (id, from and to which quarter of the measure they sound), and of which measure each of the ``bars`` is, from 0; of a
    beginning up to the first bar that is not there. ``whole``: it is no beginning.

    Raises PerfLiveError for a score that verovio does not engrave.
    """
    printed = open_printed(Path(request.path), BEGINNING if request.beginning else None)
    laying_out = _lay_out(printed.whole, request.width)
    heard = hear(printed)  # beside it: both take as long
    pages = [_page(page) for page in _pages(laying_out)]
    measures = heard.measures
    drawn = sum(len(page["measures"]) for page in pages)
    if drawn != len(measures):
        raise PerfLiveError(f"verovio draws {drawn} of its {len(measures)} bars")
    numbers = [measure.number for measure in measures]
    bars = request.bars if printed.complete else list(takewhile(set(numbers).__contains__, request.bars))
    return {
        "whole": printed.complete,
        "pages": pages,
        "notes": [_notes(measure) for measure in measures],
        "bars": printed_bars(bars, play_order(heard, request.repeats), numbers),
    }


def printed_bars(played: Sequence[int], places: Places, numbers: Sequence[int]) -> list[int]:
    """Return which printed measure each bar is that is ``played``, by their ``numbers``.

    ``places`` are the measures that verovio plays. Where those are more or fewer, it is the next one of the same number.
    """
    if len(places) == len(played):
        return [index for index, _ in places]
    found, here = [], -1
    for number in played:
        same = [index for index, other in enumerate(numbers) if other == number]
        here = next((index for index in same if index > here), same[0] if same else max(here, 0))
        found.append(here)
    return found


def _lay_out(document: str, width: int) -> LimitedProcess:
    """Let verovio begin to draw a document."""
    options = {**OPTIONS, "pageWidth": width * 100 // SCALE, "pageHeight": min(PAGE_HEIGHT * 100 // SCALE, MOST_HEIGHT)}
    most_s = LONGEST_S + LONGEST_S_A_MEGABYTE * len(document) / 1e6
    program = Path(__file__).with_name("layout_process.py")
    return LimitedProcess(program, json.dumps([document, options]).encode(), MOST_BYTES, most_s)


def _pages(process: LimitedProcess) -> list[str]:
    """Return the pages in SVG. Raises PerfLiveError."""
    try:
        pages: list[str] = json.loads(process.output())
    except ProcessFailed as failed:
        raise PerfLiveError(f"verovio cannot engrave it ({failed})") from None
    finally:
        process.close()
    return pages


def _page(drawn: str) -> dict[str, Any]:
    from lxml import etree

    root = made_safe(drawn)
    _, _, width, height = map(float, root.get("viewBox").split())
    measures = [each.get("id") for each in root.iter(f"{SVG}g") if each.get("class", "").split()[:1] == ["measure"]]
    return {"width": width, "height": height, "svg": etree.tostring(root, encoding="unicode"), "measures": measures}


def _notes(measure: PrintedMeasure) -> list[tuple[str, float, float]]:
    return [(PREFIX + note.printed, float(note.onset), float(note.onset + note.duration)) for note in measure.notes if not note.is_grace]
