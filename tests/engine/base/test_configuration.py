"""Configuration files: what is wrong is said in one line that names the entry."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from engine.base.configuration import parse_config
from engine.base.errors import UsageError


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=4, ge=1, le=8)
    kind: Literal["a", "b"] = "a"


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
        ("stepz: 3", ["'stepz'", "did you mean 'steps'?"]),
        ("network: {width: 8}", ["steps is missing; add it"]),
        ("steps: 3\nnetwork: {width: 0}", ["network.width: got 0, allowed: 1 or more"]),
        ("steps: 3\nnetwork: {width: 9}", ["network.width: got 9, allowed: 8 or less"]),
        ("steps: 3\nnetwork: {kind: c}", ["network.kind: got 'c', allowed: 'a' or 'b'"]),
        ("steps: 3\nnetwork: 4", ["network: got 4, expected 'name: value' lines"]),
        ("steps: 3\nstepz: 3", ["'stepz'", "did you mean 'steps'?"]),
        ("steps: 3\nnetwork: {widht: 8}", ["'network.widht'", "allowed: width", "did you mean 'width'?"]),
        ("steps: lots", ["steps: got 'lots', expected a whole number"]),
        ("- 1", ["expected 'name: value' lines"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, fragments):
    with pytest.raises(UsageError) as caught:
        parse(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert all(fragment in str(caught.value) for fragment in ["config.yaml", *fragments])
