"""What was rehearsed: takes in which people played the accompaniment, in place of what a performer of scores would make of it.

Each take is aligned with the score. Its tempo curve, velocities, lengths, spread chords and pedal are laid over the performer's rendition:
in the mean of the takes, and of each note nearer to the performer's the fewer takes have it. The soloist bends all of it as before.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.events import SUSTAIN_PEDAL, channel_of, control_change
from engine.runtime.following.rendition import Bending, Message, Rendition, is_pedal
from engine.score.alignment import LEAST_FOUND, find_notes, read_played
from engine.score.piece import Piece
from models.performance.pedal import Pedal
from models.performance.representation import Performed

# Chosen on the takes of perf-eval duet, each beside its other takes.
PERFORMERS_TAKES = 0.5  # as so many takes the performer's own rendition counts
AROUND_QUARTERS = 1.0  # over which a missed note is as much louder than the performer's as the notes around it are
OF_A_TAKE = Bending(0.4, 0.0, 8.0)  # of what was played to this soloist, little is left to tell from how loud he is by himself

SHORTEST_SEC = 0.02  # of a note
SAME_SEC = 1e-3  # onsets that are nearer say nothing of the tempo


class Rehearsed(NamedTuple):
    """A take by note of the printed score (N,); ``within`` (N,): which notes are of the parts that are played in it."""

    performed: Performed
    within: np.ndarray


def read_takes(paths: Sequence[Path], piece: Piece, choices: Mapping[str, np.ndarray]) -> list[Rehearsed]:
    """Return takes of the accompaniment of a soloist who plays one of ``choices``, alone or together with the soloist's part.

    Raises PerfLiveError, one line, for a file that cannot be read, and for one in which the accompaniment is not played.
    """
    return [_read_take(path, piece, choices) for path in paths]


def _read_take(path: Path, piece: Piece, choices: Mapping[str, np.ndarray]) -> Rehearsed:
    notes, played = piece.score.notes, read_played(path, piece.score)
    together = find_notes(notes, played)
    heard = together.velocity > 0
    if all(min(heard[rows].mean(), heard[~rows].mean()) >= LEAST_FOUND for rows in choices.values()):
        return Rehearsed(together, np.ones(len(notes), dtype=bool))
    alone = {name: find_notes(notes[~rows], played) for name, rows in choices.items()}
    best = max(alone, key=lambda name: float((alone[name].velocity > 0).mean()))
    found, solo = float((alone[best].velocity > 0).mean()), choices[best]
    if found < LEAST_FOUND:
        raise PerfLiveError(
            f"--rehearsed {str(path)!r}: {found:.0%} of the accompaniment's notes are played in it, and {heard[solo].mean():.0%} of the "
            f"followed part's; at least {LEAST_FOUND:.0%} of the accompaniment's are needed; give a take of this score in which somebody "
            "plays the accompaniment, with its repeats (or without, and --no-repeats)"
        )
    own, (onset_sec, duration_sec, velocity) = alone[best], (np.full(len(notes), each) for each in (np.nan, np.nan, 0))
    onset_sec[~solo], duration_sec[~solo], velocity[~solo] = own.onset_sec, own.duration_sec, own.velocity
    return Rehearsed(Performed(onset_sec, duration_sec, velocity, own.pedal), ~solo)


def rehearse(piece: Piece, rendition: Rendition, takes: Sequence[Rehearsed], louder: float = 0.0) -> Rendition:
    """Return a rendition as it is in one or more takes where they say something, and ``louder`` by so many velocity steps."""
    grid = rendition.seconds
    passed = [_passed(piece.score.notes, rendition, take.performed.onset_sec) for take in takes]
    seconds = _tempo_curve(grid, passed)

    def placed(times_sec: Sequence[np.ndarray]) -> np.ndarray:
        """Return times of each take where they are in the new rendition."""
        return np.array([_along(sec, own, seconds) for sec, own in zip(times_sec, passed, strict=True)])

    notes = rendition.notes.copy()
    for name in ("onset_sec", "end_sec"):
        notes[name] = _along(notes[name], grid, seconds)
    row, several = notes["note"], np.bincount(notes["note"], minlength=len(piece.score.notes)) > 1  # strokes of an ornament
    first_sec = np.full(len(several), np.inf)
    np.minimum.at(first_sec, row, notes["onset_sec"])
    begins = placed([take.performed.onset_sec for take in takes])
    ends = placed([take.performed.onset_sec + take.performed.duration_sec for take in takes])
    moved = _towards(first_sec[row], begins[:, row])
    notes["end_sec"] += np.where(several[row], moved, _towards(notes["end_sec"], ends[:, row]))
    notes["onset_sec"] += moved
    notes["end_sec"] = np.maximum(notes["end_sec"], notes["onset_sec"] + SHORTEST_SEC)
    notes["velocity"] = np.clip(np.round(_velocities(piece.score.notes, rendition.notes, takes) + louder), 1, 127)
    messages = tuple(each._replace(time_sec=float(_along(np.array(each.time_sec), grid, seconds))) for each in rendition.messages)
    pedals = [
        take.performed.pedal._replace(time_sec=_along(take.performed.pedal.time_sec, own, seconds))
        for take, own in zip(takes, passed, strict=True)
    ]
    notes = notes[np.argsort(notes["onset_sec"], kind="stable")]
    return Rendition(notes, _pedalled(messages, pedals), rendition.quarters, seconds, OF_A_TAKE)


def _along(values: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where ``values`` are on a line through ``known`` (K,), ascending, and ``wanted`` (K,); beyond its ends it goes on as it does
    on the whole.
    """
    span = known[-1] - known[0]
    slope = (wanted[-1] - wanted[0]) / span if span > 0 else 1.0
    beyond = np.minimum(values - known[0], 0) + np.maximum(values - known[-1], 0)
    return np.asarray(np.interp(values, known, wanted) + slope * beyond)


def _passed(notes: np.ndarray, rendition: Rendition, onset_sec: np.ndarray) -> np.ndarray:
    """Return when a take is where the rendition is at each of its ``seconds``: between onsets it goes as the rendition does."""
    known = np.isfinite(onset_sec) & ~notes["is_grace"]
    known = known if known.any() else np.isfinite(onset_sec)
    quarters, onset = np.unique(np.round(notes["onset_quarter"][known], 4), return_inverse=True)
    times = np.bincount(onset, onset_sec[known]) / np.bincount(onset)
    later = np.diff(np.maximum.accumulate(times), prepend=-np.inf) > SAME_SEC
    return _along(rendition.seconds, rendition.time_at(quarters[later]), times[later])


def _tempo_curve(grid: np.ndarray, passed: Sequence[np.ndarray]) -> np.ndarray:
    """Return the new seconds of the rendition's (K,): from each to the next it takes the takes' mean, and a share of the rendition's."""
    if len(grid) < 2:
        return grid
    own = np.diff(grid) * np.mean([each[-1] - each[0] for each in passed]) / (grid[-1] - grid[0])
    steps = (np.diff(passed, axis=1).sum(axis=0) + PERFORMERS_TAKES * own) / (len(passed) + PERFORMERS_TAKES)
    return grid[0] + np.concatenate([[0.0], np.cumsum(steps)])


def _towards(performers: np.ndarray, takes: np.ndarray) -> np.ndarray:
    """Return by how much the performer's values (n,) move towards those of takes (T, n), which are NaN where a take says nothing."""
    known = np.isfinite(takes)
    return np.asarray(np.where(known, takes - performers, 0.0).sum(axis=0) / (known.sum(axis=0) + PERFORMERS_TAKES))


def _velocities(printed: np.ndarray, notes: np.ndarray, takes: Sequence[Rehearsed]) -> np.ndarray:
    """Return how loud a rendition's ``notes`` (n,) are to be. ``printed`` (N,) are the score's.

    A note that is missed is as much louder than the performer's as those around it are; a part that no take has, as the others are.
    """
    row = notes["note"]
    velocities = np.bincount(row, notes["velocity"], len(printed)) / np.maximum(np.bincount(row, minlength=len(printed)), 1)
    louder = np.array([np.where(take.performed.velocity > 0, take.performed.velocity - velocities, 0.0) for take in takes])
    count = np.sum([take.performed.velocity > 0 for take in takes], axis=0)
    mean = louder.sum(axis=0) / np.maximum(count, 1)
    known = np.flatnonzero(count)[np.argsort(printed["onset_quarter"][count > 0], kind="stable")]
    quarters, sums = printed["onset_quarter"][known], np.concatenate([[0.0], np.cumsum(mean[known])])
    first = np.searchsorted(quarters, printed["onset_quarter"] - AROUND_QUARTERS)
    last = np.searchsorted(quarters, printed["onset_quarter"] + AROUND_QUARTERS, side="right")
    near = (last > first) & np.any([take.within for take in takes], axis=0)
    around = np.where(near, (sums[last] - sums[first]) / np.maximum(last - first, 1), sums[-1] / len(known))
    return np.asarray(notes["velocity"] + ((louder.sum(axis=0) + PERFORMERS_TAKES * around) / (count + PERFORMERS_TAKES))[row])


def _pedalled(messages: Sequence[Message], pedals: Sequence[Pedal]) -> tuple[Message, ...]:
    """Return messages with the pedal as it is in most of the takes that use it, on the instruments that have one."""
    used = [pedal for pedal in pedals if pedal.value.any()]
    instruments = dict.fromkeys((channel_of(each.message), each.track) for each in messages if is_pedal(each.message))
    if not used or not instruments:
        return tuple(messages)
    times = np.unique(np.concatenate([pedal.time_sec for pedal in used]))
    held = [np.append(0, pedal.value)[np.searchsorted(pedal.time_sec, times, side="right")] for pedal in used]
    depths = np.quantile(held, 0.5, axis=0, method="lower").astype(int)
    changes = np.flatnonzero(np.diff(depths, prepend=0))
    found = [each for each in messages if not is_pedal(each.message)]
    for time_sec, depth in zip(times[changes].tolist(), depths[changes].tolist(), strict=True):
        found += [Message(time_sec, control_change(channel, SUSTAIN_PEDAL, depth), track) for channel, track in instruments]
    return tuple(sorted(found, key=lambda each: each.time_sec))
