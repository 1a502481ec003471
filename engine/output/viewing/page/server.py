"""What answers browsers: the packaged files, and for each page that is open a WebSocket, which shows the run and takes commands.

Messages to a page are JSON objects: ``description``, ``snapshot`` (the fields that have changed since the last one, and what has happened
since), ``curve`` (the beats of a score that have been played since, see ``curve.py``), ``answer`` (the line that was asked for, the line
that answers it, and whether it was done). A message from a page is a line as it would be typed.
"""

import asyncio
import functools
import secrets
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.output.viewing.page.address import Address
from engine.output.viewing.page.engravings import Engravings, as_number, serve_font
from engine.output.viewing.page.feed import Feed, View
from engine.output.viewing.page.players import Players
from engine.output.viewing.page.practising.reports import Reports
from engine.output.viewing.snapshot import INTERVAL_S

MOST_BYTES = 40_000  # of a line
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def run_server(feed: Feed, players: Players, address: Address, reading_s: float) -> uvicorn.Server:
    """Return what serves a run. A page that does not read for so many seconds is dropped."""
    pages = _Pages(feed, reading_s)
    reports = Reports(lambda: feed.description.get("score"), lambda: feed.heard)
    made = (Route("/engraving", Engravings(feed).serve), Route("/practice", reports.serve))
    font = Route("/score/{font}.woff2", serve_font)
    return server(address, WebSocketRoute("/socket", pages.talk), WebSocketRoute("/midi", players.talk), *made, font)


def server(address: Address, *own: BaseRoute) -> uvicorn.Server:
    """Return what serves the page, with routes of its own beside the packaged files."""
    routes = [Mount(f"/{address.token}", routes=[*own, Route("/{name:path}", _file)])]
    config = uvicorn.Config(
        Guard(Starlette(routes=routes), address),
        http="h11",
        ws="websockets-sansio",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,  # costs time, and nothing leaves this computer
        ws_ping_interval=None,  # a page that does not read is found by what it is shown
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


class Guard:
    """Lets those in that know the token, call this computer by its own name and come from no other site."""

    def __init__(self, app: ASGIApp, address: Address):
        self._app, self._token, self._hosts = app, address.token.encode(), address.hosts
        self._origins = [f"http://{host}" for host in address.hosts]
        sockets = " ".join(f"ws://{host}" for host in address.hosts)
        self._headers = {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
            f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"].endswith("response.start"):
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refused = self._refused(scope)
        app = self._app if refused is None else PlainTextResponse(refused, 403)
        await app(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> str | None:
        """Return why a request is refused, or None."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return "This is not the name that perf-live gave for this page."
        if origin not in self._origins and (origin is not None or scope["type"] == "websocket"):
            return "Another site asks for this page."
        if not secrets.compare_digest(scope["path"].partition("/")[2].partition("/")[0].encode("utf-8", "replace"), self._token):
            return "The address of this page is the one that perf-live printed when it began; each run has another."
        return None


async def _file(request: Request) -> Response:
    name = request.path_params["name"] or "index.html"
    known = _packaged()
    if name not in known:
        return PlainTextResponse("There is nothing of this name.", 404)
    content, kind = known[name]
    return Response(content, media_type=kind)


@functools.cache
def _packaged() -> Mapping[str, tuple[bytes, str]]:
    """Return the content and the kind of each file that a browser is given."""
    folder = Path(str(files(__package__) / "files"))
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), TYPES[path.suffix]) for path in paths}


class _Pages:
    """The pages that are open, each with a view of its own."""

    def __init__(self, feed: Feed, reading_s: float):
        self._feed, self._reading_s = feed, reading_s

    async def talk(self, websocket: WebSocket) -> None:
        """Show the run to a page, and ask for what it asks for, until either has gone."""
        since = as_number(websocket.query_params.get("since", ""))  # the last snapshot that the page had before it was cut off
        view = self._feed.open(since)
        await websocket.accept()
        hearing = asyncio.create_task(self._hear(websocket, view))
        try:
            while not hearing.done():
                for message in view.look():
                    async with asyncio.timeout(self._reading_s):
                        await websocket.send_text(message)
                await asyncio.sleep(INTERVAL_S)
        except (TimeoutError, WebSocketDisconnect):
            pass
        finally:
            hearing.cancel()
            self._feed.close(view)

    async def _hear(self, websocket: WebSocket, view: View) -> None:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            if isinstance(message.get("text"), str):
                self._feed.ask(view, message["text"])
