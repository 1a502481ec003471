"""What is to be seen: what the run has told, and what the keys have chosen."""

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any

SECONDS = 10  # of notes on the roll
LOG_LINES = 50
STEPS = 20  # of a key, from one end of a control's range to the other
MOST_NOTES = 2000
RECENT = 100  # notes whose lateness is told
LINES = {"p": "panic", "m": "mute", " ": "toggle"}  # what keys say
KEYS = (
    ("up, down", "choose a control"),
    ("left, right", "change it"),
    ("d", "its default"),
    ("space", "play, pause (a score)"),
    ("p", "panic: end every sound"),
    ("m", "mute, or be heard"),
    ("r", "record, or end it"),
    ("b", "play the take back, or end it"),
    ("f", "another performer"),
    (":", "type a line, as below"),
    ("q q", "end"),
)


@dataclass
class Bar:
    """A note on the roll."""

    begin_ns: int
    end_ns: int | None  # None: it sounds
    key: int
    velocity: int
    out: bool  # it went out; else it came in


class View:
    """``take`` is told what comes from the run, ``press`` what is typed; that returns the lines to be sent."""

    def __init__(self) -> None:
        self.description: dict[str, Any] = {}
        self.snapshot: dict[str, Any] = {}
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.bars: deque[Bar] = deque(maxlen=MOST_NOTES)
        self.velocities: dict[bool, tuple[int, int]] = {}  # of the last note that came in (False) and went out (True): velocity, when
        self.late_ms: deque[float] = deque(maxlen=RECENT)
        self.chosen = 0  # the number of the control
        self.typed: str | None = None  # a line that is not finished
        self.helps = self.leaves = False  # whether the keys are explained, and whether q was pressed once
        self._wanted: dict[str, float] = {}  # values that were asked for and are not shown yet
        self._sounding: dict[tuple[bool, int, int], Bar] = {}

    def take(self, message: dict[str, Any]) -> None:
        if "description" in message:
            self.description = message["description"]
            self.chosen = min(self.chosen, max(len(self.controls) - 1, 0))
        if "answer" in message:
            self._wanted.clear()
            self.log.extend(message["answer"].splitlines())
        if "snapshot" in message:
            self.snapshot = message["snapshot"]
            self.log.extend(self.snapshot["said"])
            self._wanted = {name: value for name, value in self._wanted.items() if self.snapshot["controls"].get(name) != value}
            for out, notes in ((False, self.snapshot["notes_in"]), (True, self.snapshot["notes_out"])):
                for note in notes:
                    self._take_note(note, out)

    def _take_note(self, note: dict[str, Any], out: bool) -> None:
        place = out, note["channel"], note["key"]
        if sounding := self._sounding.pop(place, None):
            sounding.end_ns = note["time_ns"]
        if note["velocity"]:
            self._sounding[place] = bar = Bar(note["time_ns"], None, note["key"], note["velocity"], out)
            self.bars.append(bar)
            self.velocities[out] = note["velocity"], note["time_ns"]
            if out:
                self.late_ms.append(note["late_ns"] / 1e6)

    @property
    def controls(self) -> list[dict[str, Any]]:
        return self.description.get("controls", [])

    def value(self, control: dict[str, Any]) -> float:
        name = control["name"]
        return self._wanted.get(name, self.snapshot.get("controls", {}).get(name, control["default"]))

    def shown_bars(self) -> list[Bar]:
        """Return the notes of the last seconds, in order."""
        since_ns = self.snapshot.get("time_ns", 0) - SECONDS * 10**9
        return [bar for bar in self.bars if bar.end_ns is None or bar.end_ns > since_ns]

    def lateness_ms(self) -> tuple[float, float] | None:
        """Return how late the last notes went out: the median, and at most."""
        return (median(self.late_ms), max(self.late_ms)) if self.late_ms else None

    def press(self, key: str) -> list[str]:
        """Hear a key, by its character or name."""
        if self.typed is not None:
            return self._type(key)
        if self.helps:
            self.helps = False
            return []
        leaves, self.leaves = self.leaves, False
        if key == "q":
            self.leaves = not leaves
            return ["quit"] if leaves else []
        if key in ("up", "down"):
            self.chosen = min(max(self.chosen + (1 if key == "down" else -1), 0), max(len(self.controls) - 1, 0))
        elif key in ("left", "right", "d"):
            return self._change(key)
        elif key in ("?", "h"):
            self.helps = True
        elif key in (":", "f"):
            self.typed = "performer " if key == "f" else ""
        elif key == "r":
            return ["record off" if self.snapshot.get("recording") else "record"]
        elif key == "b":
            return ["replay off" if self.snapshot.get("replaying") else "replay"]
        return [LINES[key]] if key in LINES else []

    def _type(self, key: str) -> list[str]:
        line, self.typed = self.typed or "", None
        if key == "enter":
            return [line] if line.strip() else []
        if key == "escape":
            return []
        self.typed = line[:-1] if key == "backspace" else line + key if len(key) == 1 and key.isprintable() else line
        return []

    def _change(self, key: str) -> list[str]:
        """Move the control that is chosen by a step, or put it to its default."""
        if not self.controls:
            return []
        control = self.controls[self.chosen]
        value, least, most = self.value(control), control["minimum"], control["maximum"]
        if key == "d":
            value = control["default"]
        else:
            step = 1.0 if control["choices"] else (most - least) / STEPS
            value = min(max(least + round((value - least) / step + (1 if key == "right" else -1)) * step, least), most)
        value = float(f"{value:.6g}")
        self._wanted[control["name"]] = value
        return [f"set {control['name']} {said(control, value)}"]


def said(control: dict[str, Any], value: float) -> str:
    """Return a value as it is typed."""
    if control["choices"]:
        return str(control["choices"][int(value)])
    return next((word for word, named in control["words"].items() if named == value), f"{value:g}")
