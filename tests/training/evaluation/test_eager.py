"""perf-eval eager: the network in PyTorch has the size of the exported one, and both are timed. No time is tested."""

import json
from pathlib import Path

import pytest
from synthetic_improviser import write_model

from engine.base.command_line import run
from engine.bench.measuring.figures import Distribution
from engine.performers.performance_rnn.networks import open_model
from models.performance_rnn.network import PerformanceRNNConfig
from models.pretrained import pretrained
from training.evaluation.command import app
from training.evaluation.eager import performance_net, performance_rnn
from training.evaluation.eager.report import EagerReport

SMALL = """
network:
  kind: paper
  encoder: [8, 8, 8, 8, 8]
  on_off_encoder: [8, 8, 8]
  decoder: [16, 16, 16, 16]
  bands: [2, 4]
"""


def test_ratios_are_of_medians() -> None:
    timed = {"step": Distribution(1, 4.0, 5.0, 5.0)}
    assert EagerReport("note", "the same", 1, Distribution(1, 6.0, 9.0, 9.0), timed, True).times_faster == {"step": 1.5}


def test_the_network_in_pytorch_is_as_large_as_the_one_that_ships() -> None:
    config = PerformanceRNNConfig()
    found = performance_rnn.config_of(open_model(pretrained("performance_rnn.onnx")))
    assert (found.steps_per_second, found.width, found.layers) == (config.steps_per_second, config.width, config.layers)


@pytest.mark.parametrize(
    ("system", "unit", "small", "timed"),
    [
        ("performance-rnn", "event", True, ["step of the graph", "sampled event"]),
        ("score-performer", "note", False, ["step of the graph", "decoded note"]),
    ],
)
def test_a_system_is_timed_beside_pytorch(system, unit, small, timed, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = ["--model", str(write_model(tmp_path / "model.onnx"))] if small else []
    arguments = ["eager", system, *model, "--calls", "12"]
    assert run(app, "perf-eval", [*arguments, "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["unit"], report["on_one_core"], list(report["exported"])) == (unit, True, timed)
    assert [each["count"] for each in (report["eager"], *report["exported"].values())] == [12] * 3
    assert list(report["times_faster"]) == timed and report["parameters"] > 100
    assert run(app, "perf-eval", arguments) == 0
    shown = capfd.readouterr().out
    assert "eager PyTorch, on one core: the same network" in shown and timed[1] in shown


def test_the_papers_network_is_timed_beside_the_exported_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = tmp_path / "performance_net" / "paper.yaml"
    paper.parent.mkdir()
    paper.write_text(SMALL, encoding="utf-8")
    monkeypatch.setattr(performance_net.configs, "FOLDER", tmp_path)
    report = performance_net.compare(None, 100)
    assert (report.unit, report.eager_network, report.eager.count) == ("second of sound", "the paper's", 1)
    assert [each.count for each in report.exported.values()] == [10]
