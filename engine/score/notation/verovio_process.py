"""A process of its own for verovio, which ends itself on some damaged files: documents come in, their MEI goes out.

They come as a list in JSON. A line before the MEI has, in JSON, the lengths of its documents in bytes and the time map of the first, or
null. Making the map takes up to twice as long as reading. The program's argument says when: "always", "never", or "needed", where a measure
of the first document has nothing that says how long it lasts.

Run by its path, so that it imports verovio and nothing else. What verovio writes to standard error is not for the user.
"""

import json
import os
import re
import sys

LASTING = re.compile(rb"<(note|chord|rest|space)\b")
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
        if len(written) == 1 and _wants_time_map(written[0], sys.argv[1]):
            entries = toolkit.renderToTimemap({"includeMeasures": True, "useFractions": True})
            time_map = [entry for entry in entries if "measureOn" in entry or entry is entries[-1]]
    head = json.dumps([[len(mei) for mei in written], time_map]).encode()
    sys.stdout.buffer.write(b"\n".join([head, b"".join(written)]))
    sys.stdout.flush()
    return 0


def _wants_time_map(mei: bytes, when: str) -> bool:
    return when == "always" or (when == "needed" and not all(map(LASTING.search, mei.split(b"<measure ")[1:])))


if __name__ == "__main__":
    status = main()
    os._exit(status)  # taking verovio's objects apart takes a second
