"""The manifest of PerformanceNet."""

from engine.systems.manifest import Kind, System

SYSTEM = System(
    name="performance-net",
    summary="makes sound of notes: piano, violin, cello, flute",
    plays=frozenset({Kind.SOUND}),
    files={
        "performance_net.onnx": "performance-net",
        "performance_net_violin.onnx": "performance-net",
        "performance_net_cello.onnx": "performance-net",
        "performance_net_flute.onnx": "performance-net",
    },
    performer="engine.sound.performance_net.synthesizer:open_synthesizer",
    task="training.performance_net.stages:STAGES",
    exporter="export.performance_net:build_specs",
    evaluation="training.evaluation.performance_net.command:performance_net",
    bench="engine.bench.performance_net:BENCHMARK",
)
