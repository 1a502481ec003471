"""The bass of a song goes with its drums: a note that is written where a drum is struck has the drum's timing."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.midi.events import PROGRAM_CHANGE, Event, channel_of, is_channel_message, is_note_on
from engine.midi.general_midi import plain_words
from models.drums.representation import KEYS, KICK

BASSES = range(32, 40)  # General MIDI's group


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
