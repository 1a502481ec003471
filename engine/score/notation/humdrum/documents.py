"""Humdrum whose spines all last from the beginning to the end: verovio reads no other.

A spine that is added (``*+``) or that ends before the others (``*-``) is filled up with rests, where verovio would refuse the file or leave
out what follows. Movements that follow each other in spines of their own go on in those of the first. Manipulators are those of the
Humdrum syntax reference (https://www.humdrum.org/guide/ch05).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

_DURATION = re.compile(r"(\d+)(?:%(\d+))?(\.*)")
_NOTE = re.compile(r"[a-gA-G]")
_FOR_ALL = re.compile(r"\*(>|M\d|MM|met)")  # interpretations that each spine has alike
_ADDED_OR_ENDED = re.compile(r"^(?=.*\*-)(?=.*(?:^|\t)(?!\*-)[^\t\n]).*|^(?:.*\t)?\*\+(?:\t.*)?$", re.MULTILINE)


@dataclass
class _Spine:
    """A spine of the document: its kind, in how many columns it stands now, when the notes of these end (quarters), and what it says.

    ``tokens`` has for each line that is written its columns' text; none where the spine has not begun or has ended.
    """

    kind: str
    columns: int = 1
    ends: list[Fraction] = field(default_factory=lambda: [Fraction(0)])
    tokens: dict[int, list[str]] = field(default_factory=dict)


def is_note(text: str) -> bool:
    """Say whether a token of a data record, or one of those that stand in it with blanks between, is a note and no rest."""
    return "r" not in text and _NOTE.search(text) is not None


def length_of(text: str) -> Fraction:
    """Return how many quarters a note or rest lasts: 0 for a grace note, and where nothing is said."""
    found = _DURATION.search(text)
    if found is None or "q" in text:
        return Fraction(0)
    number, over, dots = found.groups()
    whole = Fraction(2 ** len(number)) if not int(number) else Fraction(int(over or 1), int(number))  # 0 is a breve, 00 a long
    return 4 * whole * (2 - Fraction(1, 2 ** len(dots)))


def with_lasting_spines(document: str) -> str:
    """Return a document in which no spine begins late or ends early; unchanged where none does."""
    document = _joined_movements(document.replace("\r\n", "\n").replace("\r", "\n"))
    lines = document.rstrip("\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.startswith("**")), None)
    if first is None or not _ADDED_OR_ENDED.search(document):
        return document
    spines = [_Spine(kind) for kind in lines[first].split("\t")]
    now = list(spines)  # the spine of each column, from left to right
    steps: dict[int, Fraction] = {}  # quarters from a line with notes to the next
    added: _Spine | None = None
    for number, line in enumerate(lines[first + 1 :], first + 1):
        if not now or not line or line.startswith("!!"):
            continue
        tokens = line.split("\t")
        if added is not None:  # its kind stands in the next line
            added.kind = tokens[now.index(added)]
            tokens[now.index(added)], added = "*", None
        if len(tokens) != len(now) or _goes_across(tokens, now):
            return document
        if not line.startswith(("*", "!", "=")):
            steps[number] = _step(tokens, now)
        now, added = _after(number, tokens, now, spines)
    return "\n".join(_written(lines, first, spines, steps)) + "\n"


def _joined_movements(document: str) -> str:
    """Turn the ends of spines into comments where the same kinds of spines begin after them: lines are counted as before."""
    if document.count("\n**") + document.startswith("**") < 2:
        return document
    lines = document.split("\n")
    begun: list[int] = []
    ended: int | None = None
    for number, line in enumerate(lines):
        if line.startswith("*-") and set(line.split("\t")) == {"*-"}:
            ended = number
        elif line.startswith("**") and ended is not None and lines[begun[-1]] == line:
            lines[ended], lines[number], ended = "!! a movement ends", "!! a movement begins", None
        elif line.startswith("**"):
            begun.append(number)
    return "\n".join(lines)


def _step(tokens: Sequence[str], now: Sequence[_Spine]) -> Fraction:
    """Return how long it takes from this line to the next, and let the spines' ends be counted from there."""
    column: dict[int, int] = {}
    ends: list[tuple[_Spine, int, Fraction]] = []
    for text, spine in zip(tokens, now, strict=True):
        place = column.get(id(spine), 0)
        column[id(spine)] = place + 1
        if spine.kind == "**kern":
            ends.append((spine, place, spine.ends[place] if text == "." else length_of(text.split(" ")[0])))
    step = min((end for _, _, end in ends if end > 0), default=Fraction(0))
    if any("q" in text for text, spine in zip(tokens, now, strict=True) if spine.kind == "**kern"):
        step = Fraction(0)
    for spine, place, end in ends:
        spine.ends[place] = max(end - step, Fraction(0))
    return step


def _goes_across(tokens: Sequence[str], now: Sequence[_Spine]) -> bool:
    """Say whether spines change places or become one, which is left as it is."""
    moved = [id(spine) for text, spine in zip(tokens, now, strict=True) if text in ("*x", "*v")]
    return any(moved.count(spine) == 1 for spine in moved)


def _after(number: int, tokens: Sequence[str], now: Sequence[_Spine], spines: list[_Spine]) -> tuple[list[_Spine], _Spine | None]:
    """Give the tokens of a line to their spines; return the columns of the next one, and a spine that is added there."""
    added: _Spine | None = None
    following: list[_Spine] = []
    place = 0
    while place < len(now):
        spine = now[place]
        own = list(tokens[place : place + spine.columns])
        place += spine.columns
        ends: list[Fraction] = []
        for column, text in enumerate(own):
            joined = text == "*v" and column > 0 and own[column - 1] == "*v"
            if text != "*-" and not joined:
                ends += [spine.ends[column]] * (2 if text == "*^" else 1)
        spine.tokens[number] = ["*" if text == "*+" else text for text in own]
        spine.ends, spine.columns = ends, len(ends)
        following += [spine] * len(ends)
        if "*+" in own:
            added = _Spine("**kern")
            spines.insert(spines.index(spine) + 1, added)
            following.append(added)
    return following, added


def _written(lines: Sequence[str], first: int, spines: Sequence[_Spine], steps: dict[int, Fraction]) -> list[str]:
    """Return the lines with all spines in all of them."""
    last = max((number for spine in spines for number in spine.tokens), default=first)
    columns = [_filled(lines, first, last, spine, steps) for spine in spines]
    written = list(lines)
    written[first] = "\t".join(spine.kind for spine in spines)
    for number in range(first + 1, last + 1):
        if lines[number] and not lines[number].startswith("!!"):
            written[number] = "\t".join("\t".join(column[number]) for column in columns)
    return written


def _filled(lines: Sequence[str], first: int, last: int, spine: _Spine, steps: dict[int, Fraction]) -> dict[int, list[str]]:
    """Return the tokens of a spine with rests where it says nothing: one from bar line to bar line, on the first line with a step."""
    filled: dict[int, list[str]] = {}
    resting: int | None = None  # the line of the rest that goes on
    length = Fraction(0)
    for number in range(first + 1, last + 1):
        line = lines[number]
        if not line or line.startswith("!!"):
            continue
        is_data = not line.startswith(("*", "!", "="))
        if number in spine.tokens or line.startswith("="):
            resting, length = None, Fraction(0)
        own = spine.tokens.get(number)
        if own is not None:
            filled[number] = _kept(own) if number < last else own
        elif not is_data:
            text = line.split("\t")[0]
            filled[number] = [
                text if line.startswith("=") or _FOR_ALL.match(text) else "*-" if number == last and "*-" in line else line[0]
            ]
        else:
            filled[number] = ["."]
            length += steps.get(number, Fraction(0))
            if length and spine.kind == "**kern":
                resting = number if resting is None else resting
                filled[resting] = [f"{_reciprocal(length)}r"]
    return filled


def _kept(tokens: list[str]) -> list[str]:
    """Return interpretations with which a spine goes on: columns that end are joined with the one beside them."""
    if "*-" not in tokens or len(tokens) == 1:
        return ["*" if text == "*-" else text for text in tokens]
    ended = [place for place, text in enumerate(tokens) if text == "*-"]
    joined = {*ended, min(ended) - 1 if min(ended) else max(ended) + 1}
    return ["*v" if place in joined else text for place, text in enumerate(tokens)]


def _reciprocal(quarters: Fraction) -> str:
    """Return a length as Humdrum has it: the part of a whole note, with dots where they serve."""
    for dots in (0, 1, 2):
        part = 4 / (quarters / (2 - Fraction(1, 2**dots)))
        if part.denominator == 1:
            return f"{part.numerator}{'.' * dots}"
    whole = quarters / 4
    return f"{whole.denominator}%{whole.numerator}"


def written_notes(document: str) -> dict[str, tuple[str, str]]:
    """Return by verovio's ids of notes (line, field and, of several, place in the token) their measure and ``spine N``.

    Spines are counted by the columns of their line.
    """
    found: dict[str, tuple[str, str]] = {}
    kinds: list[str] = []
    measure = "0"
    for number, line in enumerate(document.split("\n"), 1):
        if not line or line.startswith("!"):
            continue
        tokens = line.split("\t")
        if line.startswith("**"):
            kinds = tokens
        elif line.startswith("*"):
            kinds = _kinds_after(tokens, kinds)
        elif line.startswith("="):
            measure = (re.search(r"\d+", tokens[0]) or [measure])[0]
        else:
            for place, (text, kind) in enumerate(zip(tokens, kinds, strict=False), 1):
                parts = text.split(" ") if kind == "**kern" else []
                for sub, part in enumerate(parts, 1):
                    if is_note(part):
                        name = f"note-L{number}F{place}" + (f"S{sub}" if len(parts) > 1 else "")
                        found[name] = (measure, f"spine {place}")
    return found


def _kinds_after(tokens: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return what the columns are after a line of interpretations."""
    after: list[str] = []
    before = ""
    for text, kind in zip(tokens, kinds, strict=False):
        if text == "*x" and before == "*x" and len(after):
            after.insert(-1, kind)
            before = ""
            continue
        if text != "*-" and not (text == "*v" and before == "*v"):
            after += [text if text.startswith("**") else kind] * (2 if text == "*^" else 1)
        before = text
    return after
