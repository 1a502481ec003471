"""``perf-eval performance-net``: a synthesiser beside the sound that the same notes make in FluidSynth, and beside simpler ones."""

import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.base.files import whole_file
from engine.sound.options import PIANO_FILE
from engine.sound.wav_file import WavFile
from models.performance_net.representation import SAMPLE_RATE
from models.pretrained import pretrained
from training.datasets.sound_takes import SoundTake, load_takes
from training.evaluation.performance_net.figures import BASELINE, Renderer, SoundFigures, evaluate_take, mean_figures, share_of_the_way
from training.evaluation.performance_net.picture import draw_spectrograms
from training.evaluation.performance_net.templates import Templates, fit_templates

PICTURE_S = 6.0


def performance_net(
    data: Annotated[Path, typer.Option("--data", help="folder of perf-eval sound-data")],
    models: Annotated[list[Path] | None, typer.Option("--model", help="ONNX file of perf-export, or its folder; repeat for more")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=1, help="of each validation take (default: all of it)")] = None,
    takes: Annotated[int | None, typer.Option("--takes", min=1, help="validation takes, at most (default: all)")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder for pictures and .wav files of the first take")] = None,
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep the templates in")] = Path("runs/sound"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Spectral distances, onsets heard and loudness by velocity, on validation pieces, beside templates and what phases cost."""
    templates = load_templates(data / "train", cache)
    validation = [_shorten(take, seconds) for take in load_takes(data / "validation")[:takes]]
    renderers: dict[str, Renderer] = {BASELINE: templates.render}
    for path in models or ():
        from engine.sound.performance_net.synthesizer import render_events

        renderers[path.stem] = partial(render_events, model=pretrained(PIANO_FILE, path))
    rows: list[dict[str, SoundFigures]] = []
    for number, take in enumerate(track(validation, "rendering", console=Console(stderr=True))):
        figures, sounds = evaluate_take(take, renderers)
        rows.append(figures)
        if out and number == 0:
            _write_sounds(out, take, sounds)
    print_figures(mean_figures(rows), len(validation), as_json)


def load_templates(folder: Path, cache: Path) -> Templates:
    """Return the templates of the takes in ``folder``, fitted the first time. Raises PerfLiveError when there are none."""
    described = "\n".join(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in sorted(folder.glob("*.npz")))
    path = cache / f"templates-{hashlib.sha256(described.encode()).hexdigest()[:16]}.npz"
    if path.exists():
        with np.load(path) as stored:
            return Templates(stored["spectra"])
    templates = fit_templates(track(load_takes(folder), "fitting templates", console=Console(stderr=True)))
    cache.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, spectra=templates.spectra)
    return templates


def print_figures(figures: dict[str, SoundFigures], takes: int, as_json: bool) -> None:
    """Print a row a synthesiser: its SoundFigures, and how far it has come from the templates to Griffin-Lim on true magnitudes."""
    described = {name: row._asdict() | {"way": share_of_the_way(figures, name)} for name, row in figures.items()}
    if as_json:
        print(json.dumps({"takes": takes, "figures": described}, indent=1))
        return
    table = Table(title=f"sound of {takes} validation takes")
    table.add_column("", no_wrap=True)
    for heading in ("LSD dB", "SC", "log", "SC+log", "onsets", "loud", "way"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, values in described.items():
        table.add_row(name, f"{values.pop('log_spectral_db'):.2f}", *(f"{value:.3f}" for value in values.values()))
    Console().print(table)


def _shorten(take: SoundTake, seconds: float | None) -> SoundTake:
    if seconds is None:
        return take
    notes = take.notes[take.notes["onset_sec"] < seconds]
    return replace(take, audio=take.audio[: round(seconds * SAMPLE_RATE)], notes=notes)


def _write_sounds(folder: Path, take: SoundTake, sounds: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draw_spectrograms(folder / "spectrograms.png", sounds, PICTURE_S, take.name)
    for name, samples in sounds.items():
        with whole_file(folder / f"{name.replace(' ', '_')}.wav") as temporary:
            with WavFile(temporary, SAMPLE_RATE, 1) as file:
                file.write(samples[:, None])
