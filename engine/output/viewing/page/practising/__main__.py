"""Compare what was practised with the score: a request in JSON on standard input, the report, or ``error``, on standard output.

The request has the score's ``path``, whether its ``repeats`` are played, the soloist's ``part``, and ``strokes``: seconds, key, velocity
and where it was heard, in quarters or null. The report has ``bars``, what they are ``together``, and within what nine in ten bars of
``humans`` are. It gives way to whatever else runs here.
"""

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.note_table import NOTE_FIELDS
from engine.runtime.following.parts import solo_rows
from engine.runtime.following.practising.passes import PASS_DTYPE, practised
from engine.runtime.following.practising.practice import HUMANS, mean_of
from engine.score.piece import read_piece

NICENESS = 10
COUNTS, CURVES = ("notes", "wrong", "missed", "extra"), ("quarters_per_minute", "velocity", "voicing")


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        report = compare(json.load(sys.stdin))
    except PerfLiveError as error:
        report = {"error": str(error)}
    json.dump(report, sys.stdout, separators=(",", ":"), allow_nan=False)


def compare(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report. Raises PerfLiveError, and UsageError for a part that the score does not have."""
    piece, told = read_piece(Path(request["path"]), request["repeats"]), request["strokes"]
    strokes = np.zeros(len(told), NOTE_FIELDS)
    for name, column in (("onset_sec", 0), ("pitch", 1), ("velocity", 2)):
        strokes[name] = [stroke[column] for stroke in told]
    quarters = np.array([np.nan if stroke[3] is None else stroke[3] for stroke in told], float)
    bars = practised(piece.score, solo_rows(piece, request["part"]), strokes, quarters)
    return {
        "bars": [{name: _number(float(bar[name])) for name in PASS_DTYPE.names or ()} for bar in bars],
        "together": {name: int(bars[name].sum()) for name in COUNTS} | {name: _number(mean_of(bars, name)) for name in CURVES},
        "humans": {name: [_number(end) for end in ends] for name, ends in zip(CURVES, HUMANS.of(bars), strict=True)},
    }


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


if __name__ == "__main__":
    main()
