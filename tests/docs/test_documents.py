"""What the documents say to type exists, and where they point is something."""

import importlib.util
import re
import shlex
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import yaml

from engine.systems import performers
from engine.systems.combination import parse_combination

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "configs").glob("*.md")),
    *sorted((ROOT / "models" / "pretrained").glob("*.md")),
]
OF_PIP, OF_TORCHRUN = ("--only-binary", "--no-deps"), ("--nproc-per-node", "--nnodes", "--rdzv-backend", "--rdzv-endpoint")
OF_OTHER_PROGRAMS = (*OF_PIP, *OF_TORCHRUN, "--logdir")  # the last of TensorBoard
COMING = re.compile("configs/(velocity|dexter)/(shipped|tiny)")  # being built: goes when it is there
ROOMS = ("engine", "models", "training", "export", "configs", "tests", "docs")


class Call(NamedTuple):
    """A line of a shell block: the document that it stands in, and its words."""

    document: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document}: {shlex.join(self.words)}"


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.S | re.M)


def shell_lines(document: Path) -> list[Call]:
    text = "\n".join(blocks(document, "sh")).replace("\\\n", " ")
    lines = (shlex.split(line, comments=True) for line in text.splitlines())
    return [Call(str(document.relative_to(ROOT)), tuple(words)) for words in lines if words]


def heading_anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


SHELL_LINES = [call for document in DOCUMENTS for call in shell_lines(document)]
CALLS = [call for call in SHELL_LINES if call.words[0].startswith("perf-")]
LINKS = [
    (document, target)
    for document in DOCUMENTS
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    if not target.startswith(("https://", "http://"))
]


def command_of(words: tuple[str, ...]) -> tuple[Any, list[str]]:
    """Return the click command that a call is of, a subcommand where there are such, and the words after its name."""
    found = list(entry_points(group="console_scripts", name=words[0]))
    assert found, f"no command is called {words[0]}"
    command, rest = typer.main.get_command(importlib.import_module(found[0].module).app), list(words[1:])
    subcommands = getattr(command, "commands", None)
    if subcommands:
        assert rest and rest[0] in subcommands, f"{words[0]} has no command {rest[:1]}; allowed: {', '.join(subcommands)}"
        return subcommands[rest[0]], rest[1:]
    return command, rest


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts] if name.startswith("-")}


@pytest.mark.parametrize(("document", "target"), LINKS, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    linked = document.parent / path if path else document
    assert linked.exists(), f"{document.name} links to {target}"
    if anchor:
        assert anchor in heading_anchors(linked), f"{linked.name} has no heading for #{anchor}"


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_every_call_is_understood_by_its_command(call: Call) -> None:
    """Unknown options, too many arguments, missing ones, and values that are no choice or out of range."""
    command, words = command_of(call.words)
    command.make_context(call.words[0], words)  # raises what the command line would print


@pytest.mark.parametrize("call", SHELL_LINES, ids=str)
def test_every_file_of_the_project_in_a_call_exists(call: Call) -> None:
    for word in call.words:
        if word.partition("/")[0] in ROOMS and "/" in word:
            assert COMING.match(word) or (ROOT / word).exists(), word
    if call.words[:2] == ("python", "-m") and call.words[2].partition(".")[0] in ROOMS:
        assert importlib.util.find_spec(call.words[2]), call.words[2]
    if call.words[0] == "python" and call.words[1].endswith(".py"):
        assert (ROOT / call.words[1]).exists(), call.words[1]


@pytest.mark.parametrize("call", [call for call in CALLS if "--performer" in call.words], ids=str)
def test_every_performer_of_a_call_exists(call: Call) -> None:
    names = call.words[call.words.index("--performer") + 1]
    combined = {name for part in parse_combination(names) for name in part.names}
    assert combined <= set(performers()) or call.words[0] == "perf-eval"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_in_backticks_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for path in re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w./-]*)`", text):
        if "SYSTEM" in path:  # stands for each
            continue
        assert COMING.match(path) or (ROOT / path).exists(), path


def test_every_module_in_backticks_exists() -> None:
    for document in DOCUMENTS:
        for module in re.findall(r"`python -m ((?:engine|training|export)[\w.]*)", document.read_text(encoding="utf-8")):
            assert importlib.util.find_spec(module), f"{document.name}: {module}"


def test_every_option_of_playing_and_rendering_is_documented_and_none_that_does_not_exist() -> None:
    text = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*[a-z])", text))
    words = named | {word for call in CALLS for word in call.words}
    playing = options_of(command_of(("perf-live",))[0]) | options_of(command_of(("perf-render",))[0])
    assert playing - {"--help", "--version", "--install-completion", "--show-completion"} <= words
    every = set().union(*(options_of(command_of(call.words)[0]) for call in CALLS))
    assert named - every <= {"--help", "--version", *OF_OTHER_PROGRAMS}


def test_every_make_target_and_performer_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {call.words[1] for call in SHELL_LINES if call.words[0] == "make" and len(call.words) > 1}
    assert targets >= {"demo", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.M), target
    readme, of_performers = ((ROOT / path).read_text(encoding="utf-8") for path in ("README.md", "docs/performers.md"))
    for name in performers():
        assert f"`{name}`" in readme and f"`{name}`" in of_performers, name


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_readme_is_short_and_says_on_its_first_screen_what_may_be_done_with_the_weights() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert 120 <= len(lines) <= 180
    first_screen = "\n".join(lines[:40])
    assert "Apache-2.0" in first_screen and "CC BY-NC-SA 4.0" in first_screen and "not for commercial use" in first_screen


def test_the_rooms_are_drawn_in_the_order_that_is_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "engine-layers")
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs" / "draw_architecture.py")
    assert spec is not None and spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert [name for name, _ in drawing.LAYERS] == [re.sub("[()]", "", layer).replace(" | ", ", ") for layer in layers]


def test_hooks_before_a_commit_are_the_checks_of_make_test() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)", ".venv/bin")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert [hook["id"] for hook in hooks] == ["ruff", "mypy"]
    for hook in hooks:
        assert hook["language"] == "system" and not hook["pass_filenames"]
        assert f"\t{hook['entry']}\n" in makefile, hook["entry"]
