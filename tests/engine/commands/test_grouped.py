"""A command takes options that belong together as one object, and shows them as if they were its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

from engine.base.command_line import run
from engine.commands.grouped import grouped


@dataclass(frozen=True)
class Colours:
    seed: Annotated[int | None, typer.Option("--colour-seed", min=0)] = None
    names: Annotated[list[str] | None, typer.Option("--colour")] = None
    bright: Annotated[bool, typer.Option("--bright")] = False


@pytest.fixture
def given() -> list[object]:
    return []


@pytest.fixture
def app(given: list[object]) -> typer.Typer:
    app = typer.Typer(add_completion=False)

    @app.command()
    @grouped
    def paint(*, inputs: list[Path], seed: Annotated[int, typer.Option("--seed")] = 1, colours: Colours, wet: bool = False) -> int:
        """Paint."""
        given.append((inputs, seed, colours, wet))
        return 3

    return app


@pytest.mark.parametrize(
    ("arguments", "colours"),
    [
        ([], Colours()),
        (["--colour", "red", "--colour", "blue"], Colours(names=["red", "blue"])),
        (["--colour-seed", "7", "--bright"], Colours(7, None, True)),
    ],
)
def test_a_group_is_one_object(app: typer.Typer, given: list[object], arguments: list[str], colours: Colours) -> None:
    assert run(app, "paint", ["a", "--seed", "2", *arguments, "--wet"]) == 3
    assert given == [([Path("a")], 2, colours, True)]


def test_options_of_a_group_are_listed_in_its_place(app: typer.Typer, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(app, "paint", ["--help"]) == 0
    shown = capfd.readouterr().out
    assert "Paint." in shown
    places = [shown.index(name) for name in ("--seed", "--colour-seed", "--colour ", "--bright", "--wet")]
    assert places == sorted(places)


def test_what_a_group_does_not_allow_is_one_line(app: typer.Typer, given: list[object], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(app, "paint", ["a", "--colour-seed", "-1"]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "--colour-seed" in error and not given
