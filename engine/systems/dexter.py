"""The manifest of DExter."""

from dataclasses import dataclass
from pathlib import Path

from engine.systems.manifest import Kind, ScoreRequest, System, asked


@dataclass(frozen=True)
class DexterRequest(ScoreRequest):
    """A performance to begin from, and how the performance is to sound: in files and in words."""

    transfer: Path | None = asked(
        "--transfer", "A performance of the score, left behind as far as --set depth says.", metavar="FILE.mid"
    )
    descriptors: Path | None = asked("--descriptors", "How a score's performance is to sound, over the piece.", metavar="FILE.csv")
    direct: tuple[str, ...] = asked(
        "--direct",
        "A direction in words, as in crescendo:bars=9-16. Repeat for more.",
        default=(),
        metavar="NAME[:bars=A-B][:amount=X]",
    )


SYSTEM = System(
    name="dexter",
    summary="performs a score, or with look-ahead a track: tempo, timing, dynamics, touch and pedal",
    plays=frozenset({Kind.NOTES, Kind.SCORES}),
    default_for=frozenset({Kind.SCORES}),
    files={
        "dexter_mean.onnx": "dexter-mean",
        "dexter_denoise.onnx": "dexter-denoise",
        "dexter_trees.onnx": "dexter-trees",
        "dexter_profile.onnx": "dexter-profile",
    },
    request=DexterRequest,
    performer="engine.performers.dexter.performer:load_performer",
    controls="engine.performers.dexter.performer:known_controls",
    task="training.dexter.stages:STAGES",
    exporter="export.dexter:build_specs",
    evaluation="training.evaluation.dexter.command:dexter",
    bench="engine.bench.dexter:BENCHMARK",
)
