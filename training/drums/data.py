"""Takes of drummers as the trees learn from them: as somebody would have written them down, and as they come live."""

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.files import whole_file
from engine.performers.drums.lookahead import REMEMBERED_QUARTERS
from models.drums.drawing import Kind
from models.drums.groove import groove_features
from models.drums.live_kit import Beat, LiveKit
from models.drums.representation import GRIDS, PLAIN_KEYS, REPRESENTATION_VERSION, STEPS_A_QUARTER, Asked, written_s
from training.datasets.groove import DrumTake

SIXTEENTHS, TRIPLETS = GRIDS
MINUTE_MS = 60_000


class View(NamedTuple):
    """How a take is shown. ``plain``: on a kit without articulations; ``swung``: a take that fits triplets is written in them; ``beat``:
    live, with the sender's; ``ahead_s``: of a groove, how much of what follows a stroke is known.
    """

    style: bool = True
    drummer: bool = True
    plain: bool = False
    swung: bool = False
    beat: bool = True
    ahead_s: float = math.inf


class Examples(NamedTuple):
    """Features (N, F), and of each stroke the velocity (N,), how many ms after its written place it was struck (N,), and its take (N,)."""

    features: np.ndarray
    velocity: np.ndarray
    timing_ms: np.ndarray
    take: np.ndarray


Describe = Callable[[DrumTake, View], tuple[np.ndarray, np.ndarray]]  # -> features, timing


def written(strokes: np.ndarray, swung: bool) -> np.ndarray:
    """Return strokes on the nearest sixteenths; where ``swung``, a take that fits triplets better on those."""
    grids = [np.floor(strokes["quarter"] * grid + 0.5) / grid for grid in (SIXTEENTHS, TRIPLETS)]
    straying = [np.abs(strokes["quarter"] - grid).mean() * each for grid, each in zip(grids, (SIXTEENTHS, TRIPLETS), strict=True)]
    placed = strokes.copy()
    placed["quarter"] = grids[int(swung and straying[1] < straying[0])]
    return placed


def describe_groove(take: DrumTake, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of a take that is written down, and how many ms off that it was played."""
    placed = on_the_kit(written(take.strokes, view.swung), view)
    timing = (take.strokes["quarter"] - placed["quarter"]) * MINUTE_MS / take.strokes["tempo"]
    if view.ahead_s == math.inf:
        return groove_features(placed, asked(take, view)), timing
    time_s, told = written_s(placed), asked(take, view)
    first = np.searchsorted(placed["quarter"], placed["quarter"] - REMEMBERED_QUARTERS)
    last = np.searchsorted(time_s, time_s + view.ahead_s, side="right")
    rows = range(len(placed))
    return np.concatenate([groove_features(placed[row : row + 1], told, placed[first[row] : last[row]]) for row in rows]), timing


def describe_live(take: DrumTake, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of a take as it comes, stroke by stroke."""
    kit, told, strokes = LiveKit(), asked(take, view), on_the_kit(take.strokes, view)
    rows = [
        kit.strike(quarter * 60 / tempo, key, Beat(quarter, tempo) if view.beat else None, told)
        for quarter, key, tempo in zip(*(strokes[name].tolist() for name in ("quarter", "key", "tempo")), strict=True)
    ]
    return np.stack(rows), np.zeros(len(rows))


DESCRIBE: dict[Kind, Describe] = {"groove": describe_groove, "live": describe_live}


def load_examples(kind: Kind, takes: Sequence[DrumTake], views: Sequence[View], cache: Path) -> Examples:
    """Describe takes, each in all of the views, or read that from ``cache`` if it was done before."""
    digest = hashlib.sha256(f"{REPRESENTATION_VERSION} {kind} {views}".encode())
    for take in takes:
        digest.update(take.name.encode() + take.strokes.tobytes() + take.velocity.tobytes())
    path = cache / f"drums-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        parts = []
        for number, take in enumerate(track(takes, f"describing takes ({kind})", console=Console(stderr=True))):
            for view in views:
                features, timing_ms = DESCRIBE[kind](take, view)
                parts.append((features, take.velocity, timing_ms, np.full(len(features), number)))
        cache.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, open(partial, "wb") as file:
            np.savez(file, *(np.concatenate(column) for column in zip(*parts, strict=True)))
    with np.load(path) as stored:
        return Examples(*(stored[name] for name in stored.files))


def steps(strokes: np.ndarray) -> np.ndarray:
    """Return the sixteenths of the bar that strokes stand on."""
    bar_steps = (strokes["bar_quarters"] * STEPS_A_QUARTER).astype(int)
    return np.floor((strokes["quarter"] - strokes["bar_quarter"]) * STEPS_A_QUARTER + 0.5).astype(int) % bar_steps


def on_the_kit(strokes: np.ndarray, view: View) -> np.ndarray:
    """Return strokes with the keys of the kit that a view shows."""
    if not view.plain:
        return strokes
    plain = strokes.copy()
    plain["key"] = [PLAIN_KEYS.get(key, key) for key in strokes["key"].tolist()]
    return plain


def asked(take: DrumTake, view: View) -> Asked:
    """Return what a view says of a take."""
    return Asked(take.style if view.style else 0, take.drummer if view.drummer else 0)
