"""Everything that a user says is checked before a model is loaded."""

from pathlib import Path

import pytest

from engine.base.errors import PerfLiveError, UsageError
from engine.performers import setup
from engine.performers.setup import Wanted
from engine.systems import find_system


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(setup, "load_performer", lambda *_: pytest.fail("a model was loaded"))


@pytest.mark.parametrize(
    ("performer", "said", "error", "message"),
    [
        ("velocity", {"settings": ["strength=2"]}, UsageError, "'strength': got 2"),
        ("velocity", {"controllers": ["200=strength"]}, UsageError, "a controller from 0 to 119"),
        ("velocity", {"seed": -1}, UsageError, "seed: got -1, expected a whole number from 0 to"),
        ("velocity", {"lookahead_s": float("inf")}, UsageError, "lookahead: got inf, expected seconds from 0 to 3600"),
        ("velocity", {"model": Path("missing.onnx")}, PerfLiveError, "cannot read 'missing.onnx'.*an ONNX file or of a folder"),
        ("dexter", {"asked": {"transfer": Path("missing.mid")}}, PerfLiveError, "cannot read 'missing.mid': No such file"),
        ("dexter", {"settings": ["tempo=2"], "lookahead_s": 2.0}, UsageError, "'tempo': 'dexter' has it for scores, not with --lookahead"),
        ("score-performer", {"settings": ["loudnes=1"]}, UsageError, "did you mean 'loudness'"),
        ("score-performer", {"asked": {"style_amount": 0.5}}, UsageError, "give --style-from"),
        ("performance-rnn", {"asked": {"beam": 3}}, UsageError, "give --seconds"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_loaded(performer: str, said: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Wanted(find_system(performer), **said).load()
