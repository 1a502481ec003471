"""perf-eval has a command for each system that is evaluated, by the system's name."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import echo_system
import numpy as np
import pytest
import typer

from engine.base.command_line import run
from engine.systems import systems
from models.velocity.article_network import ArticleNetwork, ArticleNetworkConfig
from models.velocity.article_representation import NOTE_DTYPE
from training.evaluation.command import OF_NO_SYSTEM, app
from training.evaluation.velocity import article

NAMES = ["dexter", "drums", "performance-net", "performance-rnn", "score-performer", "velocity"]


def test_every_system_is_evaluated_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert sorted(commands) == sorted([*NAMES, *OF_NO_SYSTEM])
    for name, command in commands.items():
        assert command.name == name and command.help
    monkeypatch.setitem(systems(), "echo", replace(echo_system.SYSTEM, evaluation="training.datasets.data_command:data"))
    assert "echo" in commands and commands["echo"].name == "echo"


def test_an_unknown_command_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, "perf-eval", ["styles"]) == 2
    assert "styles" in capsys.readouterr().err


@pytest.fixture
def article_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand for a run of the article's network, and for its corpus."""

    def read(data: Path, split: str) -> list[SimpleNamespace]:
        notes = np.zeros(30, NOTE_DTYPE)
        notes["onset_sec"], notes["pitch"], notes["velocity"] = np.arange(30) / 4, 60, 30 + 2 * np.arange(30)
        return [SimpleNamespace(notes=notes)] * (3 if split == "validation" else 2)

    def load(checkpoint: Path) -> SimpleNamespace:
        network = ArticleNetwork(ArticleNetworkConfig(layers=1, heads=2, width=16, feed_forward=16)).eval()
        return SimpleNamespace(config=SimpleNamespace(dataset="asap"), network=network)

    monkeypatch.setattr(article, "load_task", load)
    monkeypatch.setitem(article.READERS, "asap", read)


@pytest.mark.usefixtures("article_run")
def test_the_article_s_network_is_measured_by_its_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["velocity", "--data", str(tmp_path), "--model", str(tmp_path / "best.ckpt")]
    assert run(app, "perf-eval", [*call, "--notes", "20", "--performances", "2"]) == 0
    title = "2 performances, 40 notes, three-bin hint"
    assert title in capsys.readouterr().out
    assert run(app, "perf-eval", [*call, "--notes", "20", "--performances", "2", "--json"]) == 0
    assert "network, free-running" in json.loads(capsys.readouterr().out)[title]
    assert run(app, "perf-eval", [*call, "--lookahead-model", "x.onnx"]) == 2
    assert "best.ckpt is the article's network, which is measured alone" in capsys.readouterr().err


def test_excerpts_are_for_the_article_s_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, "perf-eval", ["velocity", "--data", str(tmp_path), "--notes", "20"]) == 2
    assert "--notes and --performances are for the article's network" in capsys.readouterr().err
