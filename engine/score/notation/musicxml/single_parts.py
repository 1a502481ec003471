"""MusicXML for verovio: each part in a document of its own where its measures are those of the others.

verovio goes through all measures for each measure of each part but the first, which takes most of the time of a long score. It reads the
parts one after the other in any case; what it keeps from one to the next is repeats of measures, rests of several measures and the metre
of a part that does not say its own. Documents that have these are left whole.
"""

from collections.abc import Sequence
from typing import Any

SHARED = ("multiple-rest", "measure-repeat", "slash", "beat-repeat")


def verovio_documents(root: Any) -> list[str]:
    """Return documents with one part each, the first with all that stands beside the parts, or the whole in one."""
    parts = root.findall("part")
    listed = root.findall("part-list/score-part")
    if len(parts) < 2 or not _can_be_parted(root, parts, listed):
        return [_text(root)]
    beside = "".join(_text(child) for child in root if child.tag not in ("part-list", "part"))
    return [
        f"<score-partwise>{'' if number else beside}<part-list>{_text(entry)}</part-list>{_text(part)}</score-partwise>"
        for number, (entry, part) in enumerate(zip(listed, parts, strict=True))
    ]


def _can_be_parted(root: Any, parts: Sequence[Any], listed: Sequence[Any]) -> bool:
    """Say whether each part is listed once, in this order, has the same measures and metres, and says all of what holds for it."""
    names = [part.get("id") for part in parts]
    if names != [entry.get("id") for entry in listed] or len(set(names)) < len(names) or next(root.iter(*SHARED), None) is not None:
        return False
    measures = [part.findall("measure") for part in parts]
    shapes = {tuple((each.get("number"), each.find("attributes/time") is None) for each in own) for own in measures}
    return len(shapes) == 1 and all(own and own[0].find("attributes") is not None for own in measures)


def _text(element: Any) -> str:
    from lxml import etree

    return str(etree.tostring(element, encoding="unicode", with_tail=False))
