"""How a live run is looked at: on a page in a browser (``--page``), on a whole terminal (``--show``), or by a line at its foot."""

import os
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from engine.base.errors import UsageError
from engine.base.saying import print_line
from engine.commands.device_options import DeviceOptions
from engine.output.viewing.page.address import DEFAULT_PORT, Address, bind, check_available
from engine.output.viewing.status_line import has_line, status_line

if TYPE_CHECKING:
    from engine.output.endpoints import Endpoints, Opened
    from engine.session import Session


def check_show(show: bool, all_files: bool) -> None:
    """Raise UsageError where there is nothing to be shown, or nowhere."""
    if show and all_files:
        raise UsageError("--show shows a live run, and both ends are files here; leave it out")
    if show and not has_line(sys.stdin, sys.stdout):
        raise UsageError("--show needs a terminal for what is typed and what is shown, on Linux or macOS; leave it out")


def check_page(devices: DeviceOptions, ends: "Endpoints") -> None:
    """Raise UsageError where there can be no page."""
    if not devices.page:
        if ends.on_page:
            raise UsageError("page is an end on the page in your browser; give --page as well, or another port")
        if devices.page_port or devices.no_browser:
            raise UsageError("--page-port and --no-browser are for the page; give --page as well, or leave them out")
    elif ends.all_files:
        raise UsageError("--page shows a live run, and both ends are files here; leave it out")
    else:
        check_available()


@contextmanager
def page_address(devices: DeviceOptions) -> Iterator[Address | None]:
    """Hold the address of the page, if there is to be one, while the block runs. Raises PerfLiveError when its port is taken."""
    if not devices.page:
        yield None
        return
    address = bind(devices.page_port or DEFAULT_PORT)
    with address.endpoint:
        yield address


def announce(page: Address, devices: DeviceOptions) -> None:
    """Say where the page is, and open it in the browser."""
    print_line(f"page: {page.url}", sys.stdout)
    if _has_screen() and not devices.no_browser:
        threading.Thread(target=webbrowser.open, args=(page.url,), name="browser", daemon=True).start()


@contextmanager
def viewed(session: "Session", opened: "Opened", devices: DeviceOptions, page: Address | None) -> Iterator[None]:
    """Let the run be seen while the block runs; ``page`` is where, if it is to be seen there."""
    has_status = not devices.show and has_line(sys.stdout, sys.stderr)
    if not (page or devices.show or has_status):
        yield
        return
    from engine.output.viewing.channel import Channel

    channel = Channel(session.rig, opened, session.performance)
    with ExitStack() as stack:
        stack.enter_context(channel.opened())
        if page:
            from engine.output.viewing.page.program import served

            stack.enter_context(served(channel, session.steering, page, opened.page))
        if devices.show:
            from engine.output.viewing.terminal.program import shown

            stack.enter_context(shown(channel, session.steering, sys.stdout))
        if has_status:
            stack.enter_context(status_line(channel, sys.stdout))
        yield


def _has_screen() -> bool:
    """Whether a browser would have a window of its own; else Python looks for one that takes the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
