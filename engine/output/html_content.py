"""What a performance shows on its page, as JSON: rolls, curves and pedals over score positions or seconds, and the engraved score.

``course`` leads from the seconds of the sound to places, ``human_course`` from those of a human's: the cursor follows it. Lists of numbers
are rounded, as files go by mail.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.files import NOTATION_SUFFIXES
from engine.base.saying import say
from engine.midi.events import SUSTAIN_PEDAL, Event, control_change, note_off, note_on
from engine.midi.note_table import Played, note_array, pedal_array
from engine.output.engraving.engraving import Request, engrave
from engine.output.picture_page import ACCENT, HUMAN
from engine.output.score_picture import Shown, show_performance, smooth, smooth_tempo
from engine.output.score_sinks import Remembering, named_parts, read_performed
from engine.output.take_picture import parts_of, smooth_velocity
from engine.score.piece import Piece
from engine.score.tables import Score
from models.performance.representation import Performed

ENGRAVED_WIDTH = 1000  # pixels; the page makes it as wide as it is itself
DIGITS = 3
MOST_POINTS = 4000  # of a curve
SMOOTHING_QUARTERS = 1.5


def show_score(
    piece: Piece, path: Path | None, performance: Remembering, sent: Sequence[Event], origin_ns: int, human: Performed | None
) -> dict[str, Any]:
    """Return what is shown of a score's performance, whose sound begins at ``origin_ns``; ``path`` is the score's file."""
    score = piece.played.score
    performed = read_performed(performance, sent)
    shown = [show_performance(score, performed, ACCENT, "performed")]
    if human is not None:
        shown.append(show_performance(piece.score, human, HUMAN, "human"))
    parts = named_parts(piece)
    of_notes = None if parts is None else parts.of_notes[np.isfinite(performed.onset_sec)]
    passed = sorted((time_ns - origin_ns, quarter) for quarter, time_ns in performance.passed)
    grid = np.linspace(0, score.end_quarter, int(np.clip(2 * score.end_quarter, 50, MOST_POINTS)))
    return {
        "unit": "bar",
        "end": round(score.end_quarter, DIGITS),
        "human_course": _human_course(piece.score, human) if human is not None else None,
        "course": _table([time_ns / 1e9 for time_ns, _ in passed], [quarter for _, quarter in passed]),
        "ticks": [[round(float(bar["onset_quarter"]), DIGITS), str(bar["number"])] for bar in score.measures],
        "parts": [] if parts is None else list(parts.names),
        "rolls": [_roll(each, of_notes if each is shown[0] else None) for each in shown],
        "curves": [
            _curve("tempo, beats a minute", [(each, each.beats, smooth_tempo(each)) for each in shown if len(each.tempo)]),
            _curve("velocity", [(each, grid, smooth(each.onset_quarter, each.velocity, grid, SMOOTHING_QUARTERS)) for each in shown]),
        ],
        "pedals": [{"label": each.label, "points": _table(each.pedal[:, 0], each.pedal[:, 1])} for each in shown],
        **_engraved(piece, path),
    }


def show_take(
    written: Sequence[Event], performed: Sequence[Event], human: Played | None, track_names: Sequence[str], drums: bool
) -> dict[str, Any]:
    """Return what is shown of a take, whose times count from where its sound begins."""
    parts, names = parts_of(performed, track_names, drums)
    notes, before, pedal = np.concatenate(parts), note_array(written, drums), pedal_array(performed)
    part = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    end_s = max(float((notes["onset_sec"] + notes["duration_sec"]).max(initial=0.1)), 0.1)
    rolls, heard, pedals = [("performed", notes, part)], [("input", before), ("performed", notes)], [("performed", pedal)]
    if human is not None:
        rolls.append(("human", human.notes, np.zeros(len(human.notes), int)))
        heard.append(("human", human.notes))
        pedals.append(("human", human.pedal))
    lines = [{"label": label, "points": _points(*smooth_velocity(own, end_s))} for label, own in heard]
    return {
        "unit": "s",
        "end": round(end_s, DIGITS),
        "course": [[0.0, 0.0], [end_s, end_s]],
        "human_course": [[0.0, 0.0], [end_s, end_s]],
        "ticks": [[float(place), str(place)] for place in range(0, int(end_s) + 1, 5)],
        "parts": names,
        "rolls": [
            {"label": label, "notes": _table(own["onset_sec"], own["onset_sec"] + own["duration_sec"], own["pitch"], own["velocity"], of)}
            for label, own, of in rolls
        ],
        "curves": [{"label": "velocity", "lines": lines}],
        "pedals": [{"label": label, "points": _table(own[:, 0], own[:, 1])} for label, own in pedals],
        "score": None,
        "bars": [],
    }


def _human_course(score: Score, human: Performed) -> list[list[float]]:
    """Return when a human is at the onsets of the score: in the mean of what begins there, and never backwards."""
    found = np.isfinite(human.onset_sec)
    quarters, index = np.unique(score.notes["onset_quarter"][found], return_inverse=True)
    seconds = np.bincount(index, weights=human.onset_sec[found]) / np.bincount(index)
    return _table(np.maximum.accumulate(seconds) + 1e-3 * np.arange(len(seconds)), quarters)


def events_of(played: Played) -> list[Event]:
    """Return the messages of notes and pedal; the pedal moves before a note of the same time."""
    events = [Event(round(time_sec * 1e9), control_change(0, SUSTAIN_PEDAL, int(value))) for time_sec, value in played.pedal.tolist()]
    for begin_sec, duration_sec, pitch, velocity in played.notes[["onset_sec", "duration_sec", "pitch", "velocity"]].tolist():
        events.append(Event(round(begin_sec * 1e9), note_on(0, pitch, velocity)))
        events.append(Event(round((begin_sec + duration_sec) * 1e9), note_off(0, pitch)))
    return sorted(events, key=lambda event: event.time_ns)


def _engraved(piece: Piece, path: Path | None) -> dict[str, Any]:
    """Return the engraved score and its bars, where there is a notation that verovio engraves."""
    bars = piece.score.measures
    shown = {"score": None, "bars": [{"number": int(bar["number"]), "begin_quarter": float(bar["onset_quarter"])} for bar in bars]}
    if path is None or path.suffix.lower() not in NOTATION_SUFFIXES:
        return shown
    try:
        return {**shown, "score": engrave(Request(str(path), ENGRAVED_WIDTH, bars["number"].tolist(), piece.repeats))}
    except PerfLiveError as error:
        say(f"{str(path)!r} is not engraved: {error}; its notes are shown as a piano roll")
        return shown


def _roll(shown: Shown, part: np.ndarray | None) -> dict[str, Any]:
    of = np.zeros(len(shown.pitch), int) if part is None else part
    return {"label": shown.label, "notes": _table(shown.left, shown.right, shown.pitch, shown.velocity, of)}


def _curve(label: str, lines: Iterable[tuple[Shown, np.ndarray, np.ndarray]]) -> dict[str, Any]:
    return {"label": label, "lines": [{"label": each.label, "points": _points(places, values)} for each, places, values in lines]}


def _points(places: np.ndarray, values: np.ndarray) -> list[list[float]]:
    known = np.isfinite(values)
    return _table(places[known], values[known])


def _table(*columns: Sequence[float] | np.ndarray) -> list[list[float]]:
    return [list(row) for row in zip(*(np.round(np.asarray(column, float), DIGITS).tolist() for column in columns), strict=True)]
