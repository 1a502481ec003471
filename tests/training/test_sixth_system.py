"""A system is trained and exported by what its manifest names, and by nothing else."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import echo_system
import pytest
from command_line import assert_refused, command

from engine.systems import systems
from export.command import app as export_app
from training.command import app as train_app

RECIPE = "system: echo\nstages:\n  - {name: level, stage: echo, settings: {level: 9}}\n"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    system = replace(echo_system.SYSTEM, task="echo_training:STAGES", exporter="echo_training:export")
    monkeypatch.setitem(systems(), "echo", system)
    path = tmp_path / "shipped.yaml"
    path.write_text(RECIPE)
    return path


def test_a_sixth_system_is_trained_and_exported(recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train = command(train_app, "perf-train", capfd)
    ended = train(recipe, "--data", tmp_path, "--out", "run")
    assert ended.status == 0 and "level 9" in ended.output
    ended = command(export_app, "perf-export", capfd)("run", "-o", "out")
    assert (ended.status, ended.error) == (0, "")
    assert Path("out/echo.json").read_text() == "9"


def test_what_cannot_be_trained_lists_what_can(recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe.write_text(RECIPE.replace("system: echo", "system: ecco"))
    ended = command(train_app, "perf-train", capfd)(recipe, "--data", tmp_path, "--out", "run")
    assert_refused(ended, 2, "ecco", "echo", "velocity")
    assert not Path("run").exists() or not any(Path("run").iterdir())


def test_folders_are_looked_at_before_anything_is_trained(recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train = command(train_app, "perf-train", capfd)
    assert_refused(train(recipe, "--data", "corpse", "--out", "run"), 2, "--data 'corpse'", "give that of the unpacked corpus")
    assert_refused(train(recipe, "--data", tmp_path, "--out", recipe), 1, "cannot create the folder", "choose another one")
    assert_refused(train(recipe, "--data", tmp_path, "--out", "run", "--cache", recipe / "x"), 1, "cannot create the folder")
    assert not Path("run/level").exists()


def test_the_folder_of_another_system_s_run_is_left_alone(recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/recipe.json").write_text('{"system": "velocity"}')
    ended = command(train_app, "perf-train", capfd)(recipe, "--data", tmp_path, "--out", "run")
    assert_refused(ended, 2, "the run of 'velocity' is there", "give another folder")
    assert Path("run/recipe.json").read_text() == '{"system": "velocity"}'


def test_without_pytorch_it_is_one_line_that_says_what_to_install() -> None:
    script = "import sys; sys.modules['torch'] = None; import training"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1 and "pip install 'perf-live[train]'" in ended.stderr
