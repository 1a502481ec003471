"""A timeline for partitura's parts that finds points and objects and adds points quickly.

partitura 1.9 keeps the points of a part in a NumPy array of objects: each look-up compares objects in Python, each new point copies the
array and interpolates the length of a quarter. A score of a hundred pages has half a million look-ups and 60,000 points, which took most
of the time of reading it. What the methods return is unchanged.
"""

from bisect import bisect_left, bisect_right
from typing import Any


class Points(list[Any]):
    """The points of a part in order of time; ``times`` are theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def searchsorted(self, point: Any, **_: Any) -> int:
        """Return where ``point`` belongs: what ``numpy.searchsorted`` asks of its argument."""
        return bisect_left(self.times, point.t)


def quicken_timeline(score: Any) -> None:
    """Give ``partitura.score``'s parts such a timeline, in place."""
    make_part = score.Part.__init__

    def __init__(part: Any, *args: Any, **named: Any) -> None:
        make_part(part, *args, **named)
        part._points = Points()

    def get_point(part: Any, time: int) -> Any:
        if time < 0:
            raise score.InvalidTimePointException("TimePoints should have non-negative integer values")
        place = bisect_left(part._points.times, time)
        return part._points[place] if place < len(part._points) and part._points.times[place] == time else None

    def get_or_add_point(part: Any, time: int) -> Any:
        point = get_point(part, time)
        if point is None:
            in_force = max(bisect_right(part._quarter_times, time) - 1, 0)
            point = score.TimePoint(time, int(part._quarter_durations[in_force]))
            add_point(part, point)
        return point

    def add_point(part: Any, point: Any) -> None:
        points = part._points
        place = bisect_left(points.times, point.t)
        if place < len(points) and points.times[place] == point.t:
            return
        points.insert(place, point)
        points.times.insert(place, point.t)
        if place > 0:
            points[place - 1].next, point.prev = point, points[place - 1]
        if place < len(points) - 1:
            point.next, points[place + 1].prev = points[place + 1], point

    def remove_point(part: Any, point: Any) -> None:
        points = part._points
        place = bisect_left(points.times, point.t)
        if place == len(points) or points.times[place] != point.t:
            raise ValueError(f"Trying to remove a non-existing timepoint {point}")
        before, after = (points[at] if 0 <= at < len(points) else None for at in (place - 1, place + 1))
        if before is not None:
            before.next = after
        if after is not None:
            after.prev = before
        del points[place], points.times[place]

    for method, name in (
        (__init__, "__init__"),
        (get_point, "get_point"),
        (get_or_add_point, "get_or_add_point"),
        (add_point, "_add_point"),
        (remove_point, "_remove_point"),
    ):
        setattr(score.Part, name, method)
    _quicken_search(score)


def _quicken_search(score: Any) -> None:
    iterate = score.Part.iter_all

    def iter_all(part: Any, cls: Any = None, start: Any = None, end: Any = None, include_subclasses: bool = False, **mode: Any) -> Any:
        if mode or not isinstance(cls, type):
            yield from iterate(part, cls, start, end, include_subclasses, **mode)
            return
        first, last = (None if time is None else bisect_left(part._points.times, getattr(time, "t", time)) for time in (start, end))
        for point in part._points[first:last]:
            objects = point.starting_objects
            if not include_subclasses:
                if cls in objects:
                    yield from objects[cls]
            else:
                for kind in objects:
                    if issubclass(kind, cls):
                        yield from objects[kind]

    score.Part.iter_all = iter_all
