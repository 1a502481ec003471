"""Takes of sound and what is heard of a piano's keys, in the form that PerformanceNet is trained on."""

import numpy as np

from models.performance_net.key_spectra import ENVELOPE_AGES, NOISE_AGES, PARTIALS, RELEASE_VELOCITIES
from models.performance_net.representation import BINS, FFT_SAMPLES, KEYS, SAMPLE_RATE
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.datasets.sound_takes import SoundTake, save_take, to_integers
from training.performance_net.keys import KEYS_FILE


def a_take(name="one", seconds=1.0):
    """A few notes over noise."""
    random = np.random.default_rng(len(name))
    notes = np.zeros(3, NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"] = (0.1, 0.4, 0.6), 0.2
    notes["pitch"], notes["velocity"] = (60, 64, 67), 80
    audio = to_integers(random.normal(0, 0.1, int(seconds * SAMPLE_RATE)))
    return SoundTake(name, name, audio, notes, np.zeros(0, PEDAL_DTYPE))


def some_keys(folder, **measured):
    """Write keys that only noise is heard of; ``measured``, by name, is of key 40."""
    keys = {
        "attack": np.zeros((KEYS, FFT_SAMPLES), np.float32),
        "bins": np.zeros((KEYS, PARTIALS), np.float32),
        "envelope": np.zeros((KEYS, ENVELOPE_AGES, 2 * PARTIALS), np.float16),
        "noise": np.full((KEYS, NOISE_AGES, BINS), 50.0, np.float32),
        "release": np.full((KEYS, len(RELEASE_VELOCITIES)), 0.2, np.float32),
    }
    for name, value in measured.items():
        keys[name][40] = value
    np.savez(folder / KEYS_FILE, **keys)


def write_takes(folder):
    """Write two takes for each split, and the keys; return the folder."""
    for split in ("train", "validation"):
        (folder / split).mkdir(parents=True)
        for name in ("one", "three"):
            save_take(folder / split / f"{name}.npz", a_take(name))
    some_keys(folder)
    return folder
