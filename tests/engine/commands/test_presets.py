"""Presets: files, and those that ship, by name."""

from importlib.resources import files
from pathlib import Path

import pytest

from engine.base.errors import UsageError
from engine.commands import presets
from engine.commands.device_options import DeviceOptions
from engine.commands.options import PlayingOptions
from engine.commands.presets import load_preset
from engine.commands.routing_options import RoutingFlags
from engine.commands.sound_options import SoundFlags
from engine.midi.routing import Routing, parse_keys

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


@pytest.fixture
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of presets, empty, in which the test is as well."""
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "kept")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "kept"


def test_whatever_can_be_said_can_be_kept(user_folder: Path) -> None:
    """What a file says is what the options say."""
    Path("all.yaml").write_text(
        "in: Keyboard\nout: [Module, audio]\nvirtual: desk\napi: jack\nosc: 9000\nseed: 3\nlookahead: 2\nrange: C2-C6\ndrums: off\n"
        "mpe: true\ntrack: [1, Piano]\nexclude: [2, 5]\nset: {hint: off, strength: 0.5}\ncc: {1: dynamics!}\nloudness: off\ngain: 3\n"
        "soundfont: piano.sf2\nmode: duet\n"
    )
    said = presets.load_preset(Path("all.yaml"))
    devices = said.under(DeviceOptions())
    assert (devices.inputs, devices.outputs, devices.virtual, devices.api, devices.osc_port) == (
        ["Keyboard"], ["Module", "audio"], "desk", "jack", 9000)  # fmt: skip
    assert said.under(DeviceOptions(inputs=["Other"], api="alsa")).inputs == ["Other"]
    playing = said.under(PlayingOptions(settings=["strength=1"]))
    assert (playing.seed, playing.lookahead_s, playing.controllers) == (3, 2.0, ["1=dynamics!"])
    assert playing.settings == ["hint=off", "strength=0.5", "strength=1"]
    routing = said.under(RoutingFlags()).routing()
    assert routing == Routing(frozenset({1, 4}), tracks=("1", "Piano"), drums=False, mpe=True, keys=parse_keys("C2-C6"))
    sound = said.under(SoundFlags(reverb=0.2))
    assert (sound.font, sound.gain_db, sound.loudness, sound.reverb) == (Path("piano.sf2"), 3.0, "off", 0.2)


def test_what_is_kept_is_found_by_its_name_before_what_ships(user_folder: Path) -> None:
    groups = DeviceOptions(inputs=["Keys"], outputs=["Module"]), RoutingFlags(keyswitches="C-1-B0"), SoundFlags(font=Path("piano.sf2"))
    told = presets.save_preset("subtle", groups, {"performer": "velocity", "lookahead": 0.0, "set": {"dynamics": "6"}, "cc": {1: "range!"}})
    assert told == "saved; start it again with --preset subtle"
    kept = presets.load_preset(Path("subtle"))
    assert (kept.performer, kept.set, kept.cc) == ("velocity", {"dynamics": "6"}, {1: "range!"})
    assert kept.under(DeviceOptions()) == groups[0] and kept.under(RoutingFlags()) == groups[1]
    assert kept.under(SoundFlags()).font == Path("piano.sf2").absolute()


@pytest.mark.parametrize("name", ["", "a/b", "..", "a.yaml", ".hidden"])
def test_what_is_no_name_is_refused(name: str, user_folder: Path) -> None:
    with pytest.raises(UsageError, match="is no name for a preset; give a word"):
        presets.save_preset(name, (), {"performer": "velocity"})
    assert not user_folder.exists()


def test_the_users_presets_are_among_those_that_are_named(user_folder: Path) -> None:
    presets.save_preset("tonight", (), {"performer": "velocity"})
    with pytest.raises(UsageError, match="allowed: .*subtle, tonight; did you mean 'tonight'"):
        presets.load_preset(Path("tonite"))
    Path("typo.yaml").write_text("ouput: Module\n")
    with pytest.raises(UsageError, match="nothing is called 'ouput'; allowed: .*; did you mean 'out'"):
        presets.load_preset(Path("typo.yaml"))
