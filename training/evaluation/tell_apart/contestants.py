"""Who is told from humans: the score as written, a performer's mean rendering and samples, one human among the others, improvisations."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from models.performance.representation import Performed
from training.datasets.asap import work_of
from training.evaluation.expressiveness.pieces import HeldOutPiece, as_written
from training.evaluation.expressiveness.renderers import Renderer
from training.evaluation.tell_apart.judgement import Contest, begin_contest
from training.evaluation.tell_apart.performances import performance_windows
from training.evaluation.tell_apart.windows import Windows

KIND = "MusicXML"  # the presentation that is performed


class Heard(NamedTuple):
    """A piece with the windows of its humans."""

    piece: HeldOutPiece
    humans: list[Windows]

    @property
    def name(self) -> str:
        return work_of(self.piece.name)

    def windows(self, performed: Performed, like: int) -> Windows:
        """Return the windows of a performance. Notes that human number ``like`` did not play are left out: gaps would tell as well."""
        shown = self.piece.performed(self.piece.presentations[KIND], performed)
        missed = ~np.isfinite(self.piece.humans[like % len(self.humans)].onset_sec)
        heard = shown._replace(onset_sec=np.where(missed, np.nan, shown.onset_sec))
        return performance_windows(self.piece.score, heard, self.name)


def listen(pieces: Sequence[HeldOutPiece]) -> list[Heard]:
    return [Heard(piece, [performance_windows(piece.score, human, work_of(piece.name)) for human in piece.humans]) for piece in pieces]


def one_human(heard: Sequence[Heard], seeds: int) -> Contest:
    """Return the contest of humans with humans, which nobody can tell: ``seeds`` of each piece, half of all at most, stand for ours."""
    random = np.random.default_rng(0)
    ours, others = [], []
    for each in heard:
        order = random.permutation(len(each.humans))
        count = max(min(seeds, len(order) // 2), 1)
        ours += [each.humans[index] for index in order[:count]]
        others += [each.humans[index] for index in order[count:]]
    return begin_contest(ours, others)


def written(heard: Sequence[Heard]) -> Contest:
    played = [each.windows(as_written(each.piece.presentations[KIND].piece.score), 0) for each in heard]
    return begin_contest(played, _all_humans(heard))


def rendered(heard: Sequence[Heard], render: Renderer, seeds: Sequence[int | None], controls: Mapping[str, float], shown: str) -> Contest:
    """Return the contest of a performer's renderings, one for each seed; None is the mean rendering."""
    played = []
    for each in track(heard, f"performing, {shown}", console=Console(stderr=True)):
        piece = each.piece.presentations[KIND].piece
        played += [each.windows(render(piece, seed, controls), number) for number, seed in enumerate(seeds)]
    return begin_contest(played, _all_humans(heard))


def _all_humans(heard: Sequence[Heard]) -> list[Windows]:
    return [windows for each in heard for windows in each.humans]
