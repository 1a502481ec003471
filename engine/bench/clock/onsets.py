"""How far look-ahead moves onsets, by MIDI clock that comes through an audio server and without a clock.

The bundled prelude, whose notes stand on the grid, is performed with a second of look-ahead. A performance has its own timing; a clock that
is misheard adds to it, so the first of the clocks comes through no server. ``deviation_ms`` is the standard deviation of how much later
than it was played an onset is performed, root mean square of some seeds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import engine.examples
from engine.base.clock import VirtualClock
from engine.bench.clock.tempos import FRAMES, JITTERS_MS, arrive
from engine.midi.clock.messages import CLOCK, CLOCKS_A_QUARTER, START
from engine.midi.events import Event, is_note_on
from engine.midi.file import MidiTimeline, read_midi_file
from engine.performers.setup import Setup, Wanted
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import FileSource
from engine.session import Session
from engine.systems import find_system

TAKE = Path(engine.examples.__file__).with_name("bach_prelude_in_c.mid")
PERFORMER, LOOKAHEAD_S, SECONDS, SEEDS = "dexter", 1.0, 60, 3
NO_SERVER = 1  # frame


@dataclass(frozen=True)
class OnsetRow:
    """``frames`` is None without a clock."""

    frames: int | None
    jitter_ms: int
    deviation_ms: float


def measure_onsets() -> list[OnsetRow]:
    """Perform the take without a clock and with each, half a minute a time."""
    setups = [Wanted(find_system(PERFORMER), seed, lookahead_s=LOOKAHEAD_S).load() for seed in range(SEEDS)]
    timeline = read_midi_file(TAKE)
    notes = [event for event in timeline.events if event.time_ns < SECONDS * 1e9]
    beat_s = timeline.tempos[0][1] / 1e6
    rows = [OnsetRow(None, 0, _deviation_ms(setups, notes))]
    for frames in (NO_SERVER, *FRAMES):
        for jitter_ms in JITTERS_MS if frames > NO_SERVER else (0,):
            rows.append(OnsetRow(frames, jitter_ms, _deviation_ms(setups, _with_clock(notes, beat_s, frames, jitter_ms))))
    return rows


def _with_clock(notes: list[Event], beat_s: float, frames: int, jitter_ms: float) -> list[Event]:
    """Return the notes and the clock that they are played by."""
    random = np.random.default_rng([frames, round(jitter_ms)])
    sent_ms = np.arange(0, SECONDS * 1000, beat_s * 1000 / CLOCKS_A_QUARTER)
    clocks = [Event(round(max(time_ms, 0.0) * 1e6), bytes((CLOCK,))) for time_ms in arrive(sent_ms, frames, jitter_ms, False, random)]
    return sorted([Event(0, bytes((START,))), *clocks, *notes], key=lambda event: event.time_ns)


def _deviation_ms(setups: list[Setup], events: list[Event]) -> float:
    variances = [float(np.var(_later_ns(setup, events))) for setup in setups]
    return round(float(np.sqrt(np.mean(variances))) / 1e6, 1)


def _later_ns(setup: Setup, events: list[Event]) -> list[int]:
    """Return how much later than it was played each note is performed; notes of one pitch keep their order."""
    clock, heard = VirtualClock(), CollectingSink()
    Session(setup, FileSource(MidiTimeline(events), clock), [heard], clock).run()
    played = sorted((event.message[1], event.time_ns) for event in events if is_note_on(event.message))
    performed = sorted((event.message[1], event.time_ns) for event in heard.sent if is_note_on(event.message))
    return [after - before for (_, before), (_, after) in zip(played, performed, strict=True)]
