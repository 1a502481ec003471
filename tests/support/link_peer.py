"""Another program in an Ableton Link session: the real library, in this process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from link import Link

LIMIT_S = 20
TEMPO = 97.0
PEERS_FOUND_S = 1.0  # others would have answered
OLDER_S = 1.0  # of two sessions that began half a second apart or more the older one wins; of others either may


def wait_for(happened: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
    """Wait until something has happened; return whether it has."""
    deadline = time.monotonic() + limit_s
    while not (has := happened()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return has


@contextmanager
def link_peer() -> Iterator[Link]:
    """A program that has begun a session at 97 quarters a minute; skips where that cannot be."""
    program, other = Link(TEMPO), Link(TEMPO)
    program.startStopSyncEnabled = True
    program.enabled = True
    try:
        if wait_for(program.numPeers, PEERS_FOUND_S):
            pytest.skip("somebody makes music with Ableton Link on this network")
        other.enabled = True
        reached = wait_for(program.numPeers)
        other.enabled = False
        if not reached:
            pytest.skip("no multicast on this machine")
        wait_for(lambda: not program.numPeers())  # when the last peer leaves, the session begins anew
        time.sleep(OLDER_S)
        yield program
    finally:
        other.enabled = program.enabled = False
