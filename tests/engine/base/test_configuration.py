"""Configuration files: what is wrong is said in one line that names the entry."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from engine.base.configuration import parse_config
from engine.base.errors import UsageError


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = 4


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Inner = Inner()
    steps: int


def parse(tmp_path: Path, text: str) -> Outer:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return parse_config(path, Outer)


def test_a_file_is_loaded_into_its_type(tmp_path):
    assert parse(tmp_path, "steps: 3\nnetwork: {width: 8}") == Outer(steps=3, network=Inner(width=8))


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("stepz: 3", ["steps", "required"]),
        ("steps: 3\nstepz: 3", ["'stepz'", "did you mean 'steps'?"]),
        ("steps: 3\nnetwork: {widht: 8}", ["'network.widht'", "allowed: width", "did you mean 'width'?"]),
        ("steps: lots", ["steps", "'lots'"]),
        ("- 1", ["expected 'name: value' lines"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, fragments):
    with pytest.raises(UsageError) as caught:
        parse(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert all(fragment in str(caught.value) for fragment in ["config.yaml", *fragments])
