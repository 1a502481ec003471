"""Spectrograms of the same seconds, one above the other."""

from pathlib import Path

import numpy as np

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from models.performance_net.representation import FFT_SAMPLES, FRAME_RATE, SAMPLE_RATE, transform

QUIETEST_DB = -90.0
HIGHEST_HZ = 8000.0


def draw_spectrograms(path: Path, sounds: dict[str, np.ndarray], seconds: float, title: str) -> None:
    """Write a picture of the beginning of each sound (samples,). Raises PerfLiveError when it cannot be written."""
    load_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.0 + 2.0 * len(sounds)), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(len(sounds), 1, sharex=True, squeeze=False)[:, 0]
    bins = round(HIGHEST_HZ * FFT_SAMPLES / SAMPLE_RATE)
    for axis, (name, sound) in zip(axes, sounds.items(), strict=True):
        level = np.abs(transform(sound[: round(seconds * SAMPLE_RATE)])[:bins]) / (FFT_SAMPLES / 4)
        decibels = 20 * np.log10(np.maximum(level, 10 ** (QUIETEST_DB / 20)))
        extent = (0.0, level.shape[1] / float(FRAME_RATE), 0.0, HIGHEST_HZ / 1000)
        image = axis.imshow(decibels, origin="lower", aspect="auto", extent=extent, vmin=QUIETEST_DB, vmax=-20, cmap="magma")
        axis.set_ylabel("kHz")
        axis.set_title(name, loc="left", fontsize=9)
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=list(axes), label="dB of a full-scale sine", shrink=0.6)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=110)
