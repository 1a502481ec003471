"""Performers of scores by name, as functions from a score to a performance of its notes: as the engine plays them, but for the notes that
it adds where ornaments are printed, of which the score has none.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.base.errors import UsageError
from engine.performers.controls import with_defaults
from engine.score.tables import Score
from models.performance.representation import Performed, decode_performance

# (score, seed or None for the mean rendering, controls by name) -> performance
Renderer = Callable[[Score, int | None, Mapping[str, float]], Performed]


def load_renderer(performer: str, model: Path | None) -> Renderer:
    """Return the renderer of a performer's ``model``, None for the one that ships. Raises UsageError for an unknown performer."""
    if performer not in RENDERERS:
        raise UsageError(f"--performer {performer!r}: allowed: {', '.join(RENDERERS)}")
    return RENDERERS[performer](model)


def _dexter(model: Path | None, thousand_steps: bool = False) -> Renderer:
    from engine.performers.dexter.controls import CONTROLS, sampling_settings
    from engine.performers.dexter.interpretation import as_played
    from engine.performers.dexter.performer import load_performer
    from engine.performers.score_playing.columns import playback_columns
    from models.dexter.windows import perform
    from models.performance.features import denormalise

    dexter = load_performer(model, None)

    def render(score: Score, seed: int | None, controls: Mapping[str, float]) -> Performed:
        temperature = {"temperature": 0.0 if seed is None else 1.0}
        settings = sampling_settings(with_defaults(CONTROLS, temperature | dict(controls)))
        columns = playback_columns(score)
        performed = perform(dexter.sampler(score.notes, columns, seed or 0, thousand_steps), settings, len(score.notes))
        return decode_performance(score.notes, as_played(denormalise(performed, columns), score.notes, score.markings["arpeggio"]))

    return render


def _score_performer(model: Path | None) -> Renderer:
    from engine.performers.score_performer.decoding import decode_piece
    from engine.performers.score_performer.directions import Places
    from engine.performers.score_performer.performer import load_performer
    from engine.performers.score_performer.score import ScoreReading
    from engine.performers.score_performer.style import StyleChoice, plan_style
    from engine.score.ornaments import roll_chords
    from models.score_performer.representation import decode_performance

    performer = load_performer(model, None)

    def render(score: Score, seed: int | None, controls: Mapping[str, float]) -> Performed:
        values = with_defaults(performer.controls, {"temperature": 0.0 if seed is None else 1.0} | dict(controls))
        reading = ScoreReading(performer.networks, score)
        knobs = {name: values[name] for name in performer.space.knobs}
        plan = plan_style(StyleChoice(), Places(reading.score), performer.space, knobs)
        tokens = decode_piece(performer.networks, reading, plan.styles, seed or 0, values["temperature"], values["top_p"], plan.tempos)
        performed = decode_performance(reading.score.notes, reading.segments, tokens)
        signs = score.markings["arpeggio"]
        return performed._replace(onset_sec=roll_chords(score.notes, signs, performed.onset_sec, performed.duration_sec))

    return render


def _dexter_as_published(model: Path | None) -> Renderer:
    return _dexter(model, thousand_steps=True)


RENDERERS = {"dexter": _dexter, "dexter-thousand-steps": _dexter_as_published, "score-performer": _score_performer}
