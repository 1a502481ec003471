"""verovio's MEI of parts that it has read one by one, put together as it has a score."""

from collections.abc import Sequence
from typing import Any


def joined_parts(scores: Sequence[Any]) -> Any:
    """Return the first of <music> elements with the staves and the signs of the others in its measures, which are as many, in place.

    Raises ValueError where they are not.
    """
    first, *others = scores
    if not others:
        return first
    measures = list(first.iter("{*}measure"))
    definitions = next(first.iter("{*}staffGrp"))
    last_staves = [measure.findall("{*}staff")[-1] for measure in measures]
    for other in others:
        _renumber_staves(other, int(last_staves[0].get("n")))
        definitions.extend(list(next(other.iter("{*}staffGrp"))))
        for place, (measure, own) in enumerate(zip(measures, other.iter("{*}measure"), strict=True)):
            for child in list(own):
                if _is_staff(child):
                    last_staves[place].addnext(child)
                    last_staves[place] = child
                else:
                    measure.append(child)
    return first


def _renumber_staves(score: Any, before: int) -> None:
    """Let staves follow ``before`` others, in place."""
    for element in score.iter("{*}staff", "{*}staffDef"):
        element.set("n", str(int(element.get("n")) + before))
    for element in score.xpath(".//*[@staff]"):
        element.set("staff", " ".join(str(int(number) + before) for number in element.get("staff").split()))


def _is_staff(element: Any) -> bool:
    return str(element.tag).endswith("}staff")
