"""perf-live: wrong calls, bad files, files on both ends, presets; and ports, on a JACK server."""

import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import PRELUDE, Command, add_systems, assert_refused, command

from engine import midi
from engine.base.clock import MonotonicClock
from engine.base.errors import UsageError
from engine.commands.live import app
from engine.commands.routing_options import parse_channels
from engine.midi.events import Event, control_change, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file, write_midi_file
from engine.midi.ports import open_input, open_output
from engine.performers.registry import known_controls
from engine.systems import performers

PERF_LIVE = Path(sys.executable).with_name("perf-live")
LIMIT_S = 60


@pytest.fixture
def perf_live(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    add_systems(monkeypatch)
    return command(app, "perf-live", capfd)


def velocities(path: Path | str) -> list[int]:
    return [event.message[2] for event in read_midi_file(path).events if is_note_on(event.message)]


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ([], ["nothing to play from", "--in PORT"]),
        (["--in", PRELUDE], ["nowhere to play to", "--out PORT"]),
        (["--out", "out.mid"], ["nothing to play from"]),
        (["--in", PRELUDE, "--out", "out.mid", "--virtual", "name"], ["--virtual opens the end that is not given"]),
        (["--in", "audio", "--out", "out.mid"], ["sound cannot be played from"]),
        (["--in", "take.wav", "--out", "out.mid"], ["sound cannot be played from"]),
        (["--in", PRELUDE, "--out", "out.mid", "--soundfont", "some.sf2"], ["--soundfont, ", "are for sound", "--out FILE.wav"]),
        (["--in", PRELUDE, "--out", "port", "--record", "take.wav"], ["'take.wav'", "ends in .mid"]),
        (["--in", PRELUDE, "--out", "out.mid", "--record", "take.mid"], ["--record keeps a live take"]),
        (["--in", PRELUDE, "--out", "out.mid", "--api", "jack"], ["--api chooses a MIDI driver"]),
        (["--in", PRELUDE, "--out", "out.mid", "--out", "./out.mid"], ["named twice"]),
        (["--in", PRELUDE, "--out", PRELUDE], ["named twice"]),
        (["--in", PRELUDE, "--in", "Keyboard", "--out", "out.mid"], ["a file is played by itself"]),
        (["--in", "Keyboard", "--in", "folder.wav", "--out", "out.mid"], ["sound cannot be played from"]),
        (["--in", PRELUDE, "--out", "neural:out.mid"], ["'neural:out.mid'", "as in neural:FILE.wav"]),
        (["--in", PRELUDE, "--out", "out.png"], ["perf-live draws no picture"]),
        (["--in", PRELUDE, "--out", "audio", "--out", "audio"], ["one sound card", "given twice"]),
        (["--in", PRELUDE, "--out", "neural", "--out", "audio"], ["one sound card", "given twice"]),
        (["--in", PRELUDE, "--out", "neural:out.wav", "--out", "out.wav"], ["'out.wav' is named twice"]),
        (["--in", PRELUDE, "--out", "neural:out.wav", "--soundfont", "some.sf2"], ["--soundfont is for FluidSynth"]),
        (["--in", PRELUDE, "--out", "out.wav", "--rate", "8000"], ["--rate 8000: allowed: 22050, 44100, 48000, 88200, 96000"]),
        (["--in", PRELUDE, "--out", "out.wav", "--bits", "8"], ["--bits 8: allowed: 16, 24, and 32"]),
        (["--in", PRELUDE, "--out", "out.wav", "--reverb", "2"], ["--reverb"]),
        (["--in", PRELUDE, "--out", "out.mid", "--performer", "velocty"], ["'velocty'", "passthrough", "did you mean 'velocity'?"]),
        (["--in", PRELUDE, "--out", "out.mid", "--set", "gain=3"], ["'gain'", "got 3", "0 to 2 x"]),
        (["--in", PRELUDE, "--out", "out.mid", "--set", "gain=nan"], ["'gain'", "got nan", "0 to 2 x"]),
        (["--in", PRELUDE, "--out", "out.mid", "--set", "mood=maybe"], ["'mood'", "'maybe'", "off, on"]),
        (["--in", PRELUDE, "--out", "out.mid", "--set", "gian=1"], ["'gian'", "did you mean 'gain'?"]),
        (["--in", PRELUDE, "--out", "out.mid", "--set", "gain"], ["expected control=value"]),
        (["--in", PRELUDE, "--out", "out.mid", "--cc", "120=gain"], ["--cc '120=gain'", "0 to 119"]),
        (["--in", PRELUDE, "--out", "out.mid", "--exclude", "17"], ["--exclude '17'", "1 to 16"]),
        (["--in", PRELUDE, "--out", "out.mid", "--preset", "no.yaml"], ["'no.yaml'", "No such file"]),
        (["--in", PRELUDE, "--out", "out.mid", "--seed", "-1"], ["--seed"]),
        (["--in", PRELUDE, "--out", "out.mid", "--seed", 2**63], ["--seed", str(2**63 - 1)]),
        (["--in", PRELUDE, "--out", "out.mid", "--lookahead", "-1"], ["--lookahead"]),
        (["--in", PRELUDE, "--out", "out.mid", "--loud"], ["--loud"]),
        (["--in", PRELUDE, "--out", "out.mid", "loud"], ["loud"]),
        (["--list", "--api", "midi"], ["--api 'midi'", "jack, alsa, coremidi, winmm"]),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(arguments: list[object], fragments: list[str], perf_live: Command) -> None:
    performer = [] if "--performer" in arguments else ["--performer", "scaled"]
    assert_refused(perf_live(*arguments, *performer), 2, *fragments)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (PRELUDE.read_bytes()[:60], "truncated"),
        (b"PK\x03\x04 this is no MIDI file", "not a MIDI file"),
    ],
)
def test_a_bad_file_is_one_line_and_status_1(content: bytes | None, reason: str, perf_live: Command) -> None:
    if content is not None:
        Path("bad.mid").write_bytes(content)
    assert_refused(perf_live("--in", "bad.mid", "--out", "out.mid", "--performer", "passthrough"), 1, "'bad.mid'", reason)
    assert not Path("out.mid").exists()


@pytest.mark.parametrize("folder", ["missing", "/proc", "file"])
def test_an_output_that_cannot_be_written_is_refused(folder: str, perf_live: Command) -> None:
    Path("file").touch()
    ended = perf_live("--in", PRELUDE, "--out", f"{folder}/out.mid", "--performer", "passthrough")
    assert_refused(ended, 1, "cannot write", folder)
    assert os.listdir() == ["file"]


def test_a_defect_is_one_line_too(perf_live: Command) -> None:
    ended = perf_live("--in", PRELUDE, "--out", "out.mid", "--performer", "broken")
    assert (ended.status, ended.error.count("\n")) == (1, 1)
    assert "ZeroDivisionError: a defect of two lines" in ended.error
    assert os.listdir() == []


def test_a_file_passes_through_with_everything_in_it(perf_live: Command) -> None:
    ended = perf_live("--in", PRELUDE, "--out", "out.mid", "--performer", "passthrough")
    assert (ended.status, ended.error) == (0, "")
    assert ended.output.splitlines() == [
        f"ready: {PRELUDE} -> passthrough -> out.mid",
        "549 notes played, none late",
    ]
    assert read_midi_file("out.mid") == read_midi_file(PRELUDE)


def test_controls_seed_and_excluded_channels_reach_the_performer(perf_live: Command) -> None:
    perf_live("--in", PRELUDE, "--out", "out.mid", "--performer", "scaled", "--seed", 3, "--set", "gain=0.5")
    assert set(velocities("out.mid")) == {35}
    perf_live("--in", PRELUDE, "--out", "out.mid", "--performer", "scaled", "--seed", 3, "--exclude", "1")
    assert set(velocities("out.mid")) == {64}


def test_a_controller_in_the_file_moves_its_control_and_goes_on(perf_live: Command) -> None:
    events = [Event(0, note_on(0, 60, 60)), Event(10**9, control_change(0, 1, 127)), Event(2 * 10**9, note_on(0, 62, 60))]
    write_midi_file("in.mid", events)
    perf_live("--in", "in.mid", "--out", "out.mid", "--performer", "scaled", "--cc", "1=gain")
    assert velocities("out.mid") == [60, 120]
    assert control_change(0, 1, 127) in [event.message for event in read_midi_file("out.mid").events]


def test_the_command_line_wins_over_the_preset(perf_live: Command) -> None:
    Path("mine.yaml").write_text("performer: scaled\nseed: 5\nset: {gain: 0.5, mood: off}\nexclude: [2]\n")
    perf_live("--in", PRELUDE, "--out", "out.mid", "--preset", "mine.yaml")
    assert set(velocities("out.mid")) == {37}
    perf_live("--in", PRELUDE, "--out", "out.mid", "--preset", "mine.yaml", "--set", "gain=1", "--seed", 0)
    assert set(velocities("out.mid")) == {64}
    perf_live("--in", PRELUDE, "--out", "out.mid", "--preset", "mine.yaml", "--exclude", "1")
    assert set(velocities("out.mid")) == {64}


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("perfomer: scaled", ["'perfomer'", "did you mean 'performer'?"]),
        ("seed: many", ["seed: got 'many', expected a whole number"]),
        ("seed: -1", ["seed: got -1, allowed: 0 or more"]),
        ("lookahead: soon", ["lookahead: got 'soon', expected a number"]),
        ("cc: {200: gain}", ["cc.200: got 200, allowed: 119 or less"]),
        ("exclude: [0]", ["exclude.0: got 0, allowed: 1 or more"]),
        ("exclude: 3", ["exclude: got 3, expected a list"]),
        ("set: {gain: 7}", ["'gain'", "got 7", "0 to 2 x"]),
        ("performer: [", ["not YAML in line 1"]),
        ("just words", ["expected 'name: value' lines"]),
        ("", ["expected 'name: value' lines"]),
    ],
)
def test_a_bad_preset_is_one_line_and_status_2(text: str, fragments: list[str], perf_live: Command) -> None:
    Path("bad.yaml").write_text(text)
    performer = ["--performer", "scaled"]
    assert_refused(perf_live("--in", PRELUDE, "--out", "out.mid", "--preset", "bad.yaml", *performer), 2, *fragments)
    assert not Path("out.mid").exists()


@pytest.mark.sound
def test_several_outputs_at_once(perf_live: Command) -> None:
    write_midi_file("in.mid", [Event(0, note_on(0, 60, 60)), Event(10**9, note_off(0, 60))])
    ended = perf_live("--in", "in.mid", "--out", "out.mid", "--out", "out.wav", "--performer", "passthrough")
    assert (ended.status, ended.error) == (0, "")
    assert sorted(os.listdir()) == ["in.mid", "out.mid", "out.wav"]


@pytest.mark.sound
def test_a_sound_font_that_is_none_leaves_no_file(perf_live: Command) -> None:
    ended = perf_live("--in", PRELUDE, "--out", "out.mid", "--out", "out.wav", "--soundfont", PRELUDE, "--performer", "passthrough")
    assert_refused(ended, 1, "not a sound font")
    assert os.listdir() == []


def test_list_in_a_pipe_is_plain_lines(perf_live: Command) -> None:
    ended = perf_live("--list")
    assert (ended.status, ended.error) == (0, "")
    rows = [line.split("\t") for line in ended.output.splitlines()]
    assert ["performer", "passthrough", "plays every note as it comes"] in rows and not any("gain" in row for row in rows)
    ended = perf_live("--list", "controls")
    assert (ended.status, ended.error) == (0, "")
    rows = [line.split("\t") for line in ended.output.splitlines()]
    assert ["scaled", "gain", "0 to 2 x", "1", "how loud"] in rows
    assert ["scaled", "mood", "off, on", "off", "a word"] in rows
    assert_refused(perf_live("controls"), 2, "'controls' says what --list is to list")
    assert_refused(perf_live("--list", "everything"), 2, "'everything'", "'ports', 'performers', 'controls'")


def test_controls_on_a_terminal_have_room(perf_live: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for each performer, no wider than 80 columns, in which no control's name is broken."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", perf_live("--list", "controls").output).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.partition(":")[0] for line in lines if "for --set" in line] == [name for name in performers() if known_controls(name)]
    assert any(line.startswith("expression_articulation ") for line in lines)


@pytest.mark.parametrize("name", ["perf-live", "perf-render"])
def test_the_shell_completes_options_and_performers(name: str) -> None:
    """As bash asks, with the script that --install-completion installs."""

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        asked = {f"_{name.replace('-', '_').upper()}_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        called = [PERF_LIVE.with_name(name)]
        return subprocess.run(called, env=os.environ | asked, capture_output=True, text=True, timeout=LIMIT_S).stdout.split()

    assert complete(f"{name} --perf") == ["--performer"]
    assert complete(f"{name} --performer d") == ["dexter", "drums"]
    assert complete(f"{name} --instrument ") == ["piano", "violin", "cello", "flute"]


def test_the_version_and_the_short_form_of_help(perf_live: Command) -> None:
    assert perf_live("--version").output == f"perf-live {version('perf-live')}\n"
    shown = perf_live("-h")
    assert shown.status == 0 and shown.output == perf_live("--help").output
    assert shown.output.count("perf-live --") == 3 and "How it performs" in shown.output  # three examples, and options in groups


def test_a_score_or_a_folder_is_no_port(perf_live: Command) -> None:
    Path("piece.musicxml").touch()
    Path("folder").mkdir()
    assert_refused(perf_live("--in", "piece.musicxml", "--out", "out.mid"), 2, "give --score piece.musicxml")
    assert_refused(perf_live("--in", "folder", "--out", "out.mid"), 2, "perf-render performs folders")


def test_channels_are_counted_from_one() -> None:
    assert parse_channels("1, 3,15-16") == {0, 2, 14, 15}
    for text in ("", "0", "17", "3-1", "a", "1-", "-1", "1,,2"):
        with pytest.raises(UsageError, match="1 to 16"):
            parse_channels(text)


def test_the_installed_command_ends_with_the_status_and_one_line(tmp_path: Path) -> None:
    ended = subprocess.run([PERF_LIVE, "--in", "missing.mid", "--out", "out.mid", "--performer", "passthrough"],
                           cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S)  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "perf-live: cannot read 'missing.mid': No such file or directory; give the name of a MIDI file\n"


@pytest.mark.jack
def test_unknown_and_ambiguous_ports_are_refused_with_the_candidates(jack_server: str, perf_live: Command) -> None:
    left, right = (open_input(f"Piano {side}", MonotonicClock(), "jack", virtual=True) for side in ("left", "right"))
    try:
        for name, words in (("organ", "no output port"), ("piano", "ambiguous")):
            ended = perf_live("--in", PRELUDE, "--out", name, "--api", "jack", "--performer", "passthrough")
            assert_refused(ended, 2, words, "Piano left", "Piano right")
    finally:
        left.close()
        right.close()


@pytest.mark.jack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_the_notes_and_keeps_the_take(number: signal.Signals, jack_server: str, tmp_path: Path) -> None:
    name = f"Stage {number.name}"
    live = subprocess.Popen(
        [PERF_LIVE, "--virtual", name, "--api", "jack", "--performer", "passthrough", "--record", tmp_path / "take.mid"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert live.stdout is not None
    assert live.stdout.readline().startswith(f"ready: {name} -> passthrough -> {name}")
    keyboard = open_output(name, "jack")
    module = open_input(name, MonotonicClock(), "jack")
    try:
        for message in (control_change(0, 64, 127), note_on(0, 60, 77)):
            keyboard.send(message)
        received = [module.inbox.get(timeout=LIMIT_S) for _ in range(2)]
        live.send_signal(number)
        output, error = live.communicate(timeout=LIMIT_S)
        received += [module.inbox.get(timeout=LIMIT_S) for _ in range(2)]
    finally:
        live.kill()
        live.wait()
        keyboard.close()
        module.close()
    assert (live.returncode, error) == (0, "")
    assert output.startswith("1 note played, ") and output.endswith(f"\nkept: {tmp_path / 'take.mid'}\n")
    messages = [event.message for event in received if event is not None]
    assert messages == [control_change(0, 64, 127), note_on(0, 60, 77), note_off(0, 60), control_change(0, 64, 0)]
    assert [event.message for event in read_midi_file(tmp_path / "take.mid").events] == messages


@pytest.mark.jack
@pytest.mark.parametrize(
    ("surroundings", "arguments"),
    [
        ({"PYTHONIOENCODING": "ascii"}, ["--list", "ports"]),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ["--in", str(PRELUDE), "--out", "\u6728", "--api", "jack"]),
    ],
)
def test_names_of_ports_are_printed_on_any_code_page(surroundings: dict[str, str], arguments: list[str], jack_server: str) -> None:
    port = open_input("Fl\u00fcgel \u9375\u76e4", MonotonicClock(), "jack", virtual=True)
    try:
        around = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))} | surroundings
        called = [os.fsencode(PERF_LIVE), *(each.encode() for each in arguments)]
        ended = subprocess.run(called, env=around, capture_output=True, timeout=LIMIT_S)
    finally:
        port.close()
    assert (ended.returncode, ended.stderr.count(b"\n")) == ((0, 0) if "--list" in arguments else (2, 1))
    assert rb"Fl\xfcgel \u9375\u76e4" in ended.stdout + ended.stderr


def test_missing_midi_libraries_are_one_line(perf_live: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(midi, "ports")
    monkeypatch.setitem(sys.modules, "engine.midi.ports", None)
    ended = perf_live("--in", "keyboard", "--out", "out.mid", "--performer", "passthrough")
    assert_refused(ended, 1, "MIDI ports cannot be used", "libasound2")


def test_a_take_is_played_back_as_it_is_and_says_who_performed_it(perf_live: Command) -> None:
    perf_live("--in", PRELUDE, "--out", "take.mid", "--performer", "scaled", "--set", "gain=0.5", "--seed", 3)
    Path("rig.yaml").write_text("performer: scaled\nset: {gain: 2}\nexclude: [1]\n")
    ended = perf_live("--play", "take.mid", "--out", "again.mid", "--preset", "rig.yaml")
    assert (ended.status, ended.error) == (0, "")
    assert ended.output.splitlines()[0] == f"take.mid: performed by perf-live {version('perf-live')}, scaled (seed 3)"
    assert Path("again.mid").read_bytes() == Path("take.mid").read_bytes()
    assert "performed by" not in perf_live("--play", PRELUDE, "--out", "other.mid").output
    assert_refused(perf_live("--play", "take.mid", "--out", "x.mid", "--performer", "scaled"), 2, "plays a take as it is", "--performer")
    assert_refused(perf_live("--play", "take.wav", "--out", "x.mid"), 2, "a take is a MIDI file")
    assert_refused(perf_live("--play", "none.mid", "--out", "x.mid"), 1, "cannot read 'none.mid'")
