"""How far two readings of a score have the same sounding notes."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from training.metrics.matching import count_pairs

SAME_ONSET_QUARTERS = 0.05  # readers round tuplets differently

Note = tuple[float, int, bool]  # onset in quarters after repeats, pitch, whether it is a grace note


def common_notes(one: Iterable[Note], other: Iterable[Note]) -> int:
    """Return how many notes can be paired by pitch and onset. Grace notes pair with grace notes by pitch: their times are free."""
    places = [_places(notes) for notes in (one, other)]
    return sum(count_pairs(onsets, places[1].get(key, []), SAME_ONSET_QUARTERS) for key, onsets in places[0].items())


def first_difference(one: list[Note], other: list[Note]) -> str:
    """Return where the readings part: the first onset at which they have other pitches."""
    struck: list[dict[float, list[int]]] = [defaultdict(list), defaultdict(list)]
    for own, notes in zip(struck, (one, other), strict=True):
        for onset, pitch, is_grace in notes:
            if not is_grace:
                own[round(onset, 1)].append(pitch)
    for onset in sorted(set(chain(*struck))):
        here, there = (sorted(own.get(onset, [])) for own in struck)
        if here != there:
            return f"quarter {onset:g}: {here} beside {there}"
    return ""


def _places(notes: Iterable[Note]) -> dict[tuple[int, bool], list[float]]:
    found: dict[tuple[int, bool], list[float]] = defaultdict(list)
    for onset, pitch, is_grace in notes:
        found[pitch, is_grace].append(0.0 if is_grace else onset)
    return {key: sorted(onsets) for key, onsets in found.items()}
