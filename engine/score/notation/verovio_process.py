"""A process of its own for verovio, which ends itself on some damaged files: a document comes in, its MEI and time map go out as JSON.

Run by its path, so that it imports verovio and nothing else. What verovio writes to standard error is not for the user.
"""

import json
import sys

OPTIONS = {"breaks": "none", "mdivAll": True, "header": "none", "footer": "none"}


def main() -> int:
    """Read standard input; return 1 for a document that verovio does not take."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS)
    if not toolkit.loadData(sys.stdin.buffer.read().decode()):
        return 1
    mei = toolkit.getMEI({})
    time_map = toolkit.renderToTimemap({"includeMeasures": True, "useFractions": True})
    sys.stdout.buffer.write(json.dumps({"mei": mei, "time_map": time_map}).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
