"""Files and texts that were whole and are no longer, the same for the same random numbers."""

import re
from collections.abc import Callable, Sequence
from random import Random
from xml.sax.saxutils import escape

DAMAGES = (1, 1, 1, 2, 3, 8)  # to a file or text
LONGEST_PIECE = 200  # bytes that are cut out, doubled or moved
NUMBERS = ("0", "-1", "1", "127", "128", "255", "256", "65536", "2147483648", "-2147483649", "1e308", "1e-320", "nan", "inf", "0x10", "٣")
SIGNS = ("", "~", "[]", "{}", "--", "=", "=1", "%s", "../..", "\n", "'", '"', "\x00", "\u202e", "ü", "𝄞")
WORDS = (*SIGNS, "null", "on", "off", "true", "a" * 300)
BYTES = (0x00, 0x01, 0x7F, 0x80, 0x90, 0xF0, 0xF7, 0xFF)


def damaged(data: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Return ``data`` with some damages, to its bytes; ``others``: what pieces may come from."""
    for _ in range(random.choice(DAMAGES)):
        data = random.choice(_DAMAGES)(data, random, random.choice(others) if others else data)
    return data


def damaged_text(text: str, random: Random) -> str:
    """Return ``text`` with some damages, to its numbers, words, tags and lines."""
    for _ in range(random.choice(DAMAGES)):
        text = random.choice(_TEXT_DAMAGES)(text, random)
    return text


def damaged_xml(text: str, random: Random) -> str:
    """Return XML with some damages, to its texts, attributes and elements, which leave it well-formed."""
    for _ in range(random.choice(DAMAGES)):
        text = random.choice(_XML_DAMAGES)(text, random)
    return text


def word(random: Random) -> str:
    return random.choice((random.choice(NUMBERS), random.choice(WORDS), str(random.uniform(-200, 200)), str(random.randint(-200, 200))))


def _span(length: int, random: Random) -> tuple[int, int]:
    begin = random.randrange(length + 1)
    return begin, min(length, begin + random.randint(1, LONGEST_PIECE))


def _flip(data: bytes, random: Random, other: bytes) -> bytes:
    place = random.randrange(len(data) or 1)
    return data[:place] + bytes((random.choice((random.randrange(256), *BYTES)),)) + data[place + 1 :]


def _cut(data: bytes, random: Random, other: bytes) -> bytes:
    begin, end = _span(len(data), random)
    return data[:begin] + data[end:]


def _end(data: bytes, random: Random, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _double(data: bytes, random: Random, other: bytes) -> bytes:
    begin, end = _span(len(data), random)
    return data[:end] + data[begin:end] * random.randint(1, 3) + data[end:]


def _insert(data: bytes, random: Random, other: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.randint(1, 16)) + data[place:]


def _graft(data: bytes, random: Random, other: bytes) -> bytes:
    place, (begin, end) = random.randrange(len(data) + 1), _span(len(other), random)
    return data[:place] + other[begin:end] + data[place:]


_DAMAGES: tuple[Callable[[bytes, Random, bytes], bytes], ...] = (_flip, _flip, _flip, _cut, _end, _double, _insert, _graft)


def _replace(pattern: str, new: Callable[[Random, str], str]) -> Callable[[str, Random], str]:
    """Return a damage to one of the places that ``pattern`` fits."""
    compiled = re.compile(pattern)

    def damage(text: str, random: Random) -> str:
        places = [found.span() for found in compiled.finditer(text)]
        if not places:
            return text
        begin, end = random.choice(places)
        return text[:begin] + new(random, text[begin:end]) + text[end:]

    return damage


def _swap_lines(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True)
    if len(lines) > 1:
        one, other = random.randrange(len(lines)), random.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def _double_line(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True)
    place = random.randrange(len(lines) or 1)
    return "".join(lines[:place] + lines[place : place + 1] * random.randint(0, 3) + lines[place + 1 :])


def _number(random: Random, before: str) -> str:
    return random.choice(NUMBERS)


def _word(random: Random, before: str) -> str:
    return word(random)


def _xml_word(random: Random, before: str) -> str:
    quotes = before[:1] if before[:1] in ('"', "'") else ""
    return quotes + escape(random.choice((_number, _word))(random, before), {'"': "&quot;", "'": "&apos;"}) + quotes


_NUMBER = r"-?\d+(\.\d+)?"
_LEAF = r"<([\w-]+)[^<>]*>[^<]*</\1>|<[\w-]+[^<>]*/>"
_BRANCH = r"(?s)<(note|chord|layer|staff|measure|backup|direction)\b.*?</\1>"
_TAGS = ("<note", "</note", "<measure", "</measure", "<chord", "<backup", "<")

_TEXT_DAMAGES: tuple[Callable[[str, Random], str], ...] = (
    _replace(_NUMBER, _number),
    _replace(_NUMBER, _word),
    _replace(r"[^\W\d]+", _word),
    _replace(r"</?[\w-]+", lambda random, before: random.choice(_TAGS)),
    _replace(r"<[^>]*>", lambda random, before: ""),
    _replace(r"\s+", _word),
    _swap_lines,
    _double_line,
)
_XML_DAMAGES: tuple[Callable[[str, Random], str], ...] = (
    _replace(r"(?<=>)[^<>\s][^<>]*(?=<)", _xml_word),
    _replace(r"(?<=>)-?\d+(?=<)", lambda random, before: random.choice(NUMBERS)),
    _replace(r'(?<==)"[^"<>]*"(?=[^<]*[^?]>)', _xml_word),
    _replace(_LEAF, lambda random, before: before * random.choice((0, 0, 2, 3))),
    _replace(_BRANCH, lambda random, before: before * random.choice((0, 0, 2, 3))),
)
