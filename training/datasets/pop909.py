"""The POP909 data set: pop songs as pianists played them into a sequencer (Wang et al., ISMIR 2020; MIT).

A MIDI file a song, with the tracks MELODY, BRIDGE and PIANO: the tune, what answers it, and the accompaniment with its pedal. A song is
heard twice, as a whole and as its accompaniment alone, and once of them without its pedals, as a sequencer's track is.

Splits go by a song's place in the sorted folder, from 0: every tenth (``place % 10 == 0``) is held out, of those that remain every tenth
(``place % 10 == 5``) is for validation.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import symusic

from engine.base.errors import PerfLiveError
from engine.midi.events import SUSTAIN_PEDAL
from training.datasets.asap import FoldSplit
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance

LICENCE = "MIT"
TRAINING_DATA = "POP909, songs whose place is no multiple of 5"  # as the contracts of the graphs say it
PIANO = "PIANO"
TRACKS = ("MELODY", "BRIDGE", PIANO)


def read_pop909(root: Path, split: FoldSplit, pedals: bool | None = None) -> Iterator[Performance]:
    """Yield each song of the split as a whole, then its accompaniment, which is called so behind the file's name.

    ``pedals``: whether they have the pedals that were played; None gives them to one of both, in turn. Raises PerfLiveError where the
    folder is not the data set, or a file cannot be read.
    """
    paths = sorted(root.glob("[0-9][0-9][0-9].mid"))
    if not paths:
        raise PerfLiveError(f"{root}: not the POP909 data set, it has no songs such as 001.mid; give its folder")
    for place, path in enumerate(paths):
        if _split(place) != split:
            continue
        for number, performance in enumerate(_read(path)):
            shown = (place + number) % 2 == 1 if pedals is None else pedals
            yield performance if shown else replace(performance, pedals=performance.pedals[:0], hidden_pedals=performance.pedals)


def _split(place: int) -> FoldSplit:
    if place % 10 == 0:
        return "held_out"
    return "validation" if place % 10 == 5 else "train"


def _read(path: Path) -> tuple[Performance, Performance]:
    """Return a song and its accompaniment."""
    try:
        score: Any = symusic.Score(str(path), ttype="second")
    except Exception as error:  # symusic raises RuntimeError and its C++ relatives, undocumented
        raise PerfLiveError(f"{path}: cannot be read as MIDI ({str(error).splitlines()[0]}); unpack the data set again") from error
    tracks = {track.name: track for track in score.tracks}
    if missing := [name for name in TRACKS if name not in tracks]:
        raise PerfLiveError(f"{path}: lacks the tracks {', '.join(missing)}; expected {', '.join(TRACKS)}; unpack the data set again")
    moves = [(move.time, move.number, move.value) for move in tracks[PIANO].controls if move.number == SUSTAIN_PEDAL]
    pedals = np.array(moves, PEDAL_DTYPE)
    pedals = pedals[np.argsort(pedals["time_sec"], kind="stable")]
    song = _notes([tracks[name] for name in TRACKS])
    return (
        Performance(path.name, path.stem, song, pedals),
        Performance(f"{path.name} accompaniment", path.stem, _notes([tracks[PIANO]]), pedals),
    )


def _notes(tracks: list[Any]) -> np.ndarray:
    notes = [(note.start, note.duration, note.pitch, note.velocity) for track in tracks for note in track.notes]
    return np.sort(np.array(notes, NOTE_DTYPE), order=("onset_sec", "pitch"))
