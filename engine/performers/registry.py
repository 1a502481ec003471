"""The performers by name. Each is imported only when it is asked for, so that none costs anything to those who use another."""

import difflib
from collections.abc import Callable
from pathlib import Path

from engine.base.errors import UsageError
from engine.performers.protocol import Performer

DEFAULT_PERFORMER, DEFAULT_SCORE_PERFORMER, DEFAULT_IMPROVISER = "velocity", "dexter", "performance-rnn"
STYLED_PERFORMER = "score-performer"
SCORE_PERFORMERS = (DEFAULT_SCORE_PERFORMER, STYLED_PERFORMER)

Loader = Callable[[Path | None, float | None], Performer]  # (ONNX file or None for the one that ships, look-ahead in seconds or None)


def _load_passthrough(model: Path | None, lookahead_s: float | None) -> Performer:
    from engine.performers.passthrough.performer import PassthroughPerformer

    if model is not None:
        raise UsageError(f"--model {str(model)!r}: the performer 'passthrough' has no model; leave --model out or choose another performer")
    if lookahead_s:
        raise UsageError("--lookahead: the performer 'passthrough' does not look ahead; leave --lookahead out or choose another performer")
    return PassthroughPerformer()


def _load_velocity(model: Path | None, lookahead_s: float | None) -> Performer:
    from engine.performers.velocity import performer as velocity

    return velocity.load_performer(model, lookahead_s)


def _load_dexter(model: Path | None, lookahead_s: float | None) -> Performer:
    from engine.performers.dexter import performer as dexter

    return dexter.load_performer(model, lookahead_s)


def _load_score_performer(model: Path | None, lookahead_s: float | None) -> Performer:
    from engine.performers.score_performer import performer as score_performer

    return score_performer.load_performer(model, lookahead_s)


def _load_performance_rnn(model: Path | None, lookahead_s: float | None) -> Performer:
    from engine.performers.performance_rnn import performer as performance_rnn

    return performance_rnn.load_performer(model, lookahead_s)


LOADERS: dict[str, Loader] = {
    "passthrough": _load_passthrough,
    "velocity": _load_velocity,
    "dexter": _load_dexter,
    "score-performer": _load_score_performer,
    "performance-rnn": _load_performance_rnn,
}


def load_performer(name: str, model: Path | None = None, lookahead_s: float | None = None) -> Performer:
    """Return the performer called ``name``. Raises UsageError for an unknown one; the performer's own errors for a model it refuses."""
    if name not in LOADERS:
        near = difflib.get_close_matches(name, LOADERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"no performer is called {name!r}; allowed: {', '.join(LOADERS)}{hint}")
    return LOADERS[name](model, lookahead_s)
