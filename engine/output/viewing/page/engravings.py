"""The engraved score for the pages that ask for it: a program of its own draws it (engine/output/engraving), once for each width."""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from engine.output.engraving.font import font
from engine.output.viewing.page.feed import Feed

WIDTHS = (320, 400, 500, 640, 800, 1000, 1280, 1600, 2000)  # pixels; the page draws the next smaller one larger
KEPT = 4  # engravings
MOST_DIGITS = 15
LONG_BARS = 60  # a score of more of them takes a while
FONTS = {"Leipzig": ("Leipzig", 0), **{f"Liberation-{shape + 1}": ("Liberation", shape) for shape in range(4)}}
FAILED = json.dumps({"error": "the program that engraves has failed"}).encode()


def as_number(asked: str) -> int | None:
    """Return a whole number that a page gives, None for anything else."""
    return int(asked) if asked.isdecimal() and len(asked) <= MOST_DIGITS else None


async def serve_font(request: Request) -> Response:
    """Return one of verovio's fonts."""
    asked = request.path_params["font"]
    if asked not in FONTS:
        return PlainTextResponse("There is no such font.", 404)
    return Response(font(*FONTS[asked]), media_type="font/woff2")


class Engravings:
    """Engravings of the score that is being played."""

    def __init__(self, feed: Feed):
        self._feed = feed
        self._kept: dict[str, bytes] = {}  # by what was asked for, the oldest first
        self._one_at_a_time = asyncio.Lock()

    async def serve(self, request: Request) -> Response:
        """Return the engraving for a width: what ``engine.output.engraving.engraving.engrave`` returns, or ``error``; of a long score the
        beginning, where that is asked for.
        """
        asked, score = as_number(request.query_params.get("width", "")), self._feed.description.get("score")
        if not score or asked is None:
            return PlainTextResponse("No score is played, or the width is no number.", 404)
        width = max((each for each in WIDTHS if each <= asked), default=WIDTHS[0])
        bars = [bar["number"] for bar in self._feed.description["bars"]]
        beginning = "beginning" in request.query_params and len(bars) > LONG_BARS
        engraved = await self._engraved({**score, "width": width, "bars": bars, "beginning": beginning})
        return Response(engraved, media_type="application/json")

    async def _engraved(self, wanted: Mapping[str, Any]) -> bytes:
        key = json.dumps(wanted)
        async with self._one_at_a_time:
            if key not in self._kept:
                self._kept[key] = await _engrave(key.encode())
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
            return self._kept[key]


async def _engrave(request: bytes) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.output.engraving"), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        engraved, _ = await process.communicate(request)
    finally:  # nobody waits for it any more
        if process.returncode is None:
            process.kill()
    return engraved or FAILED
