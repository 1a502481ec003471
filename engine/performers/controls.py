"""Named controls: what a performer can be told while it plays, from ``--set``, a preset or a MIDI controller."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.base.errors import UsageError

KEPT = "!"  # after the name of a control: its controller is kept from the output
KEEP, MODEL = 0.0, 1.0  # values of ``level``, of whose velocities the mean is


@dataclass(frozen=True)
class Control:
    """A number in a range, or one of a few words (``choices``; its value is then the word's index).

    ``words`` name single numbers, in the range or beside it: word and number.
    """

    name: str
    minimum: float
    maximum: float
    default: float
    unit: str
    help: str
    choices: tuple[str, ...] = ()
    words: tuple[tuple[str, float], ...] = ()

    def parse(self, text: str) -> float:
        """Return the value that ``text`` names. Raises UsageError when it is not a number or out of range."""
        if self.choices:
            if text in self.choices:
                return float(self.choices.index(text))
            raise UsageError(f"control {self.name!r}: got {text!r}, allowed: {', '.join(self.choices)}")
        if text in dict(self.words):
            return dict(self.words)[text]
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        return self.check(value, text)

    def allows(self, value: float) -> bool:
        """Return whether ``value`` is in the range, or is one that has a name."""
        return self.minimum <= value <= self.maximum or value in dict(self.words).values()

    def check(self, value: float, shown: str | None = None) -> float:
        """Return ``value`` if it is in the range. Raises UsageError when not."""
        if self.allows(value):
            return value
        given = str(value) if shown is None else shown if shown.strip() and shown.isprintable() else repr(shown)
        raise UsageError(f"control {self.name!r}: got {given}, allowed: {self.describe_range()}")

    def describe_range(self) -> str:
        if self.choices:
            return ", ".join(self.choices)
        numbers = f"{self.minimum:g} to {self.maximum:g} {self.unit}".rstrip()
        return ", ".join([*dict(self.words), numbers])

    def describe_default(self) -> str:
        return self.describe(self.default)

    def describe(self, value: float) -> str:
        """Return ``value`` as it is typed."""
        if self.choices:
            return self.choices[int(value)]
        return next((word for word, named in self.words if value == named), f"{value:g}")

    def from_controller(self, value: int) -> float:
        """Map a 7-bit controller value, 0 to 127, onto the range (or onto the choices, in equal parts)."""
        if self.choices:
            return float(min(value * len(self.choices) // 128, len(self.choices) - 1))
        return self.minimum + (self.maximum - self.minimum) * value / 127


def find_control(controls: Iterable[Control], name: str) -> Control:
    """Return the control called ``name``. Raises UsageError that lists the known ones and names a near miss."""
    known = {control.name: control for control in controls}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"no control is called {name!r}; allowed: {', '.join(known) or 'none'}{hint}")


def parse_settings(controls: Iterable[Control], settings: Iterable[str]) -> dict[str, float]:
    """Turn ``--set`` texts, ``name=value``, into values. Raises UsageError for an unknown name or a value out of range."""
    controls = tuple(controls)
    values = {}
    for text in settings:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"--set {text!r}: expected control=value, as in --set strength=0.5")
        values[name] = find_control(controls, name).parse(value)
    return values


def parse_controller_map(controls: Iterable[Control], mappings: Iterable[str]) -> dict[int, Control]:
    """Turn ``--cc`` texts, ``number=control`` or ``number=control!``, into a map from controller number (0 to 119) to control."""
    controls = tuple(controls)
    mapped = {}
    for text in mappings:
        number, separator, name = text.partition("=")
        if not separator or not number.isdecimal() or int(number) > 119:
            raise UsageError(f"--cc {text!r}: expected controller=control with a controller from 0 to 119, as in --cc 1=dynamics")
        mapped[int(number)] = find_control(controls, name.removesuffix(KEPT))
    return mapped


def consumed_controllers(mappings: Iterable[str]) -> frozenset[int]:
    """Return the controllers of ``number=control!``, which move their control and go no further."""
    return frozenset(int(text.partition("=")[0]) for text in mappings if text.endswith(KEPT))


def defaults(controls: Iterable[Control]) -> dict[str, float]:
    return {control.name: control.default for control in controls}


def with_defaults(controls: Iterable[Control], values: Mapping[str, float]) -> dict[str, float]:
    """Return all controls' values: ``values`` checked, the rest at their defaults."""
    controls = tuple(controls)
    checked = {name: find_control(controls, name).check(value) for name, value in values.items()}
    return defaults(controls) | checked
