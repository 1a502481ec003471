"""Recipes: what they may say, which stages are run again, and each system's tiny one from a corpus to a folder that plays."""

import json
import shlex
from pathlib import Path

import pytest
from drum_tracks import write_groove
from miniature_corpus import write_corpus
from pydantic import BaseModel, ConfigDict

import configs
from engine.base.command_line import run
from engine.base.errors import PerfLiveError, UsageError
from engine.commands import render
from engine.sound.performance_net import synthesizer
from engine.systems import parts
from export import command as export_command
from export import verify
from training import command
from training.command import load_stages, run_stages
from training.performance_net import keys
from training.stages import Outcome, Reads, Stage, read_run
from training.stages.recipe import read_recipe

EXAMPLE = str(Path(render.__file__).parents[1] / "examples" / "satie_gymnopedie_1_opening.mid")
NEURAL = "performance-net"
FOLDERS = {system: system.replace("-", "_") for system in parts("task")}


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    number: int = 1


class Stages:
    """Stages that say what they ran, ``work`` that reads nothing and ``sum`` that reads several; ``fail`` names one that fails once."""

    def __init__(self):
        self.ran, self.fail = [], ""
        several = {"numbers": Reads(("toy-number",), several=True), "start": Reads(("toy-number", "toy-sum"), optional=True)}
        self.stages = {"toy-number": Stage(Settings, self.number), "toy-sum": Stage(Settings, self.sum, several)}

    def number(self, config, work):
        self.ran.append(work.folder.name)
        (work.folder / "last.ckpt").write_text("half")
        if self.fail == work.folder.name:
            raise PerfLiveError("the power went")
        (work.folder / "number.txt").write_text(str(config.number))
        return Outcome(f"number {config.number}", ("number.txt",))

    def sum(self, config, work):
        self.ran.append(work.folder.name)
        total = sum(int((folder / "number.txt").read_text()) for folder in work.reads["numbers"])
        (work.folder / "number.txt").write_text(str(total))
        return Outcome(f"sum {total}", ("number.txt",))


RECIPE = """
system: toy
precision: float32
stages:
  - {name: one, stage: toy-number}
  - {name: two, stage: toy-number, settings: {number: 2}}
  - {name: both, stage: toy-sum, reads: {numbers: [one, two]}}
"""


@pytest.fixture
def toy(tmp_path):
    """Return the stages, and what runs a recipe's text in ``tmp_path/run``: the names of those that it ran."""
    stages = Stages()

    def go(text=RECIPE):
        (tmp_path / "recipe.yaml").write_text(text)
        stages.ran.clear()
        recipe = read_recipe(tmp_path / "recipe.yaml", {"toy": ""}, lambda system: stages.stages)
        (tmp_path / "run").mkdir(exist_ok=True)
        run_stages(recipe, stages.stages, tmp_path, tmp_path / "run", tmp_path, 1)
        return list(stages.ran)

    return stages, go


def test_a_stage_that_is_done_is_not_run_again_and_what_changed_is(toy, tmp_path, capsys):
    _, go = toy
    assert go() == ["one", "two", "both"]
    told = capsys.readouterr().out
    assert "sum 3" in told and "number.txt" in told
    assert go() == []
    assert "sum 3" in capsys.readouterr().out  # the table is of the whole run
    assert go(RECIPE.replace("number: 2", "number: 5")) == ["two", "both"]
    assert (tmp_path / "run" / "both" / "number.txt").read_text() == "6"
    assert go(RECIPE.replace("[one, two]", "[two, one]").replace("number: 2", "number: 5")) == ["both"]


def test_an_interrupted_stage_keeps_what_it_has_unless_it_is_another_now(toy, tmp_path):
    stages, go = toy
    stages.fail = "two"
    with pytest.raises(PerfLiveError, match="the power went"):
        go()
    half = tmp_path / "run" / "two" / "last.ckpt"
    assert half.exists() and json.loads((half.parent / "stage.json").read_text())["seconds"] >= 0
    with pytest.raises(UsageError, match="stage 'two' is not done; run perf-train again"):
        read_run(tmp_path / "run")
    marked = half.parent / "mark"
    marked.write_text("mine")
    stages.fail = ""
    assert go() == ["two", "both"] and marked.exists()  # it went on
    assert go(RECIPE.replace("number: 2", "number: 3")) == ["two", "both"] and not marked.exists()  # it began anew
    done = read_run(tmp_path / "run")
    assert [stage.folder.name for stage in done.stages] == ["one", "two", "both"] and done.precision == "float32"
    assert done.last("none", "toy-number").folder.name == "two" and done.reading("toy-sum", "numbers", done.stages[0]) is None


def test_a_stage_of_another_run_is_read_by_its_folder(toy, tmp_path):
    _, go = toy
    go()
    other = RECIPE.replace("numbers: [one, two]", "numbers: [../run/one, two]")
    assert go(other) == []  # it is the same stage
    with pytest.raises(UsageError, match="stage 'both' reads '.*nowhere', where no stage is done"):
        go(RECIPE.replace("[one, two]", "[../nowhere, two]"))


def test_a_stage_that_was_killed_while_it_was_prepared_is_prepared_again(toy, tmp_path):
    _, go = toy
    (tmp_path / "run" / "one").mkdir(parents=True)
    (tmp_path / "run" / "one" / ".stage.99999999.json").write_text('{"task":')
    assert go() == ["one", "two", "both"]
    assert sorted(path.name for path in (tmp_path / "run" / "one").iterdir()) == ["done.json", "last.ckpt", "number.txt", "stage.json"]


def test_a_folder_with_files_of_others_is_left_alone(toy, tmp_path):
    _, go = toy
    (tmp_path / "run" / "one").mkdir(parents=True)
    (tmp_path / "run" / "one" / "thesis.tex").write_text("years")
    with pytest.raises(UsageError, match="has files that perf-train did not write"):
        go()
    assert (tmp_path / "run" / "one" / "thesis.tex").read_text() == "years"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("system: toy", "system: tory", "no system is called 'tory'; allowed: toy"),
        ("stage: toy-number}", "stage: toy-numbre}", "stage 'one': 'toy-numbre' is no stage of this system; allowed: toy-number, toy-sum"),
        ("number: 2", "numer: 2", "nothing is called 'numer'; allowed: task, number; did you mean 'number'?"),
        ("name: two", "name: one", "give each stage a name of its own"),
        ("[one, two]", "[one, three]", "'numbers': no earlier stage is called 'three'; allowed: one, two"),
        ("reads: {numbers: [one, two]}", "reads: {}", "it reads 'numbers', which 'reads' does not name"),
        ("numbers: [one, two]", "number: one", "it reads no 'number'; allowed: numbers, start"),
        ("numbers: [one, two]", "numbers: one, start: [one, two]", "'start' is one stage, got 2"),
        ("{name: one, stage: toy-number}", "{name: one}", "give either 'config', a YAML file beside the recipe, or 'stage'"),
    ],
)
def test_wrong_recipes_are_named_in_one_line(toy, old, new, expected):
    _, go = toy
    with pytest.raises(UsageError) as caught:
        go(RECIPE.replace(old, new, 1))
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_a_stage_of_the_wrong_kind_is_refused(toy):
    _, go = toy
    with pytest.raises(UsageError, match="'numbers': 'both' is a 'toy-sum'; allowed: toy-number"):
        go(RECIPE + "  - {name: again, stage: toy-sum, reads: {numbers: both}}\n")


def test_a_file_of_one_stage_is_a_recipe_of_one_stage(toy, tmp_path):
    _, go = toy
    assert go("task: toy-number\nnumber: 4\n") == ["recipe"]
    assert (tmp_path / "run" / "recipe" / "number.txt").read_text() == "4"


@pytest.mark.parametrize("path", sorted(configs.FOLDER.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_recipes_that_ship_are_valid(path):
    if path.parent.name == "presets":
        return
    try:
        recipe = read_recipe(path, parts("task"), load_stages)
    except UsageError as error:  # of a stage that another recipe names
        assert path.stem.startswith("denoiser") and "run it as part of a recipe" in str(error)
    else:
        assert FOLDERS[recipe.system] == path.parent.name


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_each_system_is_trained_in_the_same_rooms(folder):
    root = Path(command.__file__).parent / folder
    assert {"__init__.py", "stages.py", "task.py", "data.py", "figures.py"} <= {path.name for path in root.iterdir()}
    assert {"shipped.yaml", "tiny.yaml", "paper.yaml"} - {path.name for path in (configs.FOLDER / folder).iterdir()} <= {"paper.yaml"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "asap")


PLAYED = {
    "velocity": ["--performer", "velocity", "--model", "{out}"],
    "performance-rnn": ["--performer", "performance-rnn", "--model", "{out}", "--seconds", "30"],
    "dexter": ["--performer", "dexter", "--model", "{out}"],
    "score-performer": ["--performer", "score-performer", "--model", "{out}"],
    "performance-net": ["--performer", "passthrough", "--sound", "neural"],
    "drums": ["--performer", "drums", "--model", "{out}"],
}


def cached_measure(measure):
    """Listen to one key in place of all."""
    heard = []

    def measured(key, synthesizer):
        if not heard:
            heard.append(measure(40, synthesizer))
        return heard[0]

    return measured


@pytest.mark.parametrize("system", [*(each for each in parts("task") if each != NEURAL), pytest.param(NEURAL, marks=pytest.mark.sound)])
@pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")
def test_a_tiny_recipe_goes_from_a_corpus_to_a_folder_that_plays(system, corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verify, "STEPS", 101)
    monkeypatch.setattr(verify, "SINGLE_STEPS", 6)
    monkeypatch.setattr(verify, "CHUNK_SIZES", (1, 2, 3, 7, 31))
    monkeypatch.setattr(keys, "measure_key", cached_measure(keys.measure_key))
    recipe, folder, out = configs.FOLDER / FOLDERS[system] / "tiny.yaml", tmp_path / "runs" / "tiny", tmp_path / "out"
    data = write_groove(tmp_path / "groove") if system == "drums" else corpus
    trained = [str(recipe), "--data", str(data), "--out", str(folder), "--cache", str(corpus.parent / "cache")]
    assert run(command.app, "perf-train", trained) == 0, capsys.readouterr().err
    assert run(export_command.app, "perf-export", [str(folder), "-o", str(out)]) == 0, capsys.readouterr().err
    monkeypatch.setattr(synthesizer, "pretrained", lambda name: out / name)
    played = tmp_path / ("played.wav" if system == NEURAL else "played.mid")
    given = [] if system == "performance-rnn" else [EXAMPLE]
    options = [option.format(out=out) for option in PLAYED[system]]
    assert run(render.app, "perf-render", [*given, "-o", str(played), *options]) == 0, capsys.readouterr().err
    assert played.stat().st_size > 500
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    capsys.readouterr()
    assert run(command.app, "perf-train", trained) == 0
    assert capsys.readouterr().err.count("done before") == len(read_run(folder).stages)
    report = (folder / "report.md").read_text()
    options = ["--data", str(data), "--out", str(folder)]
    assert shlex.join(["perf-train", str(recipe), *options]) in report
    drawn = [path for path in folder.glob("*/curves.png") if path.read_bytes()[:4] == b"\x89PNG"]
    networks = [path.parent for path in folder.glob("*/best.ckpt") if list(path.parent.glob("curve_from_*"))]
    assert {path.parent for path in drawn} == set(networks) and len(networks) >= (system != "drums")
    assert all(f"({path.parent.name}/curves.png)" in report for path in drawn)
