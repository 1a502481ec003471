"""ScorePerformer: a score performed note by note, in a style that can be given for the piece, a bar, a beat and an onset.

Sources: models/score_performer. Offline and live a performance is a ``ScoreStream`` that decides one onset ahead of what is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np

from engine.base.arguments import request_of
from engine.performers.controls import Control
from engine.performers.counts import WindowCounts
from engine.performers.lookahead.stream import SCORE_CONTROLS
from engine.performers.score_performer.controls import CONTROLS
from engine.performers.score_performer.decoding import OnsetDecoder
from engine.performers.score_performer.directions import Places
from engine.performers.score_performer.interpretation import ScorePerformerInterpretation
from engine.performers.score_performer.lookahead import ScorePerformerLookaheadPerformer
from engine.performers.score_performer.networks import Networks, open_networks
from engine.performers.score_performer.reference import manner, performed_styles
from engine.performers.score_performer.score import ScoreReading, score_tokens
from engine.performers.score_performer.style import StyleChoice, StylePlan, knob_controls, open_style_space, parse_style, plan_style
from engine.performers.score_playing.instruments.expression_controller import EXPRESSION
from engine.performers.score_playing.scores_only import WrittenTempo, require_score
from engine.performers.score_playing.shaping.directions import Said
from engine.performers.score_playing.shaping.shaping import Shaping
from engine.performers.score_playing.shaping.tempo import TempoRule
from engine.performers.score_playing.stream import ScoreStream
from engine.score.alignment import read_reference
from engine.score.dynamics import with_playback_velocities
from engine.score.files import Repeats, read_score
from engine.score.piece import Piece
from engine.score.tables import Score
from engine.systems.manifest import Kind
from engine.systems.score_performer import SYSTEM, StyleRequest
from models.performance.representation import Performed
from models.pretrained import pretrained
from models.score_performer.style_space import StyleSpace

STYLE_SPACE_FILE = "score_performer_styles.safetensors"

ChooseStyle = Callable[["ScorePerformerPerformer", Score], StyleChoice]


@overload
def load_performer(model: Path | None, lookahead_s: None) -> "ScorePerformerPerformer": ...
@overload
def load_performer(model: Path | None, lookahead_s: float | None) -> "ScorePerformerPerformer | ScorePerformerLookaheadPerformer": ...
def load_performer(model: Path | None, lookahead_s: float | None) -> "ScorePerformerPerformer | ScorePerformerLookaheadPerformer":
    """Return the performer, of scores or, with look-ahead, of live notes; ``model`` is a folder of its graphs, in place of those that ship.
    Raises PerfLiveError, UsageError.
    """
    networks = open_networks(model)
    space_file = model / STYLE_SPACE_FILE if model else pretrained(STYLE_SPACE_FILE)
    space = open_style_space(space_file, networks.latents) if space_file.exists() else _plain_space(networks.latents)
    performer = ScorePerformerPerformer(networks, space)
    return ScorePerformerLookaheadPerformer(networks, space, performer.controls, lookahead_s) if lookahead_s else performer


def _plain_space(latents: tuple[int, ...]) -> StyleSpace:
    """Return the style space of a model of which nothing is known but the distribution that training pulls its styles to."""
    width = sum(latents)
    return StyleSpace(latents, np.zeros(width), np.eye(width), {}, {})


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls: those of all models, and the knobs of this one's style space. Raises PerfLiveError when it cannot be read."""
    space_file = model / STYLE_SPACE_FILE if model and model.is_dir() else pretrained(STYLE_SPACE_FILE)
    controls = CONTROLS + (knob_controls(open_style_space(space_file)) if space_file.exists() else ())
    return tuple(control for control in controls if not lookahead_s or control.name not in SCORE_CONTROLS)


class ScorePerformerPerformer:
    """Performs scores: see ``perform``."""

    name = SYSTEM.name
    plays = Kind.SCORES
    latency_ns = 0

    def __init__(self, networks: Networks, space: StyleSpace):
        self.networks, self.space = networks, space
        self.controls = CONTROLS + knob_controls(space)

    def check(self, request: StyleRequest) -> None:
        """Raise UsageError for directions and knobs that the model does not know."""
        parse_style(request, self.space)

    def perform(
        self, material: Piece | None, request: StyleRequest, controls: Mapping[str, float], seed: int, live: bool
    ) -> ScoreStream:
        """Return a performance that is yet to be started. Raises UsageError without a score and for directions that mean nothing,
        PerfLiveError for a file that is refused.
        """
        piece, request = require_score(material, self.name), request_of(request, StyleRequest)
        if not len(piece.score.notes):
            return ScoreStream(piece, WrittenTempo(piece.score, self.controls), controls)
        return self.perform_score(
            piece,
            seed,
            controls,
            live,
            lambda _, score: self._choose_style(request, score, piece.repeats),
            request.expression_controller.number,
        )

    def _choose_style(self, request: StyleRequest, score: Score, repeats: Repeats) -> StyleChoice:
        """Return what is asked for, with the performances that a style is taken from read."""
        choice = parse_style(request, self.space)
        if request.style_from is None:
            return choice
        if request.style_score is None:
            return replace(choice, reference=self.read_styles(score, read_reference(request.style_from, score)))
        other = read_score(request.style_score, repeats)
        return replace(choice, manner=self.read_manner(other, read_reference(request.style_from, other)))

    def perform_score(
        self,
        piece: Piece,
        seed: int,
        controls: Mapping[str, float],
        ahead: bool,
        choose: ChooseStyle | None = None,
        expression_controller: int | None = EXPRESSION,
    ) -> ScoreStream:
        """Return a performance of ``piece``, yet to be started. ``choose`` says what is asked of its style, by default nothing.

        ``expression_controller``: see ``ScoreStream``.
        """
        reading = ScoreReading(self.networks, piece.score)
        choice = choose(self, reading.score) if choose else StyleChoice()
        places = Places(reading.score)

        def make_plan(said: Sequence[Said]) -> StylePlan:
            return plan_style(replace(choice, said=tuple(said)), places, self.space)

        plan = make_plan(choice.said)
        counts = WindowCounts()
        decoder = OnsetDecoder(self.networks, reading, plan.styles, seed, plan.tempos, counts.fail if ahead else None)

        def tempo() -> TempoRule:
            return TempoRule(piece, reading.expected_periods(), choice.follows_tempo)

        shaping = Shaping(piece, reading.written(), seed, levelled=not choice.is_said)
        interpretation = ScorePerformerInterpretation(
            decoder, reading, make_plan, plan, tempo, shaping, self.controls, counts, waits=not ahead
        )
        return ScoreStream(piece, interpretation, controls, expression_controller)

    def read_styles(self, score: Score, performed: Performed) -> np.ndarray:
        """Return the styles (N, style_width) of a performance by note of its score."""
        tokens, segments = score_tokens(with_playback_velocities(score))
        return performed_styles(self.networks.read_style, score, tokens, segments, performed)

    def read_manner(self, score: Score, performed: Performed) -> np.ndarray:
        """Return what another piece can have of a performance (style_width,)."""
        return manner(self.read_styles(score, performed), ScoreReading(self.networks, score).expected)
