"""The manifest of ScorePerformer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.base.errors import UsageError
from engine.systems.manifest import Kind, ScoreRequest, System, asked


@dataclass(frozen=True)
class StyleRequest(ScoreRequest):
    """What can be said of a performance's style, in words and from other performances."""

    direct: tuple[str, ...] = asked(
        "--direct",
        "A direction in words, as in crescendo:bars=9-16. Repeat for more.",
        default=(),
        metavar="NAME[:bars=A-B][:amount=X]",
    )
    style_from: Path | None = asked(
        "--style-from", "Take the style of a performance, of this score or of --style-score.", metavar="FILE.mid"
    )
    style_score: Path | None = asked(
        "--style-score", "The score of --style-from, if it is another: its manner is taken.", metavar="FILE"
    )
    style_bars: str | None = asked("--style-bars", "Bars that --style-from is for. (default: all)", metavar="A-B")
    style_amount: float | None = asked(
        "--style-amount", "How far the style is that of --style-from. (default: 1)", least=0, most=1
    )
    style_seed: int | None = asked(
        "--style-seed", "Draw a style, by seed. (default: the style that humans have on average)", least=0
    )
    deadpan: bool = asked("--deadpan", "Begin without any style, not with the one that humans have on average.", default=False)
    knob: tuple[str, ...] = asked(
        "--knob",
        "Move styles along a knob, or a latent as in bar:3:+0.5. Repeat for more.",
        default=(),
        metavar="NAME=X[:bars=A-B]",
    )

    def check(self) -> Self:
        """Return the request. Raises UsageError when it contradicts itself."""
        needing = ("style_bars", "style_amount", "style_score")
        without = [self.questions()[name].flag for name in needing if name in self.said()]
        if without and self.style_from is None:
            raise UsageError(f"{', '.join(without)}: a performance to take the style of is missing; give --style-from FILE.mid")
        if self.deadpan and self.style_seed is not None:
            raise UsageError("--deadpan and --style-seed: a style is either none or drawn; leave one of them out")
        return self


SYSTEM = System(
    name="score-performer",
    summary="performs a score note by note in a style that you can say, or with look-ahead a track",
    plays=frozenset({Kind.NOTES, Kind.SCORES}),
    files={
        "score_performer.onnx": "score-performer",
        "score_performer_score.onnx": "score-performer-score",
        "score_performer_style.onnx": "score-performer-style",
    },
    request=StyleRequest,
    performer="engine.performers.score_performer.performer:load_performer",
    controls="engine.performers.score_performer.performer:known_controls",
    task="training.score_performer.stages:STAGES",
    exporter="export.score_performer:build_specs",
    evaluation="training.evaluation.score_performer.command:score_performer",
    bench="engine.bench.score_performer:BENCHMARK",
)
