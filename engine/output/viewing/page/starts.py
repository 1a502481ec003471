"""What answers browsers while nothing plays: the start screen, which says what there is, takes files, and asks for a run to begin.

Messages to a page are JSON objects: ``start``, what can be chosen, ``parts``, those of a score or what is wrong with it, and empty ones
that say that somebody is there. From a page: ``look``, for the ports to be looked for again, ``parts`` with the name of a file, and
``begin`` with what was chosen, which is passed on.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.base.errors import PerfLiveError, one_line
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES, check_name, whole_file
from engine.output.endpoints import load_ports
from engine.output.viewing.page.address import Address
from engine.output.viewing.page.offered import find, parts_of
from engine.output.viewing.page.server import server

MOST_FILE_BYTES = 20_000_000
SUFFIXES = (*MIDI_SUFFIXES, *NOTATION_SUFFIXES)
PRESENCE_S = 1.0  # between two messages that say that somebody is there


class Starts:
    """The start screens that are open."""

    def __init__(self, offer: Mapping[str, Any], folder: str, api: str | None, tell: Callable[[Mapping[str, Any]], None]):
        """``offer`` is what can be chosen but for ports, of the driver ``api``; files go to ``folder``, where the last one stays."""
        self._offer, self._folder, self._api, self._tell = offer, Path(folder), api, tell

    async def talk(self, websocket: WebSocket) -> None:
        """Tell a page what there is, and pass on what it asks for, until it has gone."""
        await websocket.accept()
        presence = asyncio.create_task(self._be_there(websocket))
        try:
            await websocket.send_text(json.dumps({"start": self._offered()}))
            while True:
                asked = json.loads(await websocket.receive_text())
                if "begin" in asked:
                    self._tell({"begin": asked["begin"]})
                elif "parts" in asked:
                    await websocket.send_text(json.dumps({"parts": await asyncio.to_thread(self._parts, str(asked["parts"]))}))
                else:
                    await websocket.send_text(json.dumps({"start": self._offered()}))
        except (WebSocketDisconnect, ValueError, KeyError, TypeError):  # it has gone, or is no page
            pass
        finally:
            presence.cancel()
            with contextlib.suppress(RuntimeError):  # it is closed
                await websocket.close()

    async def _be_there(self, websocket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await asyncio.sleep(PRESENCE_S)
                await websocket.send_text("{}")

    def _offered(self) -> Mapping[str, Any]:
        files = [path.name for path in self._folder.iterdir() if not path.name.startswith(".")]
        return {**self._offer, **_ports(self._api), "files": files, "suffixes": SUFFIXES, "most_bytes": MOST_FILE_BYTES}

    def _parts(self, name: str) -> Mapping[str, Any]:
        """Return the parts of a score that was offered, or what is wrong."""
        path = find(name, self._folder)
        try:
            return {"file": name, "names": parts_of(path) if path else []}
        except Exception as error:  # whatever a file makes of a reader: whoever begins with it is told the same
            return {"file": name, "names": [], "error": one_line(error)}

    async def take(self, request: Request) -> JSONResponse:
        """Keep a file, in place of the one that was kept before."""
        name = request.path_params["name"]
        try:
            path = self._path(name)
            content = bytearray()
            async for part in request.stream():
                content += part
                if len(content) > MOST_FILE_BYTES:
                    raise PerfLiveError(f"{name!r} has more than {MOST_FILE_BYTES // 1_000_000} MB, which no score has; give another file")
            with whole_file(path) as temporary:
                temporary.write_bytes(content)
            for other in self._folder.iterdir():
                if other != path:
                    other.unlink()
        except PerfLiveError as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse({"name": name})

    def _path(self, name: str) -> Path:
        path = self._folder / name
        check_name(path)
        if path.parent != self._folder or name.startswith(".") or not name.isprintable():
            raise PerfLiveError(f"{name!r} is no name for a file; give it another")
        if path.suffix.lower() not in SUFFIXES:
            raise PerfLiveError(f"{name!r} is neither a score nor a MIDI file; allowed: {', '.join(SUFFIXES)}")
        return path


def start_server(starts: Starts, address: Address) -> uvicorn.Server:
    """Return what serves the start screen."""
    return server(address, WebSocketRoute("/socket", starts.talk), Route("/files/{name}", starts.take, methods=["POST"]))


def _ports(api: str | None) -> dict[str, Any]:
    """Return the ports that are there, or why none can be used."""
    try:
        module = load_ports()
        ports = module.list_ports(api)
    except PerfLiveError as error:
        return {"inputs": [], "outputs": [], "no_ports": str(error)}
    return {"inputs": module.shown_names(ports.inputs), "outputs": module.shown_names(ports.outputs), "no_ports": ""}
