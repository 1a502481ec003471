"""Engrave a score: a request in JSON on standard input (see ``engraving.Request``), the engraving, or ``error``, on standard output.

It gives way to whatever else runs here: the music does not wait for a picture of it.
"""

import json
import os
import sys

from engine.base.errors import PerfLiveError
from engine.output.engraving.engraving import Request, engrave

NICENESS = 10


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        engraved = engrave(Request(**json.load(sys.stdin)))
    except PerfLiveError as error:
        engraved = {"error": str(error)}
    json.dump(engraved, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
