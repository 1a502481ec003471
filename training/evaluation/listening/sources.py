"""Who plays an excerpt: a human, a performer's sample and its mean rendering, and the score as written."""

from typing import NamedTuple

import numpy as np

from engine.performers.registry import known_controls
from models.performance.representation import Performed
from training.evaluation.expressiveness.pieces import as_written, with_constant_velocity
from training.evaluation.expressiveness.renderers import Renderer
from training.evaluation.listening.excerpts import Excerpt, Take, cut
from training.evaluation.tell_apart.contestants import KIND

HUMAN, WRITTEN = "human", "as written"


class Ours(NamedTuple):
    """A performer, and how it samples unless told otherwise: at temperature 0 its samples are the mean rendering."""

    performer: str
    render: Renderer
    temperature: float


def default_temperature(performer: str) -> float:
    return next(control.default for control in known_controls(performer) if control.name == "temperature")


def takes(excerpt: Excerpt, ours: Ours, seed: int) -> dict[str, Take]:
    """Return who plays an excerpt and how, by the name that tables have for it."""
    piece = excerpt.piece.presentations[KIND].piece
    found = {HUMAN: cut(excerpt, excerpt.piece.humans[excerpt.human])}
    if ours.temperature > 0:
        sampled = ours.render(piece, seed, {"temperature": ours.temperature})
        found[f"{ours.performer}, sampled"] = cut(excerpt, sampled)
    found[f"{ours.performer}, mean"] = cut(excerpt, ours.render(piece, None, {}))
    return found | {WRITTEN: cut(excerpt, written(excerpt))}


def written(excerpt: Excerpt) -> Performed:
    """Return the score as written, all notes equally loud. Where it says no tempo, it takes as long as the human, over the whole piece:
    over the excerpt, two clips of one length would tell who plays.
    """
    score, human = excerpt.piece.score, excerpt.piece.humans[excerpt.human]
    plain = with_constant_velocity(as_written(score))
    if len(score.tempos):
        return plain
    played = np.isfinite(human.onset_sec)
    slower = np.ptp(human.onset_sec[played]) / np.ptp(plain.onset_sec[played])
    return plain._replace(onset_sec=slower * plain.onset_sec, duration_sec=slower * plain.duration_sec)
