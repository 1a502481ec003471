"""The runtime stays light: no torch, no training code, no connection, and nothing heavy before it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"torch", "lightning", "training", "export"}
LAZY = {"rtmidi", "numpy", "onnxruntime", "pydantic", "matplotlib", "sounddevice", "fluidsynth", "rich.progress", "starlette", "uvicorn"}

IMPORT_ALL = """
import importlib, pkgutil, sys

def audit(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise SystemExit(f"importing opened a connection: {event} {arguments}")

sys.addaudithook(audit)
import engine

for module in pkgutil.walk_packages(engine.__path__, "engine."):
    importlib.import_module(module.name)
from engine.performers import registry  # each performer's own imports are inside its loader
print(*sorted(sys.modules))
"""


def loaded_by(code: str) -> set[str]:
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    return set(ended.stdout.split())


def test_importing_everything_in_engine_loads_no_torch_and_opens_no_connection() -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(IMPORT_ALL)}
    assert "engine" in loaded
    assert not loaded & FORBIDDEN


def test_the_commands_start_without_the_heavy_parts() -> None:
    loaded = loaded_by("import sys, engine.commands.live, engine.commands.render; print(*sys.modules)")
    assert not loaded & LAZY


TAKE = """
import sys
from engine.base.command_line import run
from engine.commands.render import app
status = run(app, "perf-render", [sys.argv[1], "-o", sys.argv[2], "--performer", "velocity"])
print(*sys.modules)
sys.exit(status)
"""
NOT_FOR_A_TAKE = LAZY - {"numpy", "onnxruntime", "pydantic"} | {"multiprocessing", "rich", "partitura", "asyncio", "engine.score.alignment"}


def test_a_take_is_performed_without_what_only_others_need(tmp_path: Path) -> None:
    call = [sys.executable, "-c", TAKE, str(ROOT / "engine/examples/bach_prelude_in_c.mid"), str(tmp_path / "performed.mid")]
    ended = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "") and "performed 1 of 1 files" in ended.stdout
    loaded = set(ended.stdout.split())
    assert "onnxruntime" in loaded and not loaded & NOT_FOR_A_TAKE


RUNTIME_FILES = sorted([*ROOT.glob("engine/**/*.py"), *ROOT.glob("models/*/representation.py")])


@pytest.mark.parametrize("path", RUNTIME_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_runtime_file_names_torch_or_training_even_inside_a_function(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0
            imported.add(node.module.partition(".")[0])
            assert not (node.module.startswith("models.") and node.module.endswith("network"))
    assert not imported & FORBIDDEN
