"""Several performers as one: a chain, in which each performs what the one before it gives out, or one for each range of keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.base.errors import UsageError
from engine.midi.routing import parse_keys
from engine.performers.controls import Control
from engine.performers.notes.chain import ChainStream
from engine.performers.notes.performer import NotesPerformer
from engine.performers.notes.split import SplitStream
from engine.performers.protocol import Performer, PerformerStream
from engine.systems.combination import Part, parse_combination
from engine.systems.manifest import Kind, Request

Member = tuple[str, tuple[Control, ...]]  # a performer's name and its controls


class Combination(NotesPerformer):
    """Base of performers that are made of others. A control that several of them have each in its own way is called PERFORMER.CONTROL."""

    def __init__(self, name: str, performers: Sequence[Performer], latency_ns: int):
        self.name = name
        self._performers = performers
        self.controls = merge_controls([(each.name, each.controls) for each in performers])
        self.latency_ns = latency_ns
        self.plays = Kind.IMPROVISES if any(each.plays is Kind.IMPROVISES for each in performers) else Kind.NOTES

    def _begin(self, seed: int, controls: Mapping[str, float]) -> list[PerformerStream]:
        streams = []
        for each in self._performers:
            own = {name: value for given, value in controls.items() if (name := own_name(each.name, each.controls, given))}
            streams.append(each.perform(None, Request(), own, seed, live=True))  # they may be: what they need is there before they begin
        return streams

    def _setters(self, streams: Sequence[PerformerStream]) -> dict[str, list[tuple[PerformerStream, str]]]:
        """Return for each control the streams that have it, and by which name."""
        pairs = list(zip(self._performers, streams, strict=True))
        return {
            control.name: [(stream, name) for each, stream in pairs if (name := own_name(each.name, each.controls, control.name))]
            for control in self.controls
        }


class Chain(Combination):
    """Performers one after the other. All but the last answer at once."""

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> ChainStream:
        streams = self._begin(seed, controls)
        return ChainStream(streams, self._setters(streams))


class Split(Combination):
    """A performer for each range of keys; keys of none go out as they came. All answer at once."""

    def __init__(self, name: str, performers: Sequence[Performer], ranges: Sequence[frozenset[int]]):
        super().__init__(name, performers, 0)
        self._ranges = ranges

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> SplitStream:
        streams = self._begin(seed, controls)
        return SplitStream(streams, self._ranges, self._setters(streams))


def combine(name: str, load: Callable[[str, Path | None, float | None], Performer], lookahead_s: float | None) -> Performer:
    """Return the performers that ``name`` combines as one. Raises UsageError for a combination that cannot be played."""
    parts = parse_combination(name)
    ranges = _ranges(name, parts, lookahead_s)
    chains = [_chain(part, load, lookahead_s) for part in parts]
    return Split(name, chains, ranges) if ranges else chains[0]


def _chain(part: Part, load: Callable[[str, Path | None, float | None], Performer], lookahead_s: float | None) -> Performer:
    *firsts, last = part.names
    performers = [*(load(each, None, None) for each in firsts), load(last, None, lookahead_s)]
    return performers[0] if len(performers) == 1 else Chain("+".join(part.names), performers, performers[-1].latency_ns)


def _ranges(name: str, parts: Sequence[Part], lookahead_s: float | None) -> list[frozenset[int]]:
    """Return the keys of each part, none where there is but one part for all keys."""
    if len(parts) == 1 and not parts[0].keys:
        return []
    if lookahead_s:
        raise UsageError(f"--lookahead: performers on ranges of keys answer at once; leave it out, or name one performer and not {name!r}")
    ranges: list[frozenset[int]] = []
    for part in parts:
        if not part.keys:
            raise UsageError(f"performer {name!r}: {'+'.join(part.names)!r} has no keys; give a range to each, as in velocity@C-1-B3")
        keys = parse_keys(part.keys, f"performer {name!r}: keys")
        if any(keys & taken for taken in ranges):
            raise UsageError(f"performer {name!r}: two have keys of {part.keys}; give each key to one of them")
        ranges.append(keys)
    return ranges


def combined_controls(
    name: str, known: Callable[[str, Path | None, float | None], tuple[Control, ...]], lookahead_s: float | None
) -> tuple[Control, ...]:
    """Return the controls of a combination without loading it. Raises as ``combine``."""
    parts = parse_combination(name)
    _ranges(name, parts, lookahead_s)
    chains: list[Member] = []
    for part in parts:
        members = [(each, known(each, None, lookahead_s if each is part.names[-1] else None)) for each in part.names]
        chains.append(members[0] if len(members) == 1 else ("+".join(part.names), merge_controls(members)))
    return merge_controls(chains) if len(chains) > 1 else chains[0][1]


def merge_controls(members: Sequence[Member]) -> tuple[Control, ...]:
    """Return the controls of several performers; one that they have differently once for each that has it."""
    merged: dict[str, Control] = {}
    for name, controls in members:
        for control in controls:
            others = {each for _, theirs in members for each in theirs if each.name == control.name}
            named = control if len(others) == 1 else replace(control, name=f"{name}.{control.name}")
            merged[named.name] = named
    return tuple(merged.values())


def own_name(performer: str, controls: Sequence[Control], given: str) -> str:
    """Return how a performer calls the control of a combination, "" for one that it does not have."""
    named = given.removeprefix(f"{performer}.")
    return named if any(control.name == named for control in controls) else ""
