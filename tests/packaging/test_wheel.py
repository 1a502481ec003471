"""The wheel holds all that playing needs, and plays in an environment of its own, from any folder, what the repository plays."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("configs", "engine", "export", "models", "training")
DATA = {".onnx", ".safetensors", ".yaml", ".json", ".mid", ".musicxml", ".md", ".html", ".txt", ".css", ".js", ".svg", ".typed"}
LEFT_OUT = "training/performance_rnn/checkpoints/"  # to train from, not to play with
MOST_MEGABYTES = 85  # docs/benchmarks.md says how many it has


def run(*command: str | Path, folder: Path, variables: dict[str, str] | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | (variables or {})
    ended = subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because setuptools takes what an earlier build left behind. No compiler is there to be found."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "built", ".")
    run(*pip, folder=folder, variables={"CC": "false", "CXX": "false"})
    (built,) = (folder / "built").iterdir()
    return built


def test_it_is_for_every_machine_and_small_enough(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size < MOST_MEGABYTES * 1e6


def test_every_module_and_every_file_beside_one_is_in_it(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA | {".py"} and "__pycache__" not in path.parts
    }
    expected = {name for name in expected if not name.startswith(LEFT_OUT)}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
    for needed in ("models/pretrained/velocity.onnx", "configs/presets/subtle.yaml", "engine/examples/bach_prelude_in_c.mid"):
        assert needed in held


def test_what_is_imported_to_play_is_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    lines = archive.read(metadata).decode().splitlines()
    required = {line.removeprefix("Requires-Dist: ").split(">=")[0] for line in lines if line.startswith("Requires-Dist: ")}
    of_extras = {line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" in line}
    assert {"numpy", "lxml", "partitura", "python-rtmidi"} <= required
    assert any(line.startswith("Requires-Dist: mido") for line in of_extras)
    assert not any(line.startswith(("Requires-Dist: mido", "Requires-Dist: torch")) for line in set(lines) - of_extras)


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and, in place of a download, the dependencies of this one without the repository."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel, folder=folder)
    return folder


def test_nothing_comes_from_the_repository(environment: Path, tmp_path: Path) -> None:
    names = "(configs, engine, export, models, training)"
    code = f"import {names.strip('()')}\nassert all(package.__file__.startswith({str(environment)!r}) for package in {names})"
    run(environment / "bin" / "python", "-c", code, folder=tmp_path)


@pytest.mark.parametrize("performer", ["velocity", "dexter", "score-performer"])
def test_the_installed_wheel_performs_the_bundled_music_as_the_repository_does(environment: Path, performer: str, tmp_path: Path) -> None:
    (example,) = environment.rglob("engine/examples/satie_gymnopedie_1_opening.mid")
    (preset,) = environment.rglob("configs/presets/subtle.yaml")
    options = (example, "--performer", performer, "--seed", "7", *(("--preset", preset) if performer == "velocity" else ()))
    run(environment / "bin" / "perf-render", *options, "-o", "installed.mid", folder=tmp_path)
    here = (sys.executable, "-c", "from engine.commands.render import main; raise SystemExit(main())")
    run(*here, *options, "-o", "repository.mid", folder=tmp_path, variables={"PYTHONPATH": str(ROOT)})
    assert (tmp_path / "installed.mid").read_bytes() == (tmp_path / "repository.mid").read_bytes()
