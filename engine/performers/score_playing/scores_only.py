"""What the performers of scores have in common: without a score they play nothing, and a score without pitched notes as it is written."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.base.errors import UsageError
from engine.performers.controls import Control, with_defaults
from engine.performers.score_playing.interpretation import Decided, PlannedBeat
from engine.score.piece import Piece
from engine.score.tables import Score
from engine.score.tempo import tempo_at
from models.performance.decoder import Anchor

if TYPE_CHECKING:  # shaping knows this package
    from engine.performers.score_playing.shaping.directions import Said


def require_score(material: Piece | None, performer: str) -> Piece:
    """Return the score. Raises UsageError when there is none, or something else in its place."""
    if material is None:
        how = "give a score with --score FILE, or --lookahead 2 for live notes"
        raise UsageError(f"the performer {performer!r} must know what follows: {how}")
    if not isinstance(material, Piece):
        raise UsageError(f"material: got {material!r}, expected a Piece, as in engine.score.piece.read_piece(Path('piece.musicxml'))")
    return material


class WrittenTempo:
    """Follows the protocol of ``engine.performers.score_playing.interpretation`` for a score of drums alone: there is only its tempo."""

    counts = None
    next_note = 0
    directions: "Sequence[Said]" = ()

    def __init__(self, score: Score, controls: tuple[Control, ...]):
        self.controls = controls
        changes = np.unique([0.0, *score.tempos["onset_quarter"].tolist()])
        self._values: dict[str, float] = {}
        self._curve: list[Anchor] = []
        self._tempos: list[tuple[float, float]] = list(zip(changes.tolist(), (60 / tempo_at(score, changes)).tolist(), strict=True))
        self.reset({})

    def value(self, control: str) -> float:
        return self._values[control]

    def set_control(self, name: str, value: float) -> None:
        self._values[name] = value

    def direct(self, directions: "Sequence[Said]") -> None:
        if directions:
            raise UsageError("the score has drums alone, and directions are for notes with pitches")

    def go(self, first: int, stop: int, loops: bool) -> None:
        self._curve = []

    def leave_loop(self, stop: int) -> None:
        pass

    def begin(self, first: int, stop: int, begin_quarter: float, begin_sec: float) -> list[Decided] | None:
        period = next(period for quarter, period in reversed(self._tempos) if quarter <= begin_quarter)
        self._curve = [Anchor(begin_quarter, begin_sec, period)]
        for quarter, period in self._tempos:
            if quarter > begin_quarter:
                self._curve.append(Anchor(quarter, self.time_at(quarter), period))
        return list(self._curve)

    @property
    def finished(self) -> bool:
        return bool(self._curve)

    def time_at(self, quarter: float) -> float:
        anchor = next((anchor for anchor in reversed(self._curve) if anchor.quarter <= quarter), self._curve[0])
        return anchor.time_sec + anchor.period * (quarter - anchor.quarter)

    def due_sec(self, speed: float) -> float:
        return math.inf

    def decide(self, now_sec: float, speed: float) -> list[Decided] | None:
        return []

    def style_curve(self) -> None:
        return None

    def plan(self) -> Sequence[PlannedBeat]:
        return ()

    def close(self) -> None:
        pass

    def snapshot(self) -> Any:
        return dict(self._values), list(self._curve)

    def restore(self, snapshot: Any) -> None:
        values, curve = snapshot
        self._values, self._curve = dict(values), list(curve)

    def reset(self, controls: Mapping[str, float]) -> None:
        self._values = with_defaults(self.controls, controls)
        self._curve = []
