"""The command ``perf-eval listen``."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from engine.sound.fluidsynth import find_sound_font, load_fluidsynth
from engine.systems import Kind, default_system, performers
from training.evaluation.expressiveness.command import CACHE, CacheOption, DataOption, PiecesOption
from training.evaluation.expressiveness.kept_renderings import keep_renderings
from training.evaluation.expressiveness.pieces import load_held_out_pieces
from training.evaluation.expressiveness.renderers import check_performs_scores, load_renderer
from training.evaluation.listening.excerpts import draw_excerpts
from training.evaluation.listening.kit import Sounding, Trial, new_folder, write_kit
from training.evaluation.listening.sources import Ours, default_temperature, takes
from training.evaluation.tell_apart.command import RENDERINGS


def listen(
    data: DataOption,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="new folder for the test")],
    performer: Annotated[
        str | None, typer.Option("--performer", help=f"{' or '.join(performers(Kind.SCORES))} (default: the one that plays scores)")
    ] = None,
    excerpts: Annotated[int, typer.Option("--excerpts", min=1, max=99, help="how many; each is heard in three or four versions")] = 8,
    seconds: Annotated[float, typer.Option("--seconds", min=4, max=120, help="of an excerpt, as the human plays it")] = 20.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="chooses pieces, bars, humans, and the sample")] = 0,
    font: Annotated[Path | None, typer.Option("--soundfont", metavar="FILE.sf2", help="sound font (default: the system's)")] = None,
    pieces: PiecesOption = "",
    cache: CacheOption = CACHE,
) -> None:
    """A blind listening test for people: the same bars by a human, by a performer and as written, with a page to answer on."""
    name = performer or default_system(Kind.SCORES).name
    check_performs_scores(name)
    load_fluidsynth()
    sounding = Sounding(find_sound_font(font), seed, default_temperature(name))
    with new_folder(out) as folder:
        drawn = draw_excerpts(load_held_out_pieces(data, "validation", cache, pieces), excerpts, seconds, np.random.default_rng(seed))
        render = keep_renderings(load_renderer(name, None), name, None, cache / RENDERINGS)
        performing = track(drawn, f"{name} performs", console=Console(stderr=True))
        trials = [Trial(excerpt, takes(excerpt, Ours(name, render, sounding.temperature), seed)) for excerpt in performing]
        with Console(stderr=True).status("rendering sound"):
            key = write_kit(folder, trials, sounding)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{out}: test {key.kit}, {len(drawn)} excerpts, {size / 1e6:.0f} MB; README.txt says how it is done")
