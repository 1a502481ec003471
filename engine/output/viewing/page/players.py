"""The pages that play: each has a WebSocket for MIDI, over which it hears what goes out and sends what is played on it.

Messages are JSON objects. To a page: ``midi``, pairs of a due time in nanoseconds and a message in hexadecimal, and ``pong``, which answers
its ``ping`` with the engine's time, so that it can tell when a due time is by its own clock. From a page: ``midi``, one message, and
``ping``.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.midi.events import SYSTEM_EXCLUSIVE, is_whole
from engine.midi.ledger import NoteLedger

MOST_UNSENT = 1000  # messages to a page that does not read


class Players:
    """What goes out and comes in by pages. ``take`` is called by one thread, ``talk`` by the server's."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]):
        """``tell`` tells the run what is played."""
        self._tell = tell
        self._players: set[_Player] = set()

    def take(self, message: Mapping[str, Any]) -> None:
        """Let every page hear what goes out."""
        text = json.dumps(message, separators=(",", ":"))
        for player in tuple(self._players):
            player.hear(text)

    async def talk(self, websocket: WebSocket) -> None:
        """Let a page play and hear until it has gone; what it still holds then is released."""
        await websocket.accept()
        player, held = _Player(asyncio.get_running_loop()), NoteLedger()
        self._players.add(player)
        sending = asyncio.create_task(player.send(websocket))
        try:
            while not sending.done():
                self._hear(json.loads(await websocket.receive_text()), player, held)
        except (WebSocketDisconnect, ValueError, KeyError, TypeError):  # it has gone, or is no page
            pass
        finally:
            self._players.remove(player)
            sending.cancel()
            for event in held.release_all():
                self._tell({"midi": event.message.hex()})
            with contextlib.suppress(RuntimeError):  # it is closed
                await websocket.close()

    def _hear(self, told: Mapping[str, Any], player: "_Player", held: NoteLedger) -> None:
        if "ping" in told:
            player.unsent.put_nowait(json.dumps({"pong": told["ping"], "time_ns": time.monotonic_ns()}))
            return
        message = bytes.fromhex(told["midi"])
        if is_whole(message) and message[0] != SYSTEM_EXCLUSIVE:
            self._tell({"midi": message.hex()})
            held.observe(message)


class _Player:
    """What is yet to be sent to a page."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self.unsent: asyncio.Queue[str] = asyncio.Queue(MOST_UNSENT)

    def hear(self, text: str) -> None:
        """Send a text. From any thread."""
        with contextlib.suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._put, text)

    def _put(self, text: str) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.unsent.put_nowait(text)

    async def send(self, websocket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await websocket.send_text(await self.unsent.get())
