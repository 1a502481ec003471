"""Where the page is: on this computer only, under an address that nobody can guess."""

import base64
import os
import secrets
import socket
import subprocess
from dataclasses import dataclass, field
from typing import Any

from engine.base.errors import PerfLiveError, UsageError

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")  # what a browser may call this computer; any other name was made to lead here (DNS rebinding)
DEFAULT_PORT = 8320
TOKEN_BYTES = 24
UNREAD_BYTES = 65_536  # that the system keeps for a page which does not read, so that it is soon found


def check_available() -> None:
    """Raise UsageError where what serves the page is missing."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError:
        raise UsageError("--page needs starlette, uvicorn and websockets; install them with pip install 'perf-live[page]'") from None


@dataclass(frozen=True)
class Address:
    """A socket that listens, and the secret without which it answers nobody."""

    endpoint: socket.socket
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES), repr=False)

    @property
    def port(self) -> int:
        return int(self.endpoint.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/{self.token}/"

    def passed(self) -> dict[str, Any]:
        """Return how a program is started that is to have the socket, and that Ctrl-C is not to reach."""
        return {"pass_fds": [self.endpoint.fileno()], "start_new_session": True} if os.name == "posix" else {}

    def shared_with(self, program: "subprocess.Popen[str]") -> int | str:
        """Return what such a program knows the socket by: its number, or on Windows what describes it."""
        if os.name == "posix":
            return self.endpoint.fileno()
        return base64.b64encode(getattr(self.endpoint, "share")(program.pid)).decode()  # noqa: B009

    @property
    def hosts(self) -> list[str]:
        """What a browser that was given this address may call it."""
        return [f"{name}:{self.port}" for name in NAMES]


def bind(port: int = DEFAULT_PORT) -> Address:
    """Return the address of a page at a port of this computer, 0 for any that is free. Raises PerfLiveError when it is taken."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # where it means that the port of a run which has just ended is free
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)  # of the connections to it as well
    try:
        endpoint.bind((HOST, port))
        endpoint.listen()
    except OSError as error:
        endpoint.close()
        hint = "close the program that uses this port, or choose another with --page-port"
        raise PerfLiveError(f"--page: port {port}: {error.strerror or error}; {hint}") from error
    return Address(endpoint)
