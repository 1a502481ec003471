"""The manifest of the velocity transformer."""

from engine.systems.manifest import Kind, System

SYSTEM = System(
    name="velocity",
    summary="gives your notes touch: each leaves at once with the velocity that a hand would have given it",
    plays=frozenset({Kind.NOTES}),
    default_for=frozenset({Kind.NOTES}),
    files={
        "velocity_pop.onnx": "velocity",
        "velocity_pop_memory.onnx": "velocity-memory",
        "velocity_pop_lookahead.onnx": "velocity-lookahead",
        "velocity.onnx": "velocity",
        "velocity_memory.onnx": "velocity-memory",
        "velocity_lookahead.onnx": "velocity-lookahead",
    },
    performer="engine.performers.velocity.performer:load_performer",
    controls="engine.performers.velocity.performer:known_controls",
    task="training.velocity.stages:STAGES",
    exporter="export.velocity:build_specs",
    evaluation="training.evaluation.velocity.command:velocity",
    bench="engine.bench.velocity:BENCHMARK",
)
