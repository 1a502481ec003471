"""The parts of a score, and the channels on which they sound."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from engine.midi.events import DRUM_CHANNEL
from engine.midi.general_midi import family_of, instrument_of

CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)  # of pitched parts


class Part(NamedTuple):
    """One part of a score. Parts of one ``instrument``, such as the staves of a piano, sound on one channel.

    ``program`` is 0 to 127, None when unknown; ``channel`` 0 to 15 is the file's own wish.
    """

    instrument: int
    name: str = ""
    program: int | None = None
    channel: int | None = None


def spread_channels(parts: Sequence[Part]) -> tuple[int, ...]:
    """Return a channel for each part: its own for each instrument, the file's where it can be; never the drums'.

    Where there are more than 15 instruments, those that are most alike share channels: of one program, then of one family.
    """
    firsts = list({part.instrument: part for part in reversed(parts)}.values())[::-1]
    channels: dict[int, int] = {}
    if len(firsts) > len(CHANNELS):
        for channel, alike in zip(CHANNELS, _most_alike_together(firsts), strict=True):
            channels |= {part.instrument: channel for part in alike}
        return tuple(channels[part.instrument] for part in parts)
    for part in firsts:
        if part.channel in CHANNELS and part.channel not in channels.values():
            channels[part.instrument] = part.channel
    free = [channel for channel in CHANNELS if channel not in channels.values()]
    for part in firsts:
        if part.instrument not in channels:
            channels[part.instrument] = free.pop(0)
    return tuple(channels[part.instrument] for part in parts)


def _most_alike_together(parts: Sequence[Part]) -> list[list[Part]]:
    """Return as many groups of parts as there are channels, in the order of their first parts, whose programs they have."""
    groups = [[part] for part in parts]
    while len(groups) > len(CHANNELS):
        first, second = min(combinations(groups, 2), key=_unlike)
        first += second
        groups = [group for group in groups if group is not second]
    return groups


def _unlike(pair: tuple[list[Part], list[Part]]) -> tuple[int, int]:
    """Return how unlike each other two groups are; among equals small ones come first, so that no channel is crowded."""
    one, other = (group[0].program or 0 for group in pair)
    if one == other:
        unlike = 0
    elif family_of(one) == family_of(other):
        unlike = 1
    else:
        unlike = 2 if instrument_of(one) == instrument_of(other) else 3
    return unlike, len(pair[0]) + len(pair[1])
