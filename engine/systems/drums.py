"""The manifest of the drummer."""

from engine.systems.manifest import Kind, System

SYSTEM = System(
    name="drums",
    summary="plays the drum kit as a drummer would: live pads get velocities, files get timing too",
    plays=frozenset({Kind.NOTES}),
    plays_drums=True,
    files={"drums_groove.onnx": "drums-groove", "drums_live.onnx": "drums-live", "drums_added.onnx": "drums-added"},
    performer="engine.performers.drums.performer:load_performer",
    controls="engine.performers.drums.performer:known_controls",
    task="training.drums.stages:STAGES",
    exporter="export.drums:build_specs",
    evaluation="training.evaluation.drums.command:drums",
    bench="engine.bench.drums:BENCHMARK",
)
