"""The attributes by which the DExter paper compares performances, as far as they make sense without its aligner.

After the performance features of partitura (Cancino-Chacon et al.) that the paper's evaluation takes:

    tempo_curve        quarters a minute by onset of the score, 15 to 480
    velocity_curve     mean velocity by onset
    asynchrony_s       by chord, from its first note to its last
    high_notes_early   by chord, correlation of pitch with how early a note is
    key_overlap        by note, how long it overlaps the next note of its voice (negative: the gap), as a share of the interval, -1 to 1
    pedal_at_onset     depth of the sustain pedal at each note's onset, 0 to 1
    dynamics           correlation of velocity with the marks in force, ppp to fff; one number a piece
    hairpins           correlation of velocity with the way of the hairpin that it is in, the mean over hairpins' notes
    velocity_and_tempo correlation of the velocity curve with the tempo curve

The first six are compared by correlation and by deviation, the mean absolute difference in standard deviations of the human's; the others
are given as they are.
"""

import numpy as np

from engine.score.tables import Score
from models.performance.representation import Performed
from training.metrics.expressiveness import correlation, known_mean, mean_of

CURVES = ("tempo_curve", "velocity_curve", "asynchrony_s", "high_notes_early", "key_overlap", "pedal_at_onset")
AGREEMENTS = ("dynamics", "hairpins", "velocity_and_tempo")
SLOWEST, FASTEST = 15.0, 480.0  # quarters a minute

Attributes = dict[str, np.ndarray]


def measure_attributes(score: Score, performed: Performed) -> Attributes:
    """Return the attributes of a performance of ``score.notes``; AGREEMENTS are arrays of one number. NaN where there is nothing."""
    notes = score.notes
    played = np.isfinite(performed.onset_sec) & ~notes["is_grace"]
    positions, index = np.unique(np.round(notes["onset_quarter"], 6), return_inverse=True)
    count = np.bincount(index, weights=played)
    known = np.maximum(count, 1)
    velocities = np.where(count > 0, np.bincount(index, weights=performed.velocity * played) / known, np.nan)
    times = np.where(count > 0, np.bincount(index, weights=np.where(played, performed.onset_sec, 0)) / known, np.nan)
    tempo = np.clip(60 * np.diff(positions) / np.maximum(np.diff(times), 1e-3), SLOWEST, FASTEST)
    asynchrony, early = _chords(notes["pitch"], performed.onset_sec, np.where(played, index, -1), len(positions))
    depths = np.append(0, performed.pedal.value) / 127
    pedal = depths[np.searchsorted(performed.pedal.time_sec, performed.onset_sec, side="right")]
    velocity = np.where(played, performed.velocity.astype(float), np.nan)
    return {
        "tempo_curve": tempo,
        "velocity_curve": velocities,
        "asynchrony_s": asynchrony,
        "high_notes_early": early,
        "key_overlap": _key_overlap(notes, performed, played),
        "pedal_at_onset": np.where(played, pedal, np.nan),
        "dynamics": np.array([_with_dynamics(score.markings, velocity)]),
        "hairpins": np.array([_with_hairpins(score.markings, velocity)]),
        "velocity_and_tempo": np.array([correlation(velocities[:-1], tempo)]),
    }


def compare_attributes(mine: Attributes, human: Attributes) -> dict[str, float]:
    figures = {}
    for name in CURVES:
        figures[name] = correlation(mine[name], human[name])
        difference = np.abs(mine[name] - human[name])
        known = np.isfinite(difference)
        scale = human[name][known].std() if known.any() else 0.0
        figures[f"{name}_deviation"] = float(difference[known].mean() / scale) if scale > 0 else float("nan")
    return figures | {name: float(mine[name][0]) for name in AGREEMENTS}


def compare_with_all(mine: Attributes, humans: list[Attributes]) -> dict[str, float]:
    return mean_of([compare_attributes(mine, human) for human in humans])


def _chords(pitch: np.ndarray, onset_sec: np.ndarray, chord: np.ndarray, chords: int) -> tuple[np.ndarray, np.ndarray]:
    """Return asynchrony and the correlation of pitch with earliness (chords,); ``chord`` (N,) is -1 for notes that do not count."""
    counted = np.flatnonzero(chord >= 0)
    order = counted[np.argsort(chord[counted], kind="stable")]
    asynchrony, early = np.full(chords, np.nan), np.full(chords, np.nan)
    numbers, first = np.unique(chord[order], return_index=True)
    for number, members in zip(numbers, np.split(order, first[1:]), strict=True):
        if len(members) > 1:
            asynchrony[number] = np.ptp(onset_sec[members])
            early[number] = correlation(pitch[members].astype(float), -onset_sec[members])  # of three notes or more
    return asynchrony, early


def _key_overlap(notes: np.ndarray, performed: Performed, played: np.ndarray) -> np.ndarray:
    """Return the overlap of each note with the next of its part and voice that follows without a rest."""
    overlap = np.full(len(notes), np.nan)
    counted = np.flatnonzero(played)
    order = counted[np.lexsort((notes["onset_quarter"][counted], notes["voice"][counted], notes["part"][counted]))]
    now, following = order[:-1], order[1:]
    ends = notes["onset_quarter"][now] + notes["duration_quarter"][now]
    joined = (notes["voice"][now] == notes["voice"][following]) & (notes["part"][now] == notes["part"][following])
    joined &= np.abs(ends - notes["onset_quarter"][following]) < 1e-4
    interval = performed.onset_sec[following] - performed.onset_sec[now]
    joined &= interval > 0
    share = (performed.duration_sec[now] - interval) / np.where(joined, interval, 1)
    overlap[now[joined]] = np.clip(share[joined], -1, 1)
    return overlap


def _with_dynamics(markings: np.ndarray, velocity: np.ndarray) -> float:
    marks = np.where(markings["dynamic"] > 0, markings["dynamic"], np.nan)
    several = len(np.unique(marks[np.isfinite(marks)])) > 1
    return correlation(marks, velocity) if several else float("nan")


def _with_hairpins(markings: np.ndarray, velocity: np.ndarray) -> float:
    inside = markings["hairpin"] != 0
    begins = inside & (np.diff(markings["hairpin"], prepend=0) != 0) | (np.diff(markings["hairpin_position"], prepend=0) < 0)
    number = np.cumsum(begins)
    found = []
    for each in np.unique(number[inside]):
        members = inside & (number == each)
        way = markings["hairpin"][members] * markings["hairpin_position"][members].astype(float)
        found.append(correlation(way, velocity[members]))
    return known_mean(found)
