"""Alignments written as match files, version 1.0.0, which ``training.datasets.aligned`` and partitura read.

Source: Foscarin et al., "The match file format", MEC 2022. Beats follow the denominator of the time signature and are counted from the
first full measure. Notes are spelled with sharps: a Score knows pitches, not their names.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.files import whole_file
from engine.base.partitura_loader import load_partitura
from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL
from engine.score.tables import Score
from training.datasets.performances import Performance

TICKS_A_QUARTER, QUARTER_US = 5000, 500_000  # of the performance: a tick is a tenth of a millisecond
TICKS_A_SECOND = TICKS_A_QUARTER * 1_000_000 // QUARTER_US
SHARPS = (("C", 0), ("C", 1), ("D", 0), ("D", 1), ("E", 0), ("F", 0), ("F", 1), ("G", 0), ("G", 1), ("A", 0), ("A", 1), ("B", 0))
FINEST = 1024  # of a whole note


def write_match(path: Path, score: Score, performance: Performance, pairs: np.ndarray) -> None:
    """Write the alignment ``pairs`` (K, 2), as of ``match_notes``. Raises PerfLiveError when the file cannot be written."""
    text = "\n".join(str(line.matchline) for line in _lines(score, performance, pairs)) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _lines(score: Score, performance: Performance, pairs: np.ndarray) -> list[Any]:
    formats = load_partitura().io.matchlines_v1
    version = load_partitura().io.matchfile_utils.Version(1, 0, 0)
    header = {
        "matchFileVersion": version,
        "midiFileName": Path(performance.name).name,
        "midiClockUnits": TICKS_A_QUARTER,
        "midiClockRate": QUARTER_US,
    }
    bars = _Bars(score)
    lines = [formats.make_info(version, name, value) for name, value in header.items()]
    lines += [_time_signature(signature, bars, formats, version) for signature in score.time_signatures.tolist()]
    performed_of = dict(pairs.tolist())
    for row, snote in enumerate(_score_notes(score, bars, formats, version)):
        if row in performed_of:
            note = _performed_note(performance, performed_of[row], formats, version)
            lines.append(formats.MatchSnoteNote(version=version, snote=snote, note=note))
        else:
            lines.append(formats.MatchSnoteDeletion(version=version, snote=snote))
    inserted = np.setdiff1d(np.arange(len(performance.notes)), pairs[:, 1])
    for index in inserted.tolist():
        lines.append(formats.MatchInsertionNote(version=version, note=_performed_note(performance, index, formats, version)))
    pedals = {SUSTAIN_PEDAL: formats.MatchSustainPedal, SOFT_PEDAL: formats.MatchSoftPedal}
    for time_sec, number, value in performance.pedals.tolist():
        if number in pedals:
            lines.append(pedals[number](version=version, time=_ticks(time_sec), value=value))
    return lines


def _ticks(seconds: float) -> int:
    return round(seconds * TICKS_A_SECOND)


def _performed_note(performance: Performance, index: int, formats: Any, version: Any) -> Any:
    onset_sec, duration_sec, pitch, velocity = performance.notes[index].item()
    onset, offset = _ticks(onset_sec), _ticks(onset_sec + duration_sec)
    return formats.MatchNote(version, f"n{index}", pitch, onset, offset, velocity, 0, 0)


def _time_signature(signature: tuple[float, int, int], bars: "_Bars", formats: Any, version: Any) -> Any:
    parts = load_partitura().io.matchfile_utils
    onset, beats, beat_type = signature
    measure, beat, offset = bars.place(onset)
    value = parts.MatchTimeSignature(beats, beat_type, None, is_list=False)
    place = parts.FractionalSymbolicDuration(offset.numerator, offset.denominator)
    return formats.make_scoreprop(version, "timeSignature", value, measure, beat, place, bars.beats(onset))


def _score_notes(score: Score, bars: "_Bars", formats: Any, version: Any) -> list[Any]:
    """Return the score's notes in its order, with their places in measures, beats and parts of a whole note."""
    duration = load_partitura().io.matchfile_utils.FractionalSymbolicDuration
    snotes = []
    for row in score.notes:
        onset, length, pitch = float(row["onset_quarter"]), float(row["duration_quarter"]), int(row["pitch"])
        name, sharp = SHARPS[pitch % 12]
        measure, beat, offset = bars.place(onset)
        whole = Fraction(length / 4).limit_denominator(FINEST)
        attributes = [f"v{row['voice']}", f"staff{row['staff']}"] + ["grace"] * bool(row["is_grace"])
        snotes.append(
            formats.MatchSnote(
                version,
                str(row["id"]),
                name,
                sharp,
                pitch // 12 - 1,
                measure,
                beat,
                duration(offset.numerator, offset.denominator),
                duration(whole.numerator, whole.denominator),
                bars.beats(onset),
                bars.beats(onset + length),
                attributes,
            )
        )
    return snotes


class _Bars:
    """The measures and time signatures of a score, to name positions by."""

    def __init__(self, score: Score) -> None:
        self._signatures = score.time_signatures
        starts, types = score.time_signatures["onset_quarter"], score.time_signatures["beat_type"]
        self._beats_before = np.concatenate([[0.0], np.cumsum(np.diff(starts) * types[:-1] / 4)])
        self._measures = score.measures["onset_quarter"]
        first = score.measures[0]
        full = 4 * self._signatures["beats"][0] / self._signatures["beat_type"][0]
        self._missing = max(full - float(first["duration_quarter"]), 0.0)  # of an upbeat, in quarters
        self._upbeat = self._missing > 0
        self._first_beats = self._since_start(float(first["duration_quarter"])) if self._upbeat else 0.0

    def _signature(self, quarters: float) -> int:
        return max(int(np.searchsorted(self._signatures["onset_quarter"], quarters + 1e-6, side="right")) - 1, 0)

    def _since_start(self, quarters: float) -> float:
        index = self._signature(quarters)
        signature = self._signatures[index]
        return float(self._beats_before[index] + (quarters - signature["onset_quarter"]) * signature["beat_type"] / 4)

    def beats(self, quarters: float) -> float:
        """Return the position in beats from the first full measure on."""
        return self._since_start(quarters) - self._first_beats

    def place(self, quarters: float) -> tuple[int, int, Fraction]:
        """Return the measure (0 is an upbeat), the beat in it from 1 on, and the rest in whole notes."""
        index = max(int(np.searchsorted(self._measures, quarters + 1e-6, side="right")) - 1, 0)
        beat_quarters = 4 / float(self._signatures["beat_type"][self._signature(quarters)])
        within = max(quarters - float(self._measures[index]), 0.0) + (self._missing if index == 0 else 0.0)
        beat = int((within + 1e-6) // beat_quarters)
        offset = Fraction(max(within - beat * beat_quarters, 0.0) / 4).limit_denominator(FINEST)
        return index + (not self._upbeat), beat + 1, offset
