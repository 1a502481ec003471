"""How a live run is looked at: by a line at the foot of the terminal, where there is one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.output.viewing.status_line import has_line, status_line

if TYPE_CHECKING:
    from engine.output.endpoints import Opened
    from engine.session import Session


@contextmanager
def viewed(session: "Session", opened: "Opened") -> Iterator[None]:
    """Let the run be seen while the block runs."""
    if not has_line(sys.stdout, sys.stderr):
        yield
        return
    from engine.output.viewing.channel import Channel

    channel = Channel(session.rig, opened, session.performance)
    with channel.opened(), status_line(channel, sys.stdout):
        yield
