"""The layers that pyproject.toml states are kept, and a wrong import is found by the name of its contract."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "models", "training", "export")


def broken_contracts(folder: Path) -> list[str]:
    """Run ``lint-imports`` on the packages in ``folder``; return the names of the contracts that are broken."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    environment = {"PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    broken = re.findall(r"^(.*?) BROKEN", ended.stdout, re.M)
    assert "Contracts: " in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode == (1 if broken else 0)
    return broken


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python files of the packages and their contracts, elsewhere."""
    folder = tmp_path_factory.mktemp("layers")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return folder


def test_the_layers_are_kept(copy: Path) -> None:
    assert broken_contracts(copy) == []


WRONG = [
    ("engine/midi/ledger.py", "import engine.runtime.loop", "The engine's rooms import downwards only"),
    ("engine/bench/live.py", "import engine.commands.live", "The engine's rooms import downwards only"),
    ("engine/score/tables.py", "import torch", "The engine reaches neither PyTorch nor training nor export"),
    ("models/velocity/representation.py", "import torch", "The engine reaches neither PyTorch nor training nor export"),
    (
        "engine/sound/options.py",
        "import onnxruntime",
        "ONNX Runtime is imported in engine.onnx only, where its telemetry is turned off first",
    ),
    ("engine/systems/velocity.py", "import numpy", "The manifests of the systems import nothing heavy"),
    ("models/velocity/network.py", "import training.runs", "Only training and export import training"),
    ("training/runs/__init__.py", "import export.graph", "Nothing imports export"),
    ("models/performance/features.py", "import engine.base.errors", "Models import neither engine nor training nor export"),
    ("models/dexter/network.py", "import models.velocity.network", "Models of one system import no other system's"),
    ("models/performance/features.py", "import models.dexter.windows", "Models of one system import no other system's"),
    ("engine/performers/velocity/performer.py", "import engine.performers.dexter.performer", "Performers import no other performer"),
    ("engine/performers/protocol.py", "import engine.performers.velocity.performer", "What all performers share names no system"),
    ("engine/runtime/loop.py", "import models.dexter.windows", "What all performers share names no system"),
    ("engine/midi/tempo_map.py", "import engine.midi.file", "No cycle between folders or files"),
]


@pytest.mark.parametrize(("path", "wrong", "contract"), WRONG, ids=[f"{path}: {wrong}" for path, wrong, _ in WRONG])
def test_a_wrong_import_breaks_its_contract(copy: Path, path: str, wrong: str, contract: str) -> None:
    file = copy / path
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}\n\ndef added():\n    {wrong}\n", encoding="utf-8")  # inside a function it counts as well
    try:
        assert any(name.startswith(contract) for name in broken_contracts(copy))
    finally:
        file.write_text(before, encoding="utf-8")


def test_a_room_without_a_layer_is_found(copy: Path) -> None:
    (copy / "engine" / "attic").mkdir()
    (copy / "engine" / "attic" / "__init__.py").touch()
    try:
        assert broken_contracts(copy) == ["The engine's rooms import downwards only"]
    finally:
        shutil.rmtree(copy / "engine" / "attic")
