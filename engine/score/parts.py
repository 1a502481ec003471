"""The parts of a score, and the channels on which they sound."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from engine.midi.events import DRUM_CHANNEL

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

    Where there are more than 15 instruments, those of one program share channels, then those of one family of programs, then others.
    """
    firsts = list({part.instrument: part for part in reversed(parts)}.values())[::-1]
    channels: dict[int, int] = {}
    for part in firsts:
        if part.channel in CHANNELS and part.channel not in channels.values():
            channels[part.instrument] = part.channel
    free = [channel for channel in CHANNELS if channel not in channels.values()]
    waiting = [part for part in firsts if part.instrument not in channels]
    if len(waiting) > len(free):
        channels, free, waiting = {}, list(CHANNELS), _one_of_each_kind_first(firsts)
    for part in waiting:
        channels[part.instrument] = free.pop(0) if free else _shared_channel(part, firsts, channels)
    return tuple(channels[part.instrument] for part in parts)


def _one_of_each_kind_first(parts: Sequence[Part]) -> list[Part]:
    """Return the parts in an order in which each program has its first part before any has its second."""
    seen: Counter[int] = Counter()
    ranks = []
    for part in parts:
        ranks.append(seen[part.program or 0])
        seen[part.program or 0] += 1
    return [part for _, part in sorted(zip(ranks, parts, strict=True), key=lambda ranked: ranked[0])]


def _shared_channel(part: Part, parts: Sequence[Part], channels: dict[int, int]) -> int:
    """Return the channel whose instrument is most like the part's, among equals the one with the fewest parts."""
    crowds = Counter(channels.values())

    def unlike(channel: int) -> tuple[int, int, int]:
        own = next(other for other in parts if channels.get(other.instrument) == channel).program or 0
        wanted = part.program or 0
        return (0 if own == wanted else 1 if own // 8 == wanted // 8 else 2), crowds[channel], channel

    return min(crowds, key=unlike)
