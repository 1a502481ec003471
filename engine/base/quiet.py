"""Silences C libraries, which print many lines where one error message says it all."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2 off standard error while the block runs."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # it may be closed, or a pipe that nobody reads any more
            sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
