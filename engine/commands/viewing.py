"""How a live run is looked at: on a whole terminal (``--show``), else by a line at the foot of the terminal, where there is one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.base.errors import UsageError
from engine.output.viewing.status_line import has_line, status_line

if TYPE_CHECKING:
    from engine.output.endpoints import Opened
    from engine.session import Session


def check_show(show: bool, all_files: bool) -> None:
    """Raise UsageError where there is nothing to be shown, or nowhere."""
    if show and all_files:
        raise UsageError("--show shows a live run, and both ends are files here; leave it out")
    if show and not has_line(sys.stdin, sys.stdout):
        raise UsageError("--show needs a terminal for what is typed and what is shown, on Linux or macOS; leave it out")


@contextmanager
def viewed(session: "Session", opened: "Opened", show: bool) -> Iterator[None]:
    """Let the run be seen while the block runs."""
    if not show and not has_line(sys.stdout, sys.stderr):
        yield
        return
    from engine.output.viewing.channel import Channel

    channel = Channel(session.rig, opened, session.performance)
    with channel.opened():
        if show:
            from engine.output.viewing.terminal.program import shown

            with shown(channel, session.steering, sys.stdout):
                yield
        else:
            with status_line(channel, sys.stdout):
                yield
