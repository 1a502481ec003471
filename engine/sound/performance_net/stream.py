"""Notes to sound: a piano roll as it comes, PerformanceNet, and the inverse of its spectra, block by block with a bounded state."""

import heapq
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.onnx.model import Model
from models.performance_net.inversion import OverlapAdd, with_phases
from models.performance_net.representation import (
    CHANNELS,
    FFT_SAMPLES,
    FRAME_RATE,
    HOP_SAMPLES,
    KEYS,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    REPRESENTATION_VERSION,
    Roll,
    SoundEvent,
    key_of,
    magnitude,
    nearest_octave,
)

SYSTEM = "performance-net"
BLOCK_FRAMES = 8
BLOCK_SAMPLES = BLOCK_FRAMES * HOP_SAMPLES  # 46 ms: what is computed at a time
PIANO_PITCHES = range(LOWEST_KEY, LOWEST_KEY + KEYS)
SHORTEST_NOTE_S = 2 / float(FRAME_RATE)  # a roll must see a note in one frame at the least

ROUNDING_FRAMES = 1e-6  # seconds to frames and back


def open_model(path: Path | str) -> Model:
    """Return the model. Raises PerfLiveError when there is none at ``path``, or another one."""
    return Model(path, SYSTEM, REPRESENTATION_VERSION)


class NeuralStream:
    """Takes events in any order within a block, gives sound: the same whatever the blocks are taken as.

    Notes beyond the model's own ``pitches`` sound in the nearest octave that it has. A block's sound is final when ``delay_samples`` more
    have been played: the network's look-ahead, half a window, and another block.
    """

    def __init__(self, model: Model):
        self._model = model
        lowest, keys = (int(model.contract.constants[name]) for name in ("lowest_key", "keys"))
        self.pitches = range(lowest, lowest + keys)
        self._state = model.initial_state()
        self._roll = Roll()
        self._overlap_add = OverlapAdd()
        self._to_skip = model.contract.look_ahead_steps * HOP_SAMPLES  # before the first
        self._frames = 0  # that were computed
        self._events: list[tuple[float, int, int, SoundEvent]] = []  # a heap: when, in which order, which note of its key, what
        self._added = 0
        self._begun = [(0, 0.0)] * KEYS  # by key: how many notes were added, and when the last one begins
        self._sounding = [0] * KEYS  # by key: which of them the roll has
        self.delay_samples = self._to_skip + FFT_SAMPLES // 2 + BLOCK_SAMPLES

    @property
    def played_samples(self) -> int:
        """The sample up to which the music is computed; nothing before it may be added any more."""
        return self._frames * HOP_SAMPLES

    def add(self, event: SoundEvent) -> None:
        """Take an event; if its time is computed already, it is heard at once."""
        event = event._replace(pitch=nearest_octave(event.pitch, self.pitches[0], self.pitches[-1]))
        time_sec, key = max(event.time_sec, (self._frames + ROUNDING_FRAMES) / float(FRAME_RATE)), key_of(event.pitch)
        if event.kind == NOTE_BEGIN:
            self._begun[key] = self._begun[key][0] + 1, time_sec
        elif event.kind == NOTE_END:
            time_sec = max(time_sec, self._begun[key][1] + SHORTEST_NOTE_S)
        heapq.heappush(self._events, (time_sec, self._added, self._begun[key][0], event._replace(time_sec=time_sec)))
        self._added += 1

    def block(self) -> np.ndarray:
        """Play on for BLOCK_SAMPLES; return the sound (0 or more samples, mono, float32) that has become final."""
        return self.compute(self.gather())

    def gather(self) -> np.ndarray:
        """Play on for BLOCK_SAMPLES; return what is played in them, for ``compute``: the part that ``add`` must not meet."""
        self._frames += BLOCK_FRAMES
        end_sec = self._frames / float(FRAME_RATE)
        while self._events and self._events[0][0] < end_sec:
            self._tell_roll(*heapq.heappop(self._events)[2:])
        return self._roll.take(BLOCK_FRAMES)

    def compute(self, roll: np.ndarray) -> np.ndarray:
        """Return the sound that has become final with these frames, which come in order."""
        outputs, self._state = self._model.run({"roll": roll}, self._state)
        samples = self._overlap_add.push(spectra_of(outputs))
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        return samples[skipped:]

    def warm_up(self) -> None:
        """Run the network once, so that the first block does not wait for what loads only then."""
        self._model.run({"roll": np.zeros((CHANNELS, BLOCK_FRAMES), np.float32)}, self._model.initial_state())

    def _tell_roll(self, number: int, event: SoundEvent) -> None:
        key = key_of(event.pitch)
        if event.kind == NOTE_BEGIN:
            self._sounding[key] = number
        elif event.kind == NOTE_END and number != self._sounding[key]:
            return  # struck again before a short note's end
        self._roll.add(event)


def spectra_of(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the spectra (BINS, T) complex64 that the network's outputs stand for."""
    return with_phases(magnitude(outputs["log_power"]), outputs["real"], outputs["imaginary"])
