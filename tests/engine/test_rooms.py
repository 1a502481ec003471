"""The house: the same rooms with the same names for each system, nothing too large to be read, and no arrows in a circle."""

import ast
import functools
import graphlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "models", "training", "export")
FOLDERS = ("engine", "engine/performers", "training")

MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION, MOST_ENTRIES_OF_A_FOLDER = 400, 60, 15


@dataclass(frozen=True)
class Rooms:
    """The names of the files in each system's folder of a room: which there ``must`` be, of which just one, which there ``may`` be.

    ``own`` are the parts that only one system has, each named after what it is. ``no_systems`` are folders that several systems use.
    """

    must: frozenset[str]
    one_of: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    own: Mapping[str, set[str]] = field(default_factory=dict)
    no_systems: frozenset[str] = frozenset()


ROOMS = {
    "engine/performers": Rooms(
        must=frozenset(("performer",)),
        one_of=frozenset(("stream", "interpretation")),  # note by note, or of a score
        may=frozenset(("controls", "networks", "lookahead")),
        own={
            "velocity": {"expression", "pedalling"},
            "dexter": {"expression_profile", "pedalling", "transferred_tempo", "trees", "window_worker"},
            "drums": {"added", "bass", "expression", "files", "groove", "insertion", "moving", "order"},
            "score_performer": {"decoding", "directions", "reference", "score", "style", "style_curve"},
            "performance_rnn": {"improvisation", "partner_notes", "player_notes", "reaction_delay", "takes", "voice"},
        },
        no_systems=frozenset(("lookahead", "notes", "score_playing")),
    ),
    "models": Rooms(
        must=frozenset(("representation",)),
        one_of=frozenset(("network", "groove")),  # the latter is what trees read
        may=frozenset(("sampling", "exported")),
        own={
            "velocity": {"article_decoding", "article_network", "article_representation"},
            "dexter": {
                "diffusion",
                "expression_profile",
                "hold_quantiles",
                "passages",
                "pedalling",
                "piece_statistics",
                "rendering",
                "residuals",
                "windows",
            },
            "drums": {"added", "drawing", "live_kit"},
            "score_performer": {
                "classifiers",
                "layers",
                "local_tempo",
                "score_representation",
                "style",
                "style_space",
                "tempo_hold",
                "vocabulary",
            },
            "performance_rnn": {"motifs"},
            "performance_net": {
                "instruments",
                "inversion",
                "key_spectra",
                "layers",
                "solo_network",
                "streaming_network",
                "sustained_keys",
            },
        },
        no_systems=frozenset(("layers", "performance", "pretrained")),
    ),
    "training": Rooms(
        must=frozenset(("stages", "task", "data", "figures")),
        may=frozenset(("fits",)),
        own={
            "velocity": {"article", "pedalling"},
            "dexter": {"average", "calibration", "denoiser", "expression_profile", "networks", "pedalling", "residuals", "trees"},
            "score_performer": {"classifiers", "directions", "rendering", "round_trip", "windows"},
            "drums": {"added", "boosting", "drawing"},
            "performance_rnn": {"weights"},
            "performance_net": {"keys", "melodies", "rendered_audio", "solo", "solo_keys"},
        },
        no_systems=frozenset(("alignment", "datasets", "evaluation", "metrics", "performance", "runs", "stages")),
    ),
}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def names_in(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def systems() -> list[tuple[str, str]]:
    folders = [(room, path.parent.name) for room in ROOMS for path in (ROOT / room).glob("*/__init__.py")]
    return sorted((room, name) for room, name in folders if name not in ROOMS[room].no_systems)


@pytest.mark.parametrize(("room", "system"), systems())
def test_a_system_has_the_rooms_of_the_others(room, system):
    rooms, names = ROOMS[room], names_in(ROOT / room / system)
    assert names >= rooms.must, f"missing: {rooms.must - names}"
    assert not rooms.one_of or len(names & rooms.one_of) == 1, f"expected one of {rooms.one_of}"
    unknown = names - rooms.must - rooms.one_of - rooms.may - rooms.own.get(system, set())
    assert not unknown, f"neither a name that the systems share nor a part of its own: {unknown}"


@pytest.mark.parametrize("room", ROOMS)
def test_the_parts_that_only_one_system_has_are_there(room):
    for system, parts in ROOMS[room].own.items():
        assert parts <= names_in(ROOT / room / system)


@pytest.mark.parametrize("system", ["velocity", "dexter", "score_performer", "performance_rnn"])
def test_a_performer_with_a_model_has_controls_and_networks(system):
    assert names_in(ROOT / "engine/performers" / system) >= {"controls", "networks"}


def test_no_file_is_too_long_to_be_read():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in python_files(*PACKAGES, "tests")}
    assert {name for name, length in lengths.items() if length > MOST_LINES_OF_A_FILE} == set()


def test_no_function_is_too_long_to_be_read():
    found = {}
    for path in python_files(*PACKAGES, "tests"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[f"{path.relative_to(ROOT)}:{node.name}"] = (node.end_lineno or node.lineno) - node.lineno + 1
    assert not [name for name, length in found.items() if length > MOST_LINES_OF_A_FUNCTION]


def test_no_folder_holds_more_than_can_be_overseen():
    folders = {path.parent for path in python_files(*FOLDERS)}
    entries = {folder: [each for each in folder.iterdir() if each.name != "__pycache__"] for folder in folders}
    assert not [str(folder) for folder, found in entries.items() if len(found) > MOST_ENTRIES_OF_A_FOLDER]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(node: ast.AST) -> Iterator[str]:
    """Yield the names that a module imports, at its top or in a function; not those that only a type checker sees."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


@functools.cache
def module_graph() -> dict[str, set[str]]:
    paths = {module_of(path): path for path in python_files(*PACKAGES)}
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        named = (name if name in paths else name.rpartition(".")[0] for name in imports(ast.parse(path.read_text())))
        graph[module] = {name for name in named if name in paths and name != module}
    return graph


def folder_graph() -> dict[str, set[str]]:
    packages = {module_of(path) for path in python_files(*PACKAGES) if path.name == "__init__.py"}

    def folder_of(module: str) -> str:
        return module if module in packages else module.rpartition(".")[0]

    graph: dict[str, set[str]] = {}
    for module, imported in module_graph().items():
        folder = folder_of(module)
        graph.setdefault(folder, set()).update(folder_of(each) for each in imported if folder_of(each) != folder)
    return graph


def find_cycle(graph: dict[str, Iterable[str]]) -> list[str]:
    """Return a cycle of a graph, its first node also at its end; empty if there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1][::-1]
    return []


def test_modules_form_no_cycle():
    assert find_cycle(module_graph()) == []


def test_folders_form_no_cycle():
    assert find_cycle(folder_graph()) == []


def test_a_cycle_is_found():
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


def test_imports_in_functions_count_and_those_for_type_checkers_do_not():
    source = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    from c import d\n"
    assert list(imports(ast.parse(source))) == ["a", "c.d"]
