"""Serve the page: ``python -m engine.output.viewing.page``. Lines of JSON come in and go out (see ``program``).

It ends when its input does, whatever has ended the run.
"""

import base64
import json
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

from engine.output.viewing.page.address import Address
from engine.output.viewing.page.feed import Feed
from engine.output.viewing.page.players import Players
from engine.output.viewing.page.server import run_server
from engine.output.viewing.page.starts import Starts, start_server
from engine.runtime.real_time import prompt_threads


def main() -> None:
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    begin = json.loads(sys.stdin.readline())["begin"]
    endpoint = _received(begin["socket"])
    address = Address(endpoint, begin["token"])
    feed, players = Feed(_tell), Players(_tell)
    if "start" in begin:
        serving = start_server(Starts(**begin["start"], tell=_tell), address)
    else:
        serving = run_server(feed, players, address, begin["reading_s"])

    def hear() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            players.take(message) if "midi" in message else feed.take(message)
        serving.should_exit = True

    threading.Thread(target=hear, daemon=True).start()
    with prompt_threads():  # what goes out is to be heard at once
        serving.run([endpoint])


def _received(shared: int | str) -> socket.socket:
    """Return the socket that was handed over: by its number, or on Windows by what describes it."""
    if isinstance(shared, int):
        return socket.socket(fileno=shared)
    return getattr(socket, "fromshare")(base64.b64decode(shared))  # noqa: B009


def _tell(told: Mapping[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
