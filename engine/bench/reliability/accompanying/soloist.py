"""A simulated soloist: takes of one part, with their own timing, played in stretches, with errors, pauses and leaps to anywhere.

What he plays is cut from whole takes, which are a human's or a performance by a network that draws each value. Strokes that are nearer to
each other than a prober can tell apart leave together.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.bench.measuring.takes import NS_PER_S, Slot
from engine.midi.events import Event, channel_of, is_channel_message, is_note_off, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file
from engine.runtime.following.rendition import Rendition

CHANNEL = 15  # of the soloist, as MIDI counts from 0: scores seldom use the sixteenth
APART_NS = 25_000_000  # strokes nearer than this to the first of a moment leave with it
STRETCH_S, PAUSE_S, HALT_S = (10.0, 50.0), (0.8, 5.0), (2.0, 7.0)
ERRORS = 0.05  # of strokes: the share that is wrong, the share that is missing, and that of others between
HALTS = 0.004  # of strokes: before how many the soloist stops for a while
FROM_BEGINNING = 0.3  # of stretches
EXTRA_S = (0.03, 0.2)  # behind a stroke, and as long
SHORTEST_NS = 30_000_000


class Stroke(NamedTuple):
    begin_ns: int
    end_ns: int
    pitch: int
    velocity: int


def take_of_file(path: Path) -> list[Stroke]:
    """Return the notes of a MIDI file, by onset. Raises PerfLiveError for one without notes."""
    open_keys: dict[tuple[int, int], Event] = {}
    found = []
    for event in read_midi_file(path).events:
        if not is_channel_message(event.message):
            continue
        key = channel_of(event.message), event.message[1]
        if (is_note_on(event.message) or is_note_off(event.message)) and (begun := open_keys.pop(key, None)):
            found.append(Stroke(begun.time_ns, event.time_ns, begun.message[1], begun.message[2]))
        if is_note_on(event.message):
            open_keys[key] = event
    if not found:
        raise PerfLiveError(f"{str(path)!r} has no notes; give a take of the soloist's part")
    return sorted(found)


def take_of_rendition(rendition: Rendition, rows: np.ndarray) -> list[Stroke]:
    """Return what a performance has of the notes ``rows`` (N,) of its score."""
    notes = rendition.notes[rows[rendition.notes["note"]]]
    times = ((1e9 * notes[name]).astype(np.int64).tolist() for name in ("onset_sec", "end_sec"))
    return sorted(map(Stroke, *times, notes["pitch"].tolist(), notes["velocity"].tolist()))


class Playing(NamedTuple):
    """What a soloist plays, and how often he stopped for a while, and how often he went on elsewhere."""

    slots: list[Slot]
    halts: int
    leaps: int


def play_solo(takes: Sequence[Sequence[Stroke]], seconds: float, seed: int) -> Playing:
    """Return about ``seconds`` of playing that ends with every key released."""
    random, strokes = Random(seed), []
    now_ns, halts, leaps = 0, 0, 0
    while now_ns < seconds * NS_PER_S:
        stretch, stops = _stretch(takes, random)
        strokes += [stroke._replace(begin_ns=stroke.begin_ns + now_ns, end_ns=stroke.end_ns + now_ns) for stroke in stretch]
        now_ns = max(stroke.end_ns for stroke in strokes) + _drawn_ns(random, PAUSE_S)
        halts, leaps = halts + stops, leaps + 1
    return Playing(_slots(strokes), halts, leaps - 1)


def _stretch(takes: Sequence[Sequence[Stroke]], random: Random) -> tuple[list[Stroke], int]:
    """Return a part of a take, with errors, which begins at 0, and how often it stops."""
    take, later_ns, stops = random.choice(takes), 0, 0
    first = 0 if random.random() < FROM_BEGINNING else random.randrange(max(len(take) - 1, 1))
    origin_ns, longest_ns, played = take[first].begin_ns, _drawn_ns(random, STRETCH_S), []
    for stroke in take[first:]:
        if stroke.begin_ns - origin_ns > longest_ns:
            break
        if random.random() < HALTS:
            later_ns, stops = later_ns + _drawn_ns(random, HALT_S), stops + 1
        moved = stroke._replace(begin_ns=stroke.begin_ns - origin_ns + later_ns, end_ns=stroke.end_ns - origin_ns + later_ns)
        played += _with_errors(moved, random)
    return played or [take[first]._replace(begin_ns=0, end_ns=take[first].end_ns - origin_ns)], stops


def _with_errors(stroke: Stroke, random: Random) -> list[Stroke]:
    if random.random() < ERRORS:
        return []
    if random.random() < ERRORS:
        stroke = stroke._replace(pitch=_beside(stroke.pitch, random))
    found = [stroke]
    if random.random() < ERRORS:
        begin_ns = stroke.begin_ns + _drawn_ns(random, EXTRA_S)
        found.append(Stroke(begin_ns, begin_ns + _drawn_ns(random, EXTRA_S), _beside(stroke.pitch, random), stroke.velocity))
    return found


def _beside(pitch: int, random: Random) -> int:
    return min(max(pitch + random.choice((-2, -1, 1, 2)), 0), 127)


def _drawn_ns(random: Random, bounds_s: tuple[float, float]) -> int:
    return round(random.uniform(*bounds_s) * NS_PER_S)


def _slots(strokes: Sequence[Stroke]) -> list[Slot]:
    """Return moments with all that begins or ends at each; a key that is struck again is released before."""
    events: list[tuple[int, bytes]] = []
    until: dict[int, int] = {}  # by key: where its release stands in ``events``, behind its beginning
    for stroke in sorted(strokes):
        if (held := until.get(stroke.pitch)) is not None:
            if stroke.begin_ns - events[held - 1][0] < SHORTEST_NS:
                continue
            events[held] = (min(events[held][0], stroke.begin_ns), events[held][1])
        events.append((stroke.begin_ns, note_on(CHANNEL, stroke.pitch, stroke.velocity)))
        until[stroke.pitch] = len(events)
        events.append((max(stroke.end_ns, stroke.begin_ns + SHORTEST_NS), note_off(CHANNEL, stroke.pitch)))
    events.sort(key=lambda event: (event[0], is_note_on(event[1])))
    moments: list[tuple[int, list[bytes]]] = []
    for time_ns, message in events:
        if not moments or time_ns - moments[-1][0] >= APART_NS:
            moments.append((time_ns, []))
        moments[-1][1].append(message)
    ends = [time_ns for time_ns, _ in moments[1:]] + [moments[-1][0] + APART_NS]
    return [Slot(end_ns - time_ns, tuple(messages), ()) for (time_ns, messages), end_ns in zip(moments, ends, strict=True)]
