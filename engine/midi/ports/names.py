"""Names of MIDI ports: which one a part of a name means, which of several by one name, and which one is the same after its return."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.base.errors import UsageError

# What a driver adds to a name and may change when the device comes back: ALSA's "client:port", Windows' number of the device, and the
# number of the ALSA client in brackets where a bridge shows ALSA's ports to JACK.
DRIVERS_NUMBER = {"alsa": r" \d+:\d+$", "winmm": r" \d+$", "jack": r" \[\d+\]"}
NUMBERED = re.compile(r"(.+)#(\d+)", re.DOTALL)


def match_port(wanted: str, names: Sequence[str], direction: str, api: str | None = None) -> int:
    """Return the place in ``names`` of the port that ``wanted`` means, in any case: the whole name, else a part of it.

    ``NAME#2`` is the second of those that NAME fits. Where nothing fits, the number that the driver ``api`` adds to a name may be another
    one. Raises UsageError with the candidates.
    """
    matches = _matches(wanted, names)
    numbered = NUMBERED.fullmatch(wanted)
    if not matches and numbered:
        return _numbered(numbered[1], int(numbered[2]), names, direction)
    if not matches and api is not None:
        matches = _matches(without_number(wanted, api), [without_number(name, api) for name in names], whole=True)
    if len(matches) == 1:
        return matches[0]
    candidates = ", ".join(repr(name) for name in shown_names([names[place] for place in matches] or names)) or "none"
    if matches:
        raise UsageError(
            f"{direction} port {wanted!r} is ambiguous; it may be any of: {candidates}; give more of the name, or {wanted}#2 for the second"
        )
    raise UsageError(f"no {direction} port has {wanted!r} in its name; there are: {candidates}")


def shown_names(names: Sequence[str]) -> list[str]:
    """Return names that can be told apart: those that several ports have get #1, #2 and so on."""
    total, seen = Counter(names), Counter[str]()
    shown = []
    for name in names:
        seen[name] += 1
        shown.append(f"{name}#{seen[name]}" if total[name] > 1 else name)
    return shown


def without_number(name: str, api: str) -> str:
    """Return a name without the number that its driver adds to it."""
    return re.sub(DRIVERS_NUMBER[api], "", name) if api in DRIVERS_NUMBER else name


@dataclass(frozen=True)
class Identity:
    """What a port is known by when it comes back: its name without the driver's number, and its place among those of that name.

    Of several by one name none is there unless all are: which of them has gone cannot be told.
    """

    name: str
    api: str
    place: int
    of: int

    @classmethod
    def of_port(cls, place: int, names: Sequence[str], api: str) -> "Identity":
        """Return the identity of the port at ``place`` of ``names``."""
        same = _same(names[place], names, api)
        return cls(names[place], api, same.index(place), len(same))

    def find(self, names: Sequence[str]) -> int | None:
        """Return the place of the port in ``names``, which may be another list than before; None while it is not there."""
        same = _same(self.name, names, self.api)
        return same[self.place] if len(same) >= self.of else None


def _same(name: str, names: Sequence[str], api: str) -> list[int]:
    plain = without_number(name, api)
    return [place for place, each in enumerate(names) if without_number(each, api) == plain]


def _numbered(plain: str, number: int, names: Sequence[str], direction: str) -> int:
    """Return the place of the ``number``-th of the ports that ``plain`` fits, in the driver's order."""
    whole = _matches(plain, names, whole=True)
    matches = whole if len(whole) >= number else _parts(plain, names)
    if not 1 <= number <= len(matches):
        candidates = ", ".join(repr(names[place]) for place in matches) or "none"
        raise UsageError(f"{direction} port {plain!r}: got #{number}; ports with that in their name: {candidates}")
    return matches[number - 1]


def _matches(wanted: str, names: Sequence[str], whole: bool = False) -> list[int]:
    exact = [place for place, name in enumerate(names) if _folded(name) == _folded(wanted)]
    return exact if exact or whole else _parts(wanted, names)


def _parts(wanted: str, names: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if _folded(wanted) in _folded(name)]


def _folded(name: str) -> str:
    """Return a name as it is compared: in one case, composed, and with what a code page without its letters made of them put right."""
    repaired = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", repaired).casefold()
