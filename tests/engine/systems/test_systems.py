"""The manifests say all that the rest needs to know: a sixth system appears everywhere by its manifest alone."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import echo_system
import pytest
from command_line import PRELUDE, command

import engine
from engine.base.errors import UsageError
from engine.base.on_demand import load_object
from engine.commands import live, render
from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file
from engine.performers.setup import choose_system, make_request
from engine.systems import Kind, default_system, find_system, performers, systems
from models.pretrained import pretrained

ALL = sorted(systems())


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a sixth system."""
    monkeypatch.setitem(systems(), "echo", echo_system.SYSTEM)


def test_manifests_are_found_without_numpy_or_any_part_of_a_system() -> None:
    code = "import sys, engine.systems; engine.systems.systems(); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"numpy", "onnxruntime", "typer", "engine.performers", "engine.sound", "models"}


def test_the_systems_and_the_plain_one() -> None:
    assert ALL == ["dexter", "drums", "passthrough", "performance-net", "performance-rnn", "score-performer", "velocity"]
    assert sorted(performers()) == [name for name in ALL if name != "performance-net"]
    assert sorted(performers(Kind.SCORES)) == ["dexter", "score-performer"]
    assert [default_system(kind).name for kind in (Kind.NOTES, Kind.SCORES, Kind.IMPROVISES)] == ["velocity", "dexter", "performance-rnn"]


@pytest.mark.parametrize("name", ALL)
def test_what_a_manifest_names_is_there(name: str) -> None:
    system = systems()[name]
    assert system.name == name and system.summary and system.plays
    for file in system.files:
        assert pretrained(file).is_file()
    for reference in (system.performer, system.controls):
        assert not reference or callable(load_object(reference))
    for question in system.request.questions().values():
        assert question.flag.startswith("--") and question.help.endswith((".", ")"))


@pytest.mark.parametrize("name", sorted(performers()))
def test_controls_are_known_before_a_model_is_loaded(name: str) -> None:
    known = load_object(find_system(name).controls)
    assert known(None, None) == engine.load_performer(name).controls
    if name in ("velocity", "dexter", "score-performer"):
        assert known(None, 2.0) == engine.load_performer(name, lookahead=2.0).controls


@pytest.mark.parametrize("name", sorted(set(performers()) - {"passthrough"}))
def test_a_folder_of_files_by_their_names_is_a_model(name: str, tmp_path: Path) -> None:
    assert engine.load_performer(name, model=pretrained("velocity.onnx").parent).name == name
    with pytest.raises(engine.PerfLiveError):
        engine.load_performer(name, model=tmp_path)


def test_the_default_for_scores_is_the_one_that_hears_what_is_asked() -> None:
    assert choose_system(None, Kind.SCORES, ["transfer"]).name == "dexter"
    assert choose_system(None, Kind.SCORES, ["direct", "deadpan"]).name == "score-performer"


def test_what_a_system_does_not_hear_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'score-performer' does not hear --descriptors; it hears .*--direct.*choose --performer dexter"):
        make_request(find_system("score-performer"), {"descriptors": Path("x.csv")})
    with pytest.raises(UsageError, match="'velocity' does not hear --knob; it hears nothing of .*choose --performer score-performer"):
        make_request(find_system("velocity"), {"knob": ("loudness=1",)})
    with pytest.raises(UsageError, match="'dexter' does not hear colour"):
        make_request(find_system("dexter"), {"colour": "red"})


def test_an_unknown_performer_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="no performer is called 'dextre'; allowed: dexter, .*did you mean 'dexter'"):
        find_system("dextre")
    with pytest.raises(UsageError, match="no performer is called 'performance-net'"):  # it makes sound, and performs nothing
        find_system("performance-net")
    with pytest.raises(UsageError, match="'velocity' plays no scores; choose --performer dexter or score-performer"):
        choose_system("velocity", Kind.SCORES)
    with pytest.raises(UsageError, match="'dexter' does not improvise; choose --performer performance-rnn"):
        choose_system("dexter", Kind.IMPROVISES)


def test_a_sixth_system_is_listed_and_asked_and_plays(
    echo: None, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "echo" in [system.name for system in engine.list_performers()]
    perf_live = command(live.create_app(), "perf-live", capfd)
    assert "performer\techo\tgives every note one velocity" in perf_live("--list").output
    assert "echo\tbrightness\t0 to 1 x\t0.5\thow bright the echo is" in perf_live("--list", "controls").output
    perf_render = command(render.create_app(), "perf-render", capfd)
    shown = perf_render("--help").output
    assert "echo" in shown
    ended = perf_render(PRELUDE, "-o", "echoed.mid", "--performer", "echo", "--set", "brightness=1")
    assert (ended.status, ended.error) == (0, "")
    velocities = {event.message[2] for event in read_midi_file("echoed.mid").events if is_note_on(event.message)}
    assert velocities == {64}
    engine.render(PRELUDE, "level.mid", performer="echo", request={"level": 3})
    assert {event.message[2] for event in read_midi_file("level.mid").events if is_note_on(event.message)} == {3}


def test_a_sixth_system_of_scores_brings_its_option(
    echo: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(systems(), "echo", replace(echo_system.SYSTEM, plays=frozenset({Kind.NOTES, Kind.SCORES})))
    for app, name in ((render.create_app(), "perf-render"), (live.create_app(), "perf-live")):
        assert "--echo-level" in command(app, name, capfd)("--help").output
