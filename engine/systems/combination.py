"""Several performers in the name of one: ``velocity+performance-rnn`` one after the other, ``velocity@C-1-B3,passthrough@C4-G9`` by key."""

from typing import NamedTuple

AFTER, ON, BESIDE = "+", "@", ","


class Part(NamedTuple):
    """Performers that play one after the other, each what the one before it makes of the notes; on which keys, "" for all."""

    names: tuple[str, ...]
    keys: str


def is_combination(name: str) -> bool:
    return any(sign in name for sign in (AFTER, ON, BESIDE))


def parse_combination(name: str) -> list[Part]:
    """Return the parts that a name is made of; their performers and keys are yet to be looked for."""
    parts = []
    for text in name.split(BESIDE):
        chain, _, keys = text.partition(ON)
        parts.append(Part(tuple(each.strip() for each in chain.split(AFTER)), keys.strip()))
    return parts
