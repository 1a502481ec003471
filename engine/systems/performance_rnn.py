"""The manifest of Performance RNN."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.base.errors import UsageError
from engine.systems.manifest import Kind, Request, System, asked

MOST_BEAMS = 16  # four times as many streams are side by side


@dataclass(frozen=True)
class ImprovisationRequest(Request):
    """An improvisation that is rendered: how long it is, and what it goes on from."""

    seconds: float | None = asked("--seconds", "How long an improvisation is, after its primer.", least=0)
    primer: Path | None = asked("--primer", "What an improvisation goes on from.", metavar="FILE.mid")
    beam: int = asked(
        "--beam", "Search for likely improvisations, with so many beams; 0 samples one.", default=0, least=0, most=MOST_BEAMS
    )
    without_primer: bool = asked("--without-primer", "Begin the output where the improvisation begins.", default=False)

    @property
    def together(self) -> bool:
        """Whether it is made as several takes are, offline. Otherwise perf-live could play it."""
        return bool(self.beam) or self.without_primer

    def check(self) -> Self:
        """Return the request. Raises UsageError when it contradicts itself."""
        if self.without_primer and not self.primer:
            raise UsageError("--without-primer: there is no --primer to leave out; give one, or leave --without-primer out")
        if self and self.seconds is None:
            raise UsageError("--primer, --beam and --without-primer are for improvisations; leave them out, or give --seconds")
        return self


SYSTEM = System(
    name="performance-rnn",
    summary="improvises: goes on when you stop, or plays along",
    plays=frozenset({Kind.NOTES, Kind.IMPROVISES}),
    default_for=frozenset({Kind.IMPROVISES}),
    files={"performance_rnn.onnx": "performance-rnn"},
    request=ImprovisationRequest,
    performer="engine.performers.performance_rnn.performer:load_performer",
    controls="engine.performers.performance_rnn.performer:known_controls",
    task="training.performance_rnn.stages:STAGES",
    exporter="export.performance_rnn:build_specs",
    evaluation="training.evaluation.performance_rnn.command:performance_rnn",
    bench="engine.bench.performance_rnn:BENCHMARK",
)
