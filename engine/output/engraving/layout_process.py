"""A process of its own for verovio, as engine/score/notation/verovio_process.py: a document and its options come in, pages in SVG go out.

Run by its path, so that it imports verovio and nothing else.
"""

import json
import os
import sys


def main() -> int:
    """Read standard input; return 1 for a document that verovio does not take."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    document, options = json.load(sys.stdin.buffer)
    toolkit.setOptions(options)
    if not toolkit.loadData(document):
        return 1
    json.dump([toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)], sys.stdout)
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    status = main()
    os._exit(status)  # taking verovio's objects apart takes a second
