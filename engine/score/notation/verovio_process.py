"""A process of its own for verovio, which ends itself on some damaged files: a document comes in, its MEI and time map go out as JSON.

Run by its path, so that it imports verovio, lxml and nothing else. What verovio writes to standard error is not for the user.
"""

import json
import os
import sys
from typing import Any

# Ids that verovio makes up are the same each time.
OPTIONS = {"breaks": "none", "mdivAll": True, "header": "none", "footer": "none", "xmlIdSeed": 1}
TIMED = ("note", "chord", "rest", "space")
IN_ORDER = ("staff", "tempo", "repeatMark")  # what the order of the measures and their tempos depend on


def main() -> int:
    """Read standard input; return 1 for a document that verovio does not take."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    mei = read(verovio.toolkit(), sys.stdin.buffer.read().decode(), {"expandNever": True})
    if mei is None:
        return 1
    skeleton = verovio.toolkit()
    if read(skeleton, without_notes(mei), {}) is None:
        return 1
    time_map = skeleton.renderToTimemap({"includeMeasures": True, "useFractions": True})
    sys.stdout.buffer.write(json.dumps({"mei": mei, "time_map": time_map}).encode())
    sys.stdout.flush()
    return 0


def read(toolkit: Any, document: str, options: dict[str, object]) -> str | None:
    """Load a document; return its MEI, or None where verovio does not take it."""
    toolkit.setOptions(OPTIONS | options)
    return str(toolkit.getMEI({})) if toolkit.loadData(document) else None


def without_notes(mei: str) -> str:
    """Return a document whose measures come in the same order with the same tempos, without what sounds in them.

    verovio copies all that is repeated to make a time map: with the notes it takes four times as long, and twice the memory. Measures
    without notes and rests stay as they are: how long they last is known from the time map alone.
    """
    from lxml import etree

    root = etree.fromstring(mei.encode(), etree.XMLParser(resolve_entities=False, huge_tree=True, no_network=True))
    for measure in root.iter("{*}measure"):
        if next(measure.iter(*(f"{{*}}{name}" for name in TIMED)), None) is None:
            continue
        first = measure.find("{*}staff")
        for child in list(measure):
            name = etree.QName(child).localname if isinstance(child.tag, str) else ""
            if name not in IN_ORDER or (name == "staff" and child is not first):
                measure.remove(child)
            elif child.attrib.pop("startid", None):
                child.set("tstamp", "1")  # its note is not there
        namespace = etree.QName(first).namespace
        first[:] = [etree.Element(etree.QName(namespace, "layer"), n="1")]
        etree.SubElement(first[0], etree.QName(namespace, "note"), dur="4", pname="c", oct="4")  # the time map has tempos at notes alone
    return str(etree.tostring(root, encoding="unicode"))


if __name__ == "__main__":
    status = main()
    os._exit(status)  # taking verovio's objects apart takes a second
