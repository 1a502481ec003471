"""A process of its own for verovio, which ends itself on some damaged files: documents come in, their MEI goes out.

They come as a list in JSON. A line before the MEI has, in JSON, the lengths of its documents in bytes and the time map of the first, null
unless the program's argument is "time-map": making it takes a third of the time.

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
    time_map = None
    written: list[bytes] = []
    for document in json.load(sys.stdin.buffer):
        if not toolkit.loadData(document):
            return 1
        written.append(toolkit.getMEI({}).encode())
        if len(written) == 1 and "time-map" in sys.argv[1:]:
            entries = toolkit.renderToTimemap({"includeMeasures": True, "useFractions": True})
            time_map = [entry for entry in entries if "measureOn" in entry or entry is entries[-1]]
    head = json.dumps([[len(mei) for mei in written], time_map]).encode()
    sys.stdout.buffer.write(b"\n".join([head, b"".join(written)]))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    status = main()
    os._exit(status)  # taking verovio's objects apart takes a second
