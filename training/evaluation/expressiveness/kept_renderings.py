"""Renderings of scores that are kept in a folder, so that commands that measure the same performances make them once.

A rendering is named after all that decides it: the score, the seed, the controls, the performer's model, and the code that performs. With
any of them changed it is made anew.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import engine
import models
from engine.base.files import whole_file
from engine.score.piece import Piece
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.pretrained import pretrained
from training.evaluation.expressiveness.renderers import Renderer, all_controls

WEIGHTS = (".onnx", ".safetensors")
SCORE_TABLES = ("notes", "measures", "time_signatures", "tempos", "markings")
COLUMNS = (*Performed._fields[:3], *Pedal._fields)


def keep_renderings(render: Renderer, performer: str, model: Path | None, folder: Path) -> Renderer:
    """Return ``render``, the renderer of a performer's ``model`` (None for the one that ships), which reads what is in ``folder``."""
    given = model or pretrained("")
    weights = given if given.is_dir() else given.parent
    made_by = _digest([performer.encode(), _digest_of_code(), *(path.read_bytes() for path in _files(weights, WEIGHTS))])

    def read_or_render(piece: Piece, seed: int | None, controls: Mapping[str, float]) -> Performed:
        asked = repr((seed, sorted(all_controls(seed, controls).items()))).encode()
        path = folder / f"{performer}-{_digest([made_by, asked, *_parts(piece)]).hex()[:24]}.npz"
        if not path.exists():
            performed = render(piece, seed, controls)
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                arrays: dict[str, Any] = dict(zip(COLUMNS, (*performed[:3], *performed.pedal), strict=True))
                np.savez(partial, **arrays)
        with np.load(path) as stored:
            onset_sec, duration_sec, velocity, *pedal = (stored[name] for name in COLUMNS)
        return Performed(onset_sec, duration_sec, velocity, Pedal(*pedal))

    return read_or_render


def _parts(piece: Piece) -> list[bytes]:
    score = piece.score
    tables = [getattr(score, name).tobytes() for name in SCORE_TABLES]
    return [*tables, piece.channels.tobytes(), repr((score.words, score.has_markings, piece.repeats)).encode()]


@cache
def _digest_of_code() -> bytes:
    """Return a digest of what decides how a score is performed: the performers, the scores, the models."""
    rooms = [*(Path(engine.__path__[0]) / room for room in ("performers", "score")), Path(models.__path__[0])]
    return _digest(path.read_bytes() for room in rooms for path in _files(room, (".py",)))


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in suffixes)


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.digest()
