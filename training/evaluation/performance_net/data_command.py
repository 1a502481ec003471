"""``perf-eval sound-data``: performances rendered to sound, to train and to measure the neural synthesiser with."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from models.performance_net.instruments import PIANO
from training.datasets.asap import Split
from training.performance_net.keys import build_keys
from training.performance_net.rendered_audio import RenderingSettings, build_rendered
from training.performance_net.solo_keys import build_solo_keys

SPLITS: tuple[Split, ...] = ("train", "validation")


class InstrumentName(StrEnum):
    """The instruments that there are settings for, as choices of the command line."""

    PIANO = PIANO
    VIOLIN = "violin"
    CELLO = "cello"
    FLUTE = "flute"


def sound_data(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")],
    out: Annotated[Path, typer.Option("--out", help="folder for train/ and validation/, 3.5 MB for each 40 s")],
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="of a take")] = 40.0,
    takes_a_piece: Annotated[int, typer.Option("--takes", min=1, help="of a training piece; a validation piece has one")] = 4,
    pieces: Annotated[int | None, typer.Option("--pieces", min=1, help="of training, at most (default: all)")] = None,
    studies: Annotated[int, typer.Option("--studies", min=0, help="training takes of random notes over the whole keyboard")] = 40,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of what is chosen")] = 0,
    soundfont: Annotated[Path | None, typer.Option("--soundfont", help="of General MIDI (default: the system's)")] = None,
    instrument: Annotated[InstrumentName, typer.Option("--instrument", help="any but the piano plays one voice")] = InstrumentName.PIANO,
) -> None:
    """Render excerpts of performances with FluidSynth, validation pieces apart, and listen to every key. What is there already is kept."""
    settings = {
        "validation": RenderingSettings("validation", seconds, 1, None, 0, seed, instrument=instrument.value),
        "train": RenderingSettings("train", seconds, takes_a_piece, pieces, studies, seed, instrument=instrument.value),
    }
    for split, wanted in settings.items():
        takes = build_rendered(data, out / split, wanted, soundfont)
        print(f"{split}: {takes} takes of {seconds:g} s in {out / split}", flush=True)
    keys = build_keys(out, soundfont) if instrument is InstrumentName.PIANO else build_solo_keys(out, instrument, soundfont)
    print(f"the keys' spectra: {keys}", flush=True)
