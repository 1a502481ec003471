"""A song has one groove: its bass goes with the drums, and what else is played lies around them.

A note of the bass that is written where a drum is struck has the drum's timing. The others have a share of the timing of the drums around.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.midi.events import PROGRAM_CHANGE, Event, channel_of, is_channel_message, is_note_on
from engine.midi.general_midi import plain_words
from models.drums.representation import KEYS, KICK

BASSES = range(32, 40)  # General MIDI's group
FURTHEST_NS = 2_000_000_000  # a stroke that is further away says nothing of a note's timing


def bass_notes(events: Sequence[Event], track_names: Sequence[str]) -> list[int]:
    """Return which messages begin notes of a bass: by its program, or where no program was chosen by the name of its track."""
    programs: dict[int, int] = {}
    named = {track for track, name in enumerate(track_names) if "bass" in plain_words(name).split()}
    found = []
    for index, event in enumerate(events):
        if not is_channel_message(event.message):
            continue
        channel = channel_of(event.message)
        if event.message[0] & 0xF0 == PROGRAM_CHANGE:
            programs[channel] = event.message[1]
        elif is_note_on(event.message) and (programs[channel] in BASSES if channel in programs else event.track in named):
            found.append(index)
    return found


def with_the_drums(
    notes: Sequence[int], places: np.ndarray, shifts: Mapping[int, float], key_of: Callable[[int], int]
) -> dict[int, float]:
    """Return by how much notes at ``places`` are moved with the strokes ``shifts``, by index: with the kick drum, or else with another.

    ``key_of`` gives General MIDI's key for a stroke.
    """
    at: dict[float, float] = {}
    for index in sorted(shifts, key=lambda index: KEYS[key_of(index)][0] == KICK):  # what comes last counts
        at[places[index]] = shifts[index]
    return {index: at[places[index]] for index in notes if places[index] in at}


def around_the_drums(notes: np.ndarray, places: np.ndarray, shifts: Mapping[int, float], share: float) -> dict[int, float]:
    """Return by how much ``notes``, indices, are moved: by a ``share`` of how the strokes ``shifts``, by index, are moved around them.

    ``places`` and shifts are in ns. Between two strokes the timing goes from one's to the other's.
    """
    if not (share and shifts and len(notes)):
        return {}
    struck, groups = np.unique(places[list(shifts)], return_inverse=True)
    moved = np.bincount(groups, list(shifts.values())) / np.bincount(groups)
    own = places[notes]
    after = np.searchsorted(struck, own).clip(max=len(struck) - 1)
    before = np.where(struck[after] == own, after, (after - 1).clip(0))
    far = np.maximum(np.abs(struck[after] - own), np.abs(own - struck[before])) > FURTHEST_NS
    found = np.where(far, 0.0, share * np.interp(own, struck, moved))
    return dict(zip(notes.tolist(), found.tolist(), strict=True))
