"""A score as MIDI, as one of many programs might write it: what belongs to the music is the same, what belongs to the program is drawn."""

from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from engine.score.dynamics import with_playback_velocities
from engine.score.tables import Score

FLAT, MARKS, COARSE = "flat", "marks", "coarse"
WRITTEN, FIRST, NO_TEMPO = "written", "first", "none"
ONE, HANDS, VOICES = "one", "hands", "voices"
COARSE_STEP = 16
GRACE_QUARTERS = 1 / 12
STACCATO_SHARE = 0.5


@dataclass(frozen=True)
class Habits:
    """``gate`` is the share of its notated length that a key is held, ``silence_quarters`` what stands before the music."""

    gate: float = 1.0
    shortens_staccato: bool = False
    velocities: str = FLAT  # one for all, what the marks amount to, or that in steps of COARSE_STEP
    velocity: int = 64  # where they are flat
    tempos: str = WRITTEN  # all of the score's, its first one, or none
    tracks: str = HANDS  # one, one for each staff, or one for each voice
    ticks_a_quarter: int = 480
    silence_quarters: float = 0.0


def choose_habits(random: np.random.Generator) -> Habits:
    """Return what a program nobody knows does."""
    return Habits(
        gate=float(random.choice([1.0, random.uniform(0.4, 1.0)])),
        shortens_staccato=bool(random.integers(2)),
        velocities=str(random.choice([FLAT, MARKS, COARSE])),
        velocity=int(random.integers(20, 128)),
        tempos=str(random.choice([WRITTEN, FIRST, NO_TEMPO])),
        tracks=str(random.choice([ONE, HANDS, VOICES])),
        ticks_a_quarter=int(random.choice([96, 120, 192, 220, 384, 480, 960, 1024])),
        silence_quarters=float(random.choice([0, 4])),
    )


def write_presentation(path: Path, score: Score, habits: Habits) -> np.ndarray:
    """Write a score, whose repeats are played, as MIDI; return the onsets (N,) of its notes as they stand in the file, in quarters."""
    notes = with_playback_velocities(score).notes
    onsets, ends = _ticks(score, habits)
    velocities = _velocities(notes["velocity"], habits)
    keys = {ONE: np.zeros(len(notes), int), HANDS: notes["staff"], VOICES: notes["voice"]}[habits.tracks]
    file = mido.MidiFile(type=1, ticks_per_beat=habits.ticks_a_quarter)
    file.tracks.append(_conductor(score, habits))
    for key in np.unique(keys):
        rows = np.flatnonzero(keys == key)
        messages = [
            (tick, begins, pitch, velocity if begins else 0)
            for row in rows
            for pitch, velocity in [(int(notes["pitch"][row]), int(velocities[row]))]
            for tick, begins in ((int(onsets[row]), True), (int(ends[row]), False))
        ]
        file.tracks.append(_track(messages))
    file.save(path)
    return onsets / habits.ticks_a_quarter


def _ticks(score: Score, habits: Habits) -> tuple[np.ndarray, np.ndarray]:
    notes = score.notes
    lengths = np.where(notes["is_grace"], GRACE_QUARTERS, notes["duration_quarter"] * habits.gate)
    if habits.shortens_staccato:
        lengths = np.where(score.markings["staccato"] | score.markings["staccatissimo"], STACCATO_SHARE * lengths, lengths)
    onsets = np.round((notes["onset_quarter"] + habits.silence_quarters) * habits.ticks_a_quarter).astype(int)
    return onsets, onsets + np.maximum(np.round(lengths * habits.ticks_a_quarter).astype(int), 1)


def _velocities(marked: np.ndarray, habits: Habits) -> np.ndarray:
    if habits.velocities == FLAT:
        return np.full(len(marked), habits.velocity)
    steps = COARSE_STEP if habits.velocities == COARSE else 1
    return np.clip(np.round(marked / steps) * steps, 1, 127).astype(int)


def _conductor(score: Score, habits: Habits) -> mido.MidiTrack:
    """Return the track of time signatures and tempos; a silence before the music is a bar of its own."""
    at: list[tuple[int, mido.MetaMessage]] = []
    silence = habits.silence_quarters

    def tick(quarter: float) -> int:
        return round((quarter + silence * (quarter > 0)) * habits.ticks_a_quarter)

    for onset, beats, beat_type in score.time_signatures.tolist():
        at.append((tick(onset), mido.MetaMessage("time_signature", numerator=int(beats), denominator=int(beat_type))))
    tempos = {WRITTEN: score.tempos, FIRST: score.tempos[:1], NO_TEMPO: score.tempos[:0]}[habits.tempos]
    for onset, quarters_per_minute in tempos.tolist():
        at.append((tick(onset), mido.MetaMessage("set_tempo", tempo=round(60e6 / quarters_per_minute))))
    track, now = mido.MidiTrack(), 0
    for when, message in sorted(at, key=lambda each: each[0]):
        track.append(message.copy(time=when - now))
        now = when
    return track


def _track(messages: list[tuple[int, bool, int, int]]) -> mido.MidiTrack:
    """Return a track of (tick, begins, pitch, velocity), in which what ends comes before what begins."""
    track, now = mido.MidiTrack(), 0
    for tick, begins, pitch, velocity in sorted(messages):
        track.append(mido.Message("note_on" if begins else "note_off", note=pitch, velocity=velocity, time=tick - now))
        now = tick
    return track
