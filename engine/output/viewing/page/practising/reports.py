"""Reports of what was practised, for the pages that ask for one. A program of its own makes each: the music does not wait for it."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from engine.output.viewing.page.practising.heard import Heard

MOST_S = 120.0
FAILED = json.dumps({"error": "the program that compares what was played with the score has failed"}).encode()
NOTHING = json.dumps({"bars": []}).encode()


class Reports:
    """Reports of one run."""

    def __init__(self, score: Callable[[], Mapping[str, Any] | None], heard: Callable[[], Heard]):
        """``score`` says which file is played, as ``snapshot.ScoreFile``, ``heard`` what of it was."""
        self._score, self._heard = score, heard
        self._one_at_a_time = asyncio.Lock()
        self._made: tuple[bytes, bytes] = b"", b""  # what was asked for last, and its report: every page asks for it

    async def serve(self, request: Request) -> Response:
        """Return a report: what ``practising.__main__`` returns."""
        score = self._score()
        if not score:
            return PlainTextResponse("No score is played.", 404)
        async with self._one_at_a_time:
            told = self._heard().told()
            if told["part"] is None or not told["strokes"]:
                return Response(NOTHING, media_type="application/json")
            asked = json.dumps({**score, **told, "strokes": list(told["strokes"])}).encode()
            if asked != self._made[0] or self._made[1] == FAILED:
                self._made = asked, await _compare(asked)
            return Response(self._made[1], media_type="application/json")


async def _compare(asked: bytes) -> bytes:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*(sys.executable, "-m", __package__), stdin=pipe, stdout=pipe, stderr=nothing)
    try:
        async with asyncio.timeout(MOST_S):
            report, _ = await process.communicate(asked)
    except TimeoutError:
        return FAILED
    finally:  # nobody waits for it any more
        if process.returncode is None:
            process.kill()
    return report or FAILED
