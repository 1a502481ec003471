"""What a score says beside its notes, as meta events in the tracks of a MIDI file: names, metres, words, dynamics, lyrics, chord symbols.

Texts are in UTF-8. Kinds are those of Standard MIDI Files 1.0; a syllable that ends a word ends in a space (RP-017).
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isclose

import numpy as np

from engine.midi.chunks import KeptEvent
from engine.midi.file import MidiTimeline, Track, encode_length
from engine.score.tables import DYNAMICS, Score

TEXT, COPYRIGHT, TRACK_NAME, LYRIC, MARKER, TIME_SIGNATURE = 0x01, 0x02, 0x03, 0x05, 0x06, 0x58
CLOCKS_A_QUARTER, THIRTY_SECONDS_A_QUARTER = 24, 8
BESIDE_NOTES = {"lyric": LYRIC, "chord": MARKER, "rehearsal": MARKER}


def track_timeline(score: Score, names: Sequence[str], division: int) -> MidiTimeline:
    """Return tracks of ``division`` ticks a quarter for the parts of a score, without notes: see above.

    A text of the whole score stands in the first; a syllable in its part's.
    """
    metas = _head(score, names[0]) + _metres(score, division) + _words(score, division) + _dynamics(score, division)
    rows: list[list[tuple[int, bytes]]] = [[(0, meta(TRACK_NAME, name.encode()))] if name else [] for name in names]
    rows[0] += metas
    for text in score.annotations:
        if kind := BESIDE_NOTES.get(text.kind):
            track = text.part if kind == LYRIC else 0
            rows[track].append((round(text.onset_quarter * division), meta(kind, text.text.encode())))
    end_tick = round(score.end_quarter * division)
    tracks = tuple(Track(tuple(KeptEvent(tick, 0, data) for tick, data in sorted(row, key=lambda each: each[0])), end_tick) for row in rows)
    return MidiTimeline([], tracks, 1 if len(names) > 1 else 0, division)


def meta(kind: int, data: bytes) -> bytes:
    """Return a meta event as it stands in a file after its delta time."""
    return bytes((0xFF, kind)) + encode_length(len(data)) + data


def _head(score: Score, first_name: str) -> list[tuple[int, bytes]]:
    """Return the title, as the sequence's name where the first track has none of its own, and whose the score is."""
    kinds = {"title": TEXT if first_name else TRACK_NAME, "composer": TEXT, "lyricist": TEXT, "copyright": COPYRIGHT}
    return [(0, meta(kinds[text.kind], text.text.encode())) for text in score.annotations if text.kind in kinds]


def _metres(score: Score, division: int) -> list[tuple[int, bytes]]:
    """Return time signatures such that bar lines fall where the score has them: an upbeat has one of its own."""
    found: list[tuple[float, int, int]] = []
    starts = score.time_signatures["onset_quarter"]
    for onset, duration, _ in score.measures.tolist():
        index = int(np.searchsorted(starts, onset + 1e-6, side="right")) - 1
        _, beats, beat_type = score.time_signatures[max(index, 0)].tolist() if len(starts) else (0.0, 4, 4)
        actual = duration * beat_type / 4
        if not isclose(actual, beats, abs_tol=1e-6) and actual >= 1 and isclose(actual, round(actual), abs_tol=1e-6):
            beats = round(actual)
        found.append((onset, beats, beat_type))
    changes = found[:1] + [row for before, row in pairwise(found) if row[1:] != before[1:]]
    return [
        (
            round(onset * division),
            meta(
                TIME_SIGNATURE,
                bytes((min(beats, 255), max(beat_type, 1).bit_length() - 1, CLOCKS_A_QUARTER, THIRTY_SECONDS_A_QUARTER)),
            ),
        )
        for onset, beats, beat_type in changes
    ]


def _words(score: Score, division: int) -> list[tuple[int, bytes]]:
    """Return tempo words as markers, which serve to navigate, and other words as text; those that all parts have, once."""
    rows = dict.fromkeys((word.onset_quarter, word.text, word.kind in ("tempo", "a-tempo")) for word in score.words)
    return [(round(onset * division), meta(MARKER if marks else TEXT, text.encode())) for onset, text, marks in rows]


def _dynamics(score: Score, division: int) -> list[tuple[int, bytes]]:
    if not score.has_markings:
        return []
    rows: list[tuple[int, bytes]] = []
    for part in np.unique(score.notes["part"]).tolist():
        own = score.notes["part"] == part
        levels, onsets = score.markings["dynamic"][own], score.notes["onset_quarter"][own]
        for index in np.flatnonzero(np.diff(levels, prepend=0)).tolist():
            if levels[index]:
                rows.append((round(float(onsets[index]) * division), meta(TEXT, DYNAMICS[levels[index] - 1].encode())))
    return list(dict.fromkeys(rows))
