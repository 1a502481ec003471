"""A recorded performance as arrays, read from a MIDI file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import symusic

from engine.base.errors import PerfLiveError
from engine.midi.events import SOFT_PEDAL, SOSTENUTO_PEDAL, SUSTAIN_PEDAL

# partitura's field names
NOTE_DTYPE = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")])
PEDAL_DTYPE = np.dtype([("time_sec", "f8"), ("number", "i4"), ("value", "i4")])


@dataclass(frozen=True)
class Performance:
    """One performance of one piece.

    ``notes`` is sorted by onset, then pitch; durations are the keys' own (the sustain pedal does not lengthen them, see
    ``extend_with_pedal``). ``pedals`` holds controllers 64, 66 and 67, sorted by time, values 0 to 127. ``hidden_pedals`` were played too,
    but are to be guessed.
    """

    name: str
    piece: str
    notes: np.ndarray
    pedals: np.ndarray
    hidden_pedals: np.ndarray = field(default_factory=lambda: np.zeros(0, PEDAL_DTYPE))


def read_performance(path: Path, name: str, piece: str) -> Performance:
    """Read all notes and pedals of a MIDI file's non-drum tracks. Raises PerfLiveError when it cannot be read."""
    try:
        score: Any = symusic.Score(str(path), ttype="second")
    except Exception as error:  # symusic raises RuntimeError and its C++ relatives, undocumented
        raise PerfLiveError(f"{path}: cannot be read as MIDI ({str(error).splitlines()[0]})") from error
    tracks = [track for track in score.tracks if not track.is_drum]
    notes = [(note.start, note.duration, note.pitch, note.velocity) for track in tracks for note in track.notes]
    pedals = [
        (control.time, control.number, control.value)
        for track in tracks
        for control in track.controls
        if control.number in (SUSTAIN_PEDAL, SOSTENUTO_PEDAL, SOFT_PEDAL)
    ]
    note_table = np.array(notes, dtype=NOTE_DTYPE)
    pedal_table = np.array(pedals, dtype=PEDAL_DTYPE)
    return Performance(
        name,
        piece,
        np.sort(note_table, order=("onset_sec", "pitch")),
        pedal_table[np.argsort(pedal_table["time_sec"], kind="stable")],
    )


def extend_with_pedal(performance: Performance) -> Performance:
    """Return the performance with every note sounding on while the sustain pedal (value 64 or more) is down.

    A note ends at the pedal's release, or when its key is struck again, whichever comes first.
    """
    notes = performance.notes.copy()
    sustain = performance.pedals[performance.pedals["number"] == SUSTAIN_PEDAL]
    offsets = notes["onset_sec"] + notes["duration_sec"]
    end = max(offsets.max(initial=0.0), sustain["time_sec"].max(initial=0.0))
    state_at_offset = np.searchsorted(sustain["time_sec"], offsets, side="right") - 1
    down = sustain["value"] >= 64
    release_times = np.append(sustain["time_sec"][~down], end)
    held = (state_at_offset >= 0) & np.append(down, False)[state_at_offset]
    next_release = np.searchsorted(release_times, offsets, side="right").clip(max=len(release_times) - 1)
    extended = np.where(held, release_times[next_release], offsets)
    for pitch in np.unique(notes["pitch"]):
        same = np.flatnonzero(notes["pitch"] == pitch)
        next_onset = np.append(notes["onset_sec"][same[1:]], np.inf)
        extended[same] = np.minimum(extended[same], np.maximum(next_onset, offsets[same]))
    notes["duration_sec"] = extended - notes["onset_sec"]
    return Performance(performance.name, performance.piece, notes, performance.pedals)
