"""The chords of match files: which keys were struck together by the score, and how hard.

Only lines of matched notes are read, so that a corpus takes seconds; what needs more of a match file is in ``training.datasets.aligned``.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

MATCHED = re.compile(r"^snote\(([^()]*)\)-note\(([^()]*)\)\.", re.MULTILINE)
# Pitch name, alteration, octave, measure and beat, offset, duration, onset and offset in beats, attributes.
SCORE_NOTE = re.compile(r",\[([A-Ga-g]),([^]]*)\],(-?\d+),[^,]*,[^,]*,([^,]*),(-?[\d.]+),-?[\d.]+,\[([^]]*)\]$")
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SEMITONES = {"#": 1, "x": 2, "b": -1}
VELOCITY_FIELD, OLDER_VELOCITY_FIELD = 4, 7  # older files spell the pitch of a performed note as well, in three fields


def read_chords(path: Path) -> list[np.ndarray]:
    """Return the chords of a performance in order, each (n, 2) pitch and velocity from the lowest key up, n at least 2; no grace notes.

    A key that two voices share is struck once.
    """
    struck: dict[float, dict[int, int]] = defaultdict(dict)
    for written, played in MATCHED.findall(path.read_text(encoding="utf-8")):
        found = SCORE_NOTE.search(written)
        if found is None or found[4] == "0" or "grace" in found[6]:
            continue
        pitch = 12 * (int(found[3]) + 1) + STEPS[found[1].upper()] + sum(SEMITONES.get(sign, 0) for sign in found[2])
        fields = played.split(",")
        struck[float(found[5])][pitch] = int(fields[OLDER_VELOCITY_FIELD if fields[1].startswith("[") else VELOCITY_FIELD])
    return [np.array(sorted(keys.items())) for _, keys in sorted(struck.items()) if len(keys) > 1]
