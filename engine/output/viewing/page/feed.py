"""What the program that serves the page knows of the run, and what each page has seen of it."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from typing import Any

from engine.output.viewing.page.curve import Curve
from engine.output.viewing.page.practising.heard import Heard
from engine.output.viewing.snapshot import KEPT

EVENTS = ("notes_in", "notes_out", "said")  # of a snapshot: what has happened; all else is how things stand
MOST_ANSWERS = 1000


class Feed:
    """What the run tells. It is told by one thread and read by another."""

    def __init__(self, ask: Callable[[Mapping[str, Any]], None]):
        """``ask`` asks the run for something on behalf of a page."""
        self._ask = ask
        self._numbers = count(1)
        self._views: dict[int, View] = {}  # by the number of their pages
        self.description: dict[str, Any] = {"number": 0}
        self.curve, self.heard = Curve([]), Heard()
        self.snapshots: tuple[dict[str, Any], ...] = ()  # a new one each time, so that who reads needs no lock
        self.forgotten = -1  # the last snapshot that is not among them any more

    def take(self, message: Mapping[str, Any]) -> None:
        """Take what the run tells."""
        if snapshot := message.get("snapshot"):
            if len(self.snapshots) == KEPT:
                self.forgotten = self.snapshots[0]["sequence"]
            self.snapshots = (*self.snapshots[-KEPT + 1 :], snapshot)
            self.curve.take(snapshot)
            self.heard.take(snapshot)
        if (description := message.get("description")) and description["bars"] != self.description.get("bars"):
            self.curve = Curve(description["bars"])
        self.description = message.get("description", self.description)
        if (answer := message.get("answer")) and (view := self._views.get(answer["page"])):
            view.answers.append(answer)

    def open(self, since: int | None) -> "View":
        """Return the view of a new page, of what comes now, or of what has come since a snapshot."""
        last = self.snapshots[-1]["sequence"] if self.snapshots else 0
        view = View(self, next(self._numbers), last - 1 if since is None else min(since, last))
        self._views[view.page] = view
        return view

    def close(self, view: "View") -> None:
        del self._views[view.page]

    def ask(self, view: "View", line: str) -> None:
        """Ask for something by a line as it would be typed."""
        self._ask({"page": view.page, "line": line})


class View:
    """What one page has been shown, and the answers to what it has asked for."""

    def __init__(self, feed: Feed, page: int, since: int):
        self.page = page
        self.answers: deque[Mapping[str, Any]] = deque(maxlen=MOST_ANSWERS)
        self._feed, self._since = feed, since
        self._described = 0  # the number of the description that it has
        self._shown: dict[str, Any] = {}
        self._curve: tuple[Curve, int] | None = None  # that it has, and up to which number

    def look(self) -> Iterator[str]:
        """Return the messages that show what is new: of snapshots, all that happened and the fields that have changed."""
        while self.answers:
            yield _message("answer", self.answers.popleft())
        new = [each for each in self._feed.snapshots if each["sequence"] > self._since]
        if not new:
            return
        description = self._feed.description
        if description["number"] != self._described:
            self._described = description["number"]
            yield _message("description", description)
        yield from self._look_at_curve()
        last = new[-1]
        events = {name: list(chain.from_iterable(each[name] for each in new)) for name in EVENTS}
        missed = self._since < self._feed.forgotten  # several that the run tells as one leave out numbers, and nothing else
        stands = {**last, "complete": not missed and all(each["complete"] for each in new)}
        changed = {name: value for name, value in stands.items() if name not in EVENTS and value != self._shown.get(name, self)}
        yield _message("snapshot", {**changed, **{name: event for name, event in events.items() if event}})
        self._since, self._shown = last["sequence"], stands

    def _look_at_curve(self) -> Iterator[str]:
        """Return what is new of a score's curve; all of it at first."""
        curve = self._feed.curve
        number = self._curve[1] if self._curve and self._curve[0] is curve else 0
        if curve.number > number:
            self._curve = curve, curve.number
            yield _message("curve", curve.since(number))


def _message(kind: str, content: Any) -> str:
    return json.dumps({kind: content}, separators=(",", ":"), ensure_ascii=False)
