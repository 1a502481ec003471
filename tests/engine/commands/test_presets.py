"""Presets: files, and those that ship, by name."""

from importlib.resources import files
from pathlib import Path

import pytest

from engine.base.errors import UsageError
from engine.commands.presets import load_preset

SHIPPED = sorted(Path(entry.name).stem for entry in (files("configs") / "presets").iterdir() if entry.name.endswith(".yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_found_by_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_preset(Path(name)).performer


def test_a_file_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(SHIPPED[0]).write_text("performer: passthrough\n")
    assert load_preset(Path(SHIPPED[0])).performer == "passthrough"


def test_a_misspelt_name_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="--preset 'subtel': no file and no preset of this name; allowed: .*did you mean 'subtle'"):
        load_preset(Path("subtel"))
