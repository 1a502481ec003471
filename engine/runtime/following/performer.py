"""A performer of scores as an accompanist: it plays what the soloist does not, in the soloist's time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from engine.base.saying import say
from engine.performers.protocol import Performer
from engine.performers.score_playing.positions import Positions
from engine.performers.score_playing.scores_only import require_score
from engine.performers.score_playing.stream import ScoreStream
from engine.performers.setup import Setup
from engine.runtime.following.controls import CONTROLS
from engine.runtime.following.parts import AUTO, alternatives, solo_rows
from engine.runtime.following.rehearsal import read_takes, rehearse
from engine.runtime.following.rendition import render_through
from engine.runtime.following.stream import DYNAMICS, DuoStream
from engine.score.piece import Piece
from engine.systems import Kind

LONG_NOTES = 1000  # of a score that takes a while to be thought through


@dataclass(frozen=True)
class Following:
    """Whom to accompany, and how: ``part`` is the soloist's, or 'auto'; ``speed`` is that of practice, 1 as the performer would.

    ``loop``: the first and the last bar of those that are practised. ``hint``: the soloist's part is played softly as well.
    ``rehearsed``: MIDI files in which people play the accompaniment, which is then played as there.
    """

    part: str
    speed: float = 1.0
    loop: tuple[int, int] | None = None
    hint: bool = False
    rehearsed: tuple[Path, ...] = ()

    def choices(self, piece: Piece) -> Mapping[str, np.ndarray]:
        """Return which notes (N,) of the printed score the soloist may play, by name. Raises UsageError for a part that is not there."""
        return alternatives(piece) if self.part.casefold() == AUTO else {self.part: solo_rows(piece, self.part)}

    def check(self, piece: Piece) -> None:
        """Raise UsageError for a part, or bars, that a score does not have, PerfLiveError for a take in which it is not accompanied."""
        choices = self.choices(piece)
        if self.loop:
            Positions(piece.score).bars(*self.loop)
        read_takes(self.rehearsed, piece, choices)


class Accompanist:
    """Follows the protocol of ``engine.performers.protocol``."""

    plays = Kind.SCORES
    latency_ns = 0

    def __init__(self, performer: Performer, following: Following):
        self._performer, self._following = performer, following
        self.name = performer.name
        self.controls = (*performer.controls, *CONTROLS)

    def check(self, request: Any) -> None:
        self._performer.check(request)

    def perform(self, material: Piece | None, request: Any, controls: Mapping[str, float], seed: int, live: bool) -> DuoStream:
        """Return an accompaniment that is yet to be started; the score is thought through first.

        Raises UsageError for a part, or bars, that are not there, PerfLiveError for a take in which nobody accompanies.
        """
        piece, following = require_score(material, self.name), self._following
        choices = following.choices(piece)
        takes = read_takes(following.rehearsed, piece, choices)
        if live and len(piece.score.notes) >= LONG_NOTES:
            say(f"{self.name} reads the score")
        own = {control.name for control in CONTROLS}
        others = {name: value for name, value in controls.items() if name not in own}
        stream = cast(ScoreStream, self._performer.perform(piece, request, others, seed, False))
        rendition = render_through(piece, stream)
        if takes:
            rendition = rehearse(piece, rendition, takes, controls.get(DYNAMICS, 0.0))
        duo = DuoStream(piece, rendition, choices, self._performer.controls, controls, 1 / following.speed, following.hint)
        if following.loop:
            duo.loop(*following.loop, 0)
        return duo


def accompanying(setup: Setup, following: Following) -> Setup:
    """Return a setup whose performer accompanies."""
    return replace(setup, performer=Accompanist(setup.performer, following))
