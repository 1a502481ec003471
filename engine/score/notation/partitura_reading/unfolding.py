"""The notes of a partitura part as arrays, and repeats played by copying rows of them: partitura would copy every object of the part."""

from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from engine.base.partitura_loader import load_partitura

NONE, ELSEWHERE = -1, -2  # of ties: no note, one that is not in the part


class PartNotes(NamedTuple):
    """The notes of a part in its order, (N,) each: ``starts`` and ``ends`` in partitura's time, and the rows of the notes tied to.

    ``pitches`` are as written.
    """

    starts: np.ndarray
    ends: np.ndarray
    before: np.ndarray
    after: np.ndarray
    pitches: np.ndarray
    voices: np.ndarray
    staves: np.ndarray
    graces: np.ndarray
    identifiers: list[str]


class Segment(NamedTuple):
    """What is played from ``start`` to ``end``, ``shift`` later."""

    start: int
    end: int
    shift: int


class PlayedNotes(NamedTuple):
    """Of each note that begins to sound (K,) the row of the printed one, and start and duration with its ties in partitura's time."""

    rows: np.ndarray
    starts: np.ndarray
    durations: np.ndarray
    identifiers: list[str]


def part_notes(notes: Sequence[Any]) -> PartNotes:
    """Return the tables of all notes of a part."""
    grace = load_partitura().score.GraceNote
    index = {id(note): row for row, note in enumerate(notes)}

    def row_of(note: Any) -> int:
        return NONE if note is None else index.get(id(note), ELSEWHERE)

    def whole(values: Any) -> np.ndarray:
        return np.fromiter(values, dtype=np.int64, count=len(notes))

    return PartNotes(
        starts=whole(note.start.t for note in notes),
        ends=whole(note.end.t for note in notes),
        before=whole(row_of(note.tie_prev) for note in notes),
        after=whole(row_of(note.tie_next) for note in notes),
        pitches=whole(note.midi_pitch for note in notes),
        voices=whole(note.voice or 1 for note in notes),
        staves=whole(note.staff or 0 for note in notes),
        graces=np.fromiter((isinstance(note, grace) for note in notes), dtype=bool, count=len(notes)),
        identifiers=[note.id for note in notes],
    )


def printed_notes(notes: PartNotes) -> PlayedNotes:
    """Return the notes that begin to sound on the page."""
    rows = np.flatnonzero(notes.before == NONE)
    durations = _tied_durations(notes, rows, 0, len(notes.starts))
    return PlayedNotes(rows, notes.starts[rows], durations, [notes.identifiers[row] for row in rows.tolist()])


def unfolded_notes(notes: PartNotes, segments: Sequence[Segment], numbered: bool) -> PlayedNotes:
    """Return the notes that begin to sound when segments are played: ties do not go from one to the next.

    ``numbered``: ids have -1 where a note comes first, -2 where it comes again, and so on.
    """
    rows, starts, durations, identifiers = [], [], [], []
    times: Counter[str] = Counter()
    for segment in segments:
        first, last = (int(place) for place in np.searchsorted(notes.starts, (segment.start, segment.end)))
        inside = np.arange(first, last)
        own = inside[(notes.before[inside] < first) | (notes.before[inside] >= last)]
        rows.append(own)
        starts.append(notes.starts[own] + segment.shift)
        durations.append(_tied_durations(notes, own, first, last))
        if numbered:
            shown = []
            for identifier in notes.identifiers[first:last]:
                times[identifier] += 1
                shown.append(f"{identifier}-{times[identifier]}")
            identifiers += [shown[row - first] for row in own.tolist()]
        else:
            identifiers += [notes.identifiers[row] for row in own.tolist()]
    return PlayedNotes(np.concatenate(rows), np.concatenate(starts), np.concatenate(durations), identifiers)


def _tied_durations(notes: PartNotes, rows: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return how long notes last with those that they are tied to, from row ``first`` to before ``last``."""
    lengths = notes.ends - notes.starts
    sums = lengths[rows]
    for place in np.flatnonzero((notes.after[rows] >= first) & (notes.after[rows] < last)).tolist():
        seen, row = {int(rows[place])}, int(notes.after[rows[place]])
        while first <= row < last:
            if row in seen:
                raise ValueError("a note is tied to itself")
            seen.add(row)
            sums[place] += lengths[row]
            row = int(notes.after[row])
    return sums


def segments_of(part: Any, repeats: str) -> tuple[Any, list[Segment]]:
    """Return partitura's path through a part, with repeats played ("play") or skipped, and what it plays where."""
    plays = repeats == "play"
    path = load_partitura().score.get_paths(part, no_repeats=not plays, all_repeats=plays, ignore_leap_info=True)[0]
    segments, now = [], 0
    for identifier in path.path:
        start, end = path.segments[identifier].start.t, path.segments[identifier].end.t
        segments.append(Segment(start, end, now - start))
        now += end - start
    return path, segments


def unfolded_rest(part: Any, path: Any, segments: Sequence[Segment]) -> tuple[Any, int]:
    """Return the part as it is played with its bars, metres, words, tempos and transpositions alone, and where it ends with all else.

    Takes the part apart.
    """
    score = load_partitura().score
    wanted = ("Measure", "TimeSignature", "Words", "TempoDirection", "Tempo", "Transposition", "Fermata", "Segment")
    not_played = ("Repeat", "Ending", "ToCoda", "DaCapo", "DalSegno", "System", "Page")
    kept, left_out = (tuple(getattr(score, name) for name in names) for names in (wanted, not_played))
    is_kept, is_left_out = (cache(partial(_is_kind, kinds)) for kinds in (kept, left_out))
    times = np.array([point.t for point in part._points])
    reached = times.tolist()  # by what is taken out at each point
    points = []
    for place, point in enumerate(part._points):
        for kind in [kind for kind in point.starting_objects if not is_kept(kind)]:
            objects = point.starting_objects.pop(kind)
            if not is_left_out(kind):
                reached[place] = max([reached[place], *(each.end.t for each in objects if each.end is not None)])
        for kind in [kind for kind in point.ending_objects if not is_kept(kind)]:
            del point.ending_objects[kind]
        if any(point.starting_objects.values()) or any(point.ending_objects.values()):
            points.append(point)
    for point, before, after in zip(points, [None, *points], [*points[1:], None], strict=False):
        point.prev, point.next = before, after
    part._points[:] = points
    part._points.times[:] = [point.t for point in points]
    rest = score.new_part_from_path(path, part, update_ids=False)
    ends = [max(reached[slice(*np.searchsorted(times, (start, end)))]) + shift for start, end, shift in segments]
    return rest, max([rest.last_point.t, *ends])


def _is_kind(kinds: tuple[type, ...], kind: type) -> bool:
    return issubclass(kind, kinds)
