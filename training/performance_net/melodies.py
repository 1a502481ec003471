"""One voice of a piece that has many, for an instrument that plays one note at a time."""

import numpy as np

from models.performance_net.instruments import Instrument
from models.performance_net.representation import nearest_octave

CHORD_S = 0.03  # notes that begin within it begin together


def melody(notes: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Return what of ``notes`` (NOTE_DTYPE) is highest, or lowest of an instrument of the bass, when it begins.

    Nothing overlaps: a note ends where the next one begins. Each is moved by octaves to where the instrument has it.
    """
    height = -notes["pitch"] if instrument.bass else notes["pitch"]
    onsets, ends = notes["onset_sec"], notes["onset_sec"] + notes["duration_sec"]
    chosen: list[int] = []
    for index in np.lexsort((-height, onsets)).tolist():
        last = chosen[-1] if chosen else None
        if last is not None and onsets[index] < max(ends[last], onsets[last] + CHORD_S) and height[index] <= height[last]:
            continue  # below one that sounds
        if last is not None and onsets[index] < onsets[last] + CHORD_S:
            chosen.pop()
        chosen.append(index)
    voice = notes[chosen].copy()
    voice["duration_sec"][:-1] = np.minimum(voice["duration_sec"][:-1], np.diff(voice["onset_sec"]))
    voice["pitch"] = [nearest_octave(pitch, instrument.lowest_pitch, instrument.highest_pitch) for pitch in voice["pitch"].tolist()]
    return voice
