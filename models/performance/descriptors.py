"""How a performance sounds, as seven numbers beside each note: DExter's c_codec, computed from notes. NumPy only.

Source: the paper in representation.py, whose seven "mid-level perceptual features" (Aljanaki & Soleymani, ISMIR 2018) come from an audio
model that is not available here. These have their names and their spirit, but are formulas over what was played. They are offered as
controls, so what makes them up is what a performer can change: loudness, timing, length, pedal. Which notes count as melody, and which
key is the local one, is taken from the score, so that no descriptor jumps when the performance changes a little.

Notation: E[x] is the local mean: over notes or onsets within LOCAL_S of the note in performed time, those nearer counting more
(a triangular window), and one more of the typical value given here, so that a few notes do not make an extreme; a note's loudness is
a = (velocity / 127)^2; its share is the length of the key press divided by the performed time from its score onset to the next onset
at or after its notated end (at most LONGEST_SHARE). Grace notes count as sound only.

    melodiousness      s(2.5 ((E[velocity] of the melody - that of the rest) / 32 + E[share] of the melody - that of the rest) - 1)
                       with s the logistic function; the melody: the highest notes (skyline) by the score; typically E of all notes
    articulation       E[share] / LONGEST_SHARE; share typically 0.8
    rhythm_complexity  1 - exp(-(E[|r|] / 0.1 + E[d] / 0.05)); r: how far an onset lies from the place between its neighbours where the
                       score has it, as a share of the time between them, typically 0.02; d: standard deviation of the onsets in a
                       chord in seconds, typically 0.01
    rhythm_stability   exp(-deviation / 0.3); the standard deviation of log2 of the beat period over spans of about half a second,
                       typically 0.2
    dissonance         1 - exp(-E[roughness] / 0.2): sum of a_i a_j r_ij over pairs that sound together, over the sum of a_i a_j with
                       a_i^2; a fades by exp(-age / DECAY_S); a pedal at half depth or more keeps notes sounding; r_ij: see roughness
    tonal_stability    the correlation of the pitch classes' weights with the profile of the local key, negative ones as 0; the weight of
                       a note is a times its faded length with the pedal; the key: of the same correlation on notated durations
    minorness          s((minor - major) / 0.15), the correlations with the minor and the major profile that fit best
"""

import csv
import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.performance.keys import KEY_PROFILES
from models.performance.representation import DEFAULT_BEAT_PERIOD_S, Performed

DESCRIPTORS = (
    "melodiousness",
    "articulation",
    "rhythm_complexity",
    "rhythm_stability",
    "dissonance",
    "tonal_stability",
    "minorness",
)
LEANING = DESCRIPTORS[-2:]
# By how much each differs between performers of the same notes: standard deviation on (n)ASAP. One step of a control.
DEVIATIONS = (0.09, 0.06, 0.09, 0.08, 0.065, 0.07, 0.1)

LOCAL_S = 4.0  # to either side
LOCAL_QUARTERS = 16.0  # for the local key
LONGEST_SHARE = 1.25
DECAY_S = 1.5
TEMPO_SPAN_S = 0.5
SHORTEST_INTERVAL_S = 0.02
LONGEST_NOTATED_QUARTERS = 4.0  # a pedal point is not all of a key
LOOK_BACK_NOTES = 48  # what sounds with a note began at most so many notes before it
PEDAL_DOWN = 64
SAME_POSITION_QUARTERS = 1e-6


class _Sounding(NamedTuple):
    """The performed notes in order of onset, as arrays (M,)."""

    onset_sec: np.ndarray
    end_sec: np.ndarray  # with the pedal
    pitch: np.ndarray
    loudness: np.ndarray


def describe(notes: np.ndarray, performed: Performed) -> np.ndarray:
    """Return the descriptors (N, 7) float64, each from 0 to 1, around each note of a score in the order of DESCRIPTORS.

    ``notes`` (N,) has the fields onset_quarter, duration_quarter, pitch and is_grace of a score; notes that are not performed (onset_sec
    NaN) are described by what is played where they would be. Raises ValueError when no note is performed.
    """
    played = np.isfinite(performed.onset_sec)
    if not played.any():
        raise ValueError("a performance needs at least one performed note")
    full = played & ~notes["is_grace"] & (notes["duration_quarter"] > 0)
    full = full if full.any() else played
    positions, onsets = _mean_by(notes["onset_quarter"][played], performed.onset_sec[played])
    times = np.where(played, performed.onset_sec, np.interp(notes["onset_quarter"], positions, onsets))
    shares = _shares(notes, performed, full)
    sounding = _sounding(notes["pitch"], performed, np.flatnonzero(played))
    stable, minor = _tonality(notes, sounding, times)
    columns = [
        _melodiousness(notes, performed, shares, full, times),
        _local_mean(times, shares, full, times, 0.8) / LONGEST_SHARE,
        _rhythm_complexity(notes, performed.onset_sec, full, times),
        _rhythm_stability(notes, performed.onset_sec, full, times),
        _dissonance(sounding, times),
        stable,
        minor,
    ]
    return np.stack(columns, axis=1)


@functools.cache
def roughness() -> np.ndarray:
    """Return how rough two notes of equal loudness sound together, by pitch and pitch, (128, 128), 0 to 1.

    The sum over six harmonics of each, fading by 0.8, of Plomp & Levelt's curve in the parameters of Sethares (Journal of the Acoustical
    Society of America 94, 1993), as a share of the greatest above middle C.
    """
    harmonics = np.arange(1, 7)
    frequencies = (440 * 2 ** ((np.arange(128) - 69) / 12))[:, None] * harmonics
    strengths = 0.8 ** (harmonics - 1)
    table = np.zeros((128, 128))
    for first, strength in zip(frequencies.T, strengths, strict=True):
        for second, other in zip(frequencies.T, strengths, strict=True):
            apart = np.abs(first[:, None] - second) * 0.24 / (0.021 * np.minimum(first[:, None], second) + 19)
            table += min(strength, other) * (np.exp(-3.5 * apart) - np.exp(-5.75 * apart))
    return np.minimum(table / table[60, 61:].max(), 1)


def read_descriptors(path: str | os.PathLike[str], onset_sec: np.ndarray) -> np.ndarray:
    """Return the paper's descriptors (N, 7) at note onsets in seconds from a ``*_cep_features.csv``; zeros if there is no such file.

    The file has a line of headings, a column ``frame_start_time`` in seconds, and seven others, which keep their order and scale. Each
    note gets the last frame at or before its onset, the first if there is none, and zeros when it is not performed (NaN). Raises
    ValueError for a file of another form.
    """
    described = np.zeros((len(onset_sec), len(DESCRIPTORS)))
    if not Path(path).exists():
        return described
    times, values = read_frames(path)
    if len(times):
        performed = np.isfinite(onset_sec)
        described[performed] = values[np.maximum(np.searchsorted(times, onset_sec[performed], side="right") - 1, 0)]
    return described


def read_frames(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the times (F,) in seconds and the paper's descriptors (F, 7) of a file as ``read_descriptors`` reads. Raises ValueError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            headings, *rows = csv.reader(file)
        frames = np.array(rows, dtype=float).reshape(-1, len(DESCRIPTORS) + 1)
        time = headings.index("frame_start_time")
    except (OSError, ValueError) as error:
        reason = f"expected headings, a column frame_start_time and {len(DESCRIPTORS)} others ({error})"
        raise ValueError(f"cannot read {str(path)!r} as descriptors: {reason}") from None
    return frames[:, time], np.delete(frames, time, axis=1)


def _mean_by(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different keys, ascending, and the mean value of each."""
    different, index = np.unique(keys, return_inverse=True)
    return different, np.bincount(index, weights=values) / np.bincount(index)


def _local_sums(places: np.ndarray, columns: np.ndarray, at: np.ndarray, reach: float) -> np.ndarray:
    """Return the sums (len(at), D) of ``columns`` (M, D) at ``places`` around ``at``, weighted by 1 there down to 0 ``reach`` away."""
    order = np.argsort(places, kind="stable")
    places, columns = places[order], columns[order]
    nothing = np.zeros((1, columns.shape[1]))
    totals = np.concatenate([nothing, np.cumsum(columns, axis=0)])
    moments = np.concatenate([nothing, np.cumsum(columns * places[:, None], axis=0)])
    begin, middle, end = (np.searchsorted(places, at + shift) for shift in (-reach, 0.0, reach))
    place = at[:, None] / reach
    before = (totals[middle] - totals[begin]) * (1 - place) + (moments[middle] - moments[begin]) / reach
    after = (totals[end] - totals[middle]) * (1 + place) - (moments[end] - moments[middle]) / reach
    return before + after


def _local_mean(times: np.ndarray, values: np.ndarray, counted: np.ndarray, at: np.ndarray, typical: float | np.ndarray) -> np.ndarray:
    """Return the mean (len(at),) of the ``counted`` values around ``at``, and of one more that is ``typical``."""
    columns = np.stack([values[counted], np.ones(np.count_nonzero(counted))], axis=1)
    sums = _local_sums(times[counted], columns, at, LOCAL_S)
    return (sums[:, 0] + typical) / (sums[:, 1] + 1)


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _melody(notes: np.ndarray) -> np.ndarray:
    """Return which notes (N,) are the highest of all that sound at their onset by the score."""
    order = np.argsort(notes["onset_quarter"], kind="stable")
    onsets, pitches = notes["onset_quarter"][order], notes["pitch"][order]
    ends = onsets + notes["duration_quarter"][order]
    highest = np.ones(len(notes), dtype=bool)
    for back in range(1, min(LOOK_BACK_NOTES, len(notes) - 1) + 1):
        higher = pitches[:-back] > pitches[back:]
        highest[back:] &= ~(higher & (ends[:-back] > onsets[back:] + SAME_POSITION_QUARTERS))
        highest[:-back] &= higher | (onsets[back:] > onsets[:-back] + SAME_POSITION_QUARTERS)
    melody = np.empty(len(notes), dtype=bool)
    melody[order] = highest
    return melody & ~notes["is_grace"]


def _shares(notes: np.ndarray, performed: Performed, full: np.ndarray) -> np.ndarray:
    """Return the share (N,) of the time until the next note that each ``full`` note is held, 0 for the others."""
    positions, times = _mean_by(notes["onset_quarter"][full], performed.onset_sec[full])
    onsets, durations = notes["onset_quarter"], notes["duration_quarter"]
    following = np.searchsorted(positions, onsets + durations - SAME_POSITION_QUARTERS)
    after = np.append(positions, np.inf)[following]
    # A rest counts up to the length of the note; after the last onset the tempo goes on as it was.
    until = np.minimum(after, onsets + 2 * durations)
    until = np.where(np.isinf(after), onsets + durations, until)
    seconds = _extended(positions, times, until) - _extended(positions, times, onsets)
    held = np.where(full, performed.duration_sec, 0.0)
    return np.clip(held / np.maximum(seconds, SHORTEST_INTERVAL_S), 0, LONGEST_SHARE)


def _extended(positions: np.ndarray, times: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the performed times of score positions, the mean tempo going on after the last."""
    span = positions[-1] - positions[0]
    period = (times[-1] - times[0]) / span if span > 0 else DEFAULT_BEAT_PERIOD_S
    return np.interp(at, positions, times) + np.maximum(at - positions[-1], 0) * period


def _melodiousness(notes: np.ndarray, performed: Performed, shares: np.ndarray, full: np.ndarray, times: np.ndarray) -> np.ndarray:
    melody = _melody(notes)
    lead = np.zeros(len(notes))
    for values, scale, typical in ((performed.velocity.astype(float), 32.0, 64.0), (shares, 1.0, 0.8)):
        together = _local_mean(times, values, full, times, typical)
        of_melody = _local_mean(times, values, full & melody, times, together)
        of_others = _local_mean(times, values, full & ~melody, times, together)
        lead += (of_melody - of_others) / scale
    return _logistic(2.5 * lead - 1)


def _rhythm_complexity(notes: np.ndarray, onset_sec: np.ndarray, full: np.ndarray, times: np.ndarray) -> np.ndarray:
    onsets, performed = notes["onset_quarter"][full], onset_sec[full]
    positions, chord = np.unique(onsets, return_inverse=True)
    size = np.bincount(chord)
    mean = np.bincount(chord, weights=performed) / size
    spread = np.sqrt(np.bincount(chord, weights=(performed - mean[chord]) ** 2) / size)
    asynchrony = _local_mean(mean, np.minimum(spread, 0.1), size > 1, times, 0.01)
    expected = mean[:-2] + (mean[2:] - mean[:-2]) * (positions[1:-1] - positions[:-2]) / (positions[2:] - positions[:-2])
    offset = np.abs(mean[1:-1] - expected) / np.maximum(mean[2:] - mean[:-2], SHORTEST_INTERVAL_S)
    displacement = _local_mean(mean[1:-1], np.minimum(offset, 0.5), np.ones(len(offset), dtype=bool), times, 0.02)
    return 1 - np.exp(-(displacement / 0.1 + asynchrony / 0.05))


def _rhythm_stability(notes: np.ndarray, onset_sec: np.ndarray, full: np.ndarray, times: np.ndarray) -> np.ndarray:
    positions, mean = _mean_by(notes["onset_quarter"][full], onset_sec[full])
    period = max(mean[-1] - mean[0], SHORTEST_INTERVAL_S) / max(positions[-1] - positions[0], SAME_POSITION_QUARTERS)
    span = 2.0 ** np.clip(np.round(np.log2(TEMPO_SPAN_S / period)), -2, 2)
    grid = np.arange(np.ceil(positions[0] / span), np.floor(positions[-1] / span) + 1) * span
    edges = np.interp(grid, positions, mean)
    periods = np.log2(np.maximum(np.diff(edges), SHORTEST_INTERVAL_S) / span)
    middles = (edges[1:] + edges[:-1]) / 2
    periods -= np.median(periods) if len(periods) else 0.0
    periods = np.clip(periods, -1.5, 1.5)
    sums = _local_sums(middles, np.stack([np.ones(len(periods)), periods, periods**2], axis=1), times, LOCAL_S)
    count, total, squares = sums.T
    squared_deviations = np.maximum(squares - total**2 / np.maximum(count, 1e-9), 0)
    return np.exp(-np.sqrt((squared_deviations + 0.2**2) / (np.maximum(count, 0) + 1)) / 0.3)


def _sounding(pitches: np.ndarray, performed: Performed, played: np.ndarray) -> _Sounding:
    """Return the performed notes by onset, each sounding until its key is up and the pedal too, or until it is struck again."""
    order = played[np.argsort(performed.onset_sec[played], kind="stable")]
    onset_sec, pitch = performed.onset_sec[order], pitches[order]
    released = onset_sec + performed.duration_sec[order]
    pedal_times, down = np.asarray(performed.pedal.time_sec, dtype=float), np.asarray(performed.pedal.value) >= PEDAL_DOWN
    held = np.append(False, down)[np.searchsorted(pedal_times, released, side="right")]
    lifts = np.append(pedal_times[~down], np.inf)
    end_sec = np.where(held, lifts[np.searchsorted(lifts, released, side="right")], released)
    by_pitch = np.lexsort((onset_sec, pitch))
    again = np.full(len(order), np.inf)
    same = pitch[by_pitch][1:] == pitch[by_pitch][:-1]
    again[by_pitch[:-1][same]] = onset_sec[by_pitch[1:][same]]
    end_sec = np.minimum(end_sec, np.maximum(again, onset_sec))
    return _Sounding(onset_sec, np.minimum(end_sec, onset_sec + 10 * DECAY_S), pitch, (performed.velocity[order] / 127.0) ** 2)


def _dissonance(sounding: _Sounding, times: np.ndarray) -> np.ndarray:
    onsets, ends, pitches, loudness = sounding
    alone = loudness**2 * _faded(ends - onsets)
    rough, together = np.zeros(len(onsets)), alone.copy()
    table = roughness()
    for back in range(1, min(LOOK_BACK_NOTES, len(onsets) - 1) + 1):
        age = onsets[back:] - onsets[:-back]
        overlap = np.maximum(np.minimum(ends[back:], ends[:-back]) - onsets[back:], 0)
        both = loudness[back:] * loudness[:-back] * np.exp(-age / DECAY_S) * _faded(overlap)
        together[back:] += both
        rough[back:] += both * table[pitches[back:], pitches[:-back]]
    sums = _local_sums(onsets, np.stack([rough, together], axis=1), times, LOCAL_S)
    return 1 - np.exp(-np.maximum(sums[:, 0], 0) / np.maximum(sums[:, 1], 1e-9) / 0.2)


def _faded(seconds: np.ndarray) -> np.ndarray:
    """Return the integral over ``seconds`` of the product of two notes' loudness, as a share of that over infinite time."""
    return 1 - np.exp(-2 * seconds / DECAY_S)


def _tonality(notes: np.ndarray, sounding: _Sounding, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return tonal stability and minorness (N,) each."""
    key = np.argmax(_notated_key_correlations(notes), axis=1)
    weights = sounding.loudness * (1 - np.exp(-(sounding.end_sec - sounding.onset_sec) / DECAY_S))
    heard = _local_sums(sounding.onset_sec, (sounding.pitch[:, None] % 12 == np.arange(12)) * weights[:, None], times, LOCAL_S)
    correlations = _key_correlations(heard)
    stability = np.maximum(correlations[np.arange(len(key)), key], 0)
    return stability, _logistic((correlations[:, 12:].max(axis=1) - correlations[:, :12].max(axis=1)) / 0.15)


def tonal_leans(notes: np.ndarray) -> np.ndarray:
    """Return (N, 2), in standard deviations over pitch classes, how much more than others each note is at home in the key that fits the
    notes around best, and how much more in the best minor key than in the best major one: such notes, played louder, raise tonal
    stability and minorness (LEANING).
    """
    fits, profiles = _notated_key_correlations(notes), _profiles()
    key, major, minor = fits.argmax(axis=1), fits[:, :12].argmax(axis=1), 12 + fits[:, 12:].argmax(axis=1)
    pitch_class = notes["pitch"] % 12
    return np.stack([profiles[key, pitch_class], profiles[minor, pitch_class] - profiles[major, pitch_class]], axis=1)


def _notated_key_correlations(notes: np.ndarray) -> np.ndarray:
    """Return how well each key fits (N, 24) the notes around each note, by their notated durations."""
    written = (notes["pitch"][:, None] % 12 == np.arange(12)) * np.minimum(notes["duration_quarter"], LONGEST_NOTATED_QUARTERS)[:, None]
    return _key_correlations(_local_sums(notes["onset_quarter"], written, notes["onset_quarter"], LOCAL_QUARTERS))


def _key_correlations(weights: np.ndarray) -> np.ndarray:
    """Return the correlation (N, 24) of pitch classes' weights (N, 12) with the profiles of C major to B major and C minor to B minor."""
    centred = weights - weights.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return centred @ _profiles().T / (12 * np.maximum(deviation, 1e-9))


@functools.cache
def _profiles() -> np.ndarray:
    """Return how well each pitch class fits the keys C major to B major and C minor to B minor, (24, 12), in standard deviations."""
    return (KEY_PROFILES - KEY_PROFILES.mean(axis=1, keepdims=True)) / KEY_PROFILES.std(axis=1, keepdims=True)
