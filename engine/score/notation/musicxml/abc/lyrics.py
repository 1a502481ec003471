"""Lyrics of ABC (section 5 of the ABC music standard 2.1)."""

import re
from collections.abc import Iterable, Iterator

from engine.score.notation.musicxml.abc.voices import Event

_WORD = re.compile(r"\||\*|_|-|(?:\\-|[^\s|*_-])+")


def sing(places: Iterable[Event | None], text: str, verse: int) -> None:
    """Give the syllables of a w: field to the notes, None for bar lines, of the lines before it, in place."""
    notes = iter(places)
    last: Event | None = None
    for syllable in _syllables(text):
        if syllable == "|":
            for event in notes:
                if event is None:
                    break
        elif syllable == "-" and last is not None:
            words, _ = last.syllables.get(verse, ("", False))
            last.syllables[verse] = (words, True)
        else:
            event = next((each for each in notes if each is not None), None)
            if event is None:
                return
            if syllable not in ("*", "_", "-"):
                event.syllables[verse] = (syllable, False)
                last = event


def _syllables(text: str) -> Iterator[str]:
    """Yield syllables, a hyphen after one that goes on, _ and * for a note without one of its own, and bar lines."""
    for found in _WORD.finditer(text):
        if found[0] == "-" and text[: found.start()][-1:] in ("", " ", "-"):
            yield "_"  # a hyphen that stands alone: the syllable is held
        else:
            yield found[0].replace("~", " ").replace("\\-", "-")
