"""A process of its own for verovio, which ends itself on some damaged files: a document comes in, its MEI goes out.

A line before it has the time map in JSON, null unless the program's argument is "time-map": making it takes a third of the time.

Run by its path, so that it imports verovio and nothing else. What verovio writes to standard error is not for the user.
"""

import json
import os
import sys

# Ids that verovio makes up are the same each time. Nothing is repeated: the order of the measures is not verovio's, and copies take time.
OPTIONS = {"breaks": "none", "mdivAll": True, "header": "none", "footer": "none", "xmlIdSeed": 1, "expandNever": True}


def main() -> int:
    """Read standard input; return 1 for a document that verovio does not take."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS)
    if not toolkit.loadData(sys.stdin.buffer.read().decode()):
        return 1
    mei = toolkit.getMEI({})
    time_map = None
    if "time-map" in sys.argv[1:]:
        entries = toolkit.renderToTimemap({"includeMeasures": True, "useFractions": True})
        time_map = [entry for entry in entries if "measureOn" in entry or entry is entries[-1]]
    sys.stdout.buffer.write(json.dumps(time_map).encode() + b"\n" + mei.encode())
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    status = main()
    os._exit(status)  # taking verovio's objects apart takes a second
