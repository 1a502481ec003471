"""What the README says to type exists."""

import importlib
import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from engine.performers.registry import LOADERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = [line.partition("#")[0].strip() for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()]
CALLS = [line for line in SNIPPETS if line.startswith("perf-")]

COMMANDS = {call.split()[0] for call in CALLS}


def options_of(command: str) -> set[str]:
    (entry,) = entry_points(group="console_scripts", name=command)
    parser = typer.main.get_command(importlib.import_module(entry.module).app)
    commands = getattr(parser, "commands", {}).values() or [parser]
    names = {name for each in commands for parameter in each.params for name in parameter.opts}
    return {name for name in names if name.startswith("-")} | {"--help"}


@pytest.mark.parametrize("call", CALLS)
def test_every_option_of_a_snippet_exists(call: str) -> None:
    command, *arguments = shlex.split(call)
    used = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    assert used <= options_of(command)


def test_every_option_named_in_the_text_exists_and_every_option_is_named() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", README))
    written = named | {word for call in CALLS for word in call.split()}
    assert (options_of("perf-live") | options_of("perf-render")) - {"--help"} <= written
    assert named <= set().union(*(options_of(command) for command in COMMANDS))


def test_every_make_target_and_performer_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(SNIPPETS), re.M):
        assert re.search(rf"^{target}:", makefile, re.M)
    for name in LOADERS:
        assert f"`{name}`" in README


def test_every_file_named_in_the_text_exists() -> None:
    for path in re.findall(r"`((?:engine|models|training|export|configs|tests)/[\w./-]*)`", README):
        assert (ROOT / path).exists(), path
