"""perf-render and perf-live with --performer dexter --lookahead: the same from a file offline and live, and between JACK ports."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import rtmidi
from command_line import Command, assert_refused, command
from score_fixtures import attributes, musicxml, note
from synthetic_dexter import write_models

from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import Event, is_note_off, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file, write_midi_file
from engine.midi.ports import new_client, release

DEXTER = ("--performer", "dexter", "--lookahead")
PERF_LIVE = "from engine.commands.live import main; main()"
PATIENCE_S = 60


def take(notes: int) -> list[Event]:
    """Four notes a second, flat."""
    steps = [(index * 250_000_000, 60 + index % 12) for index in range(notes)]
    begins = [Event(begin_ns, note_on(0, pitch, 64)) for begin_ns, pitch in steps]
    ends = [Event(begin_ns + 200_000_000, note_off(0, pitch)) for begin_ns, pitch in steps]
    return sorted([*begins, *ends])


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return write_models(tmp_path / "models")


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    write_midi_file("take.mid", take(40))
    rendered = command(app, "perf-render", capfd)
    return lambda *arguments: rendered(*arguments, "--model", models)


def test_a_take_is_rendered_as_it_is_played_live(
    perf_render: Command, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    perf_live = command(live_app, "perf-live", capfd)
    ended = perf_render("take.mid", "-o", "rendered.mid", *DEXTER, 2, "--seed", 5)
    assert (ended.status, ended.output, ended.error) == (0, "performed 1 of 1 files, 40 notes: rendered.mid\n", "")
    ended = perf_live("--in", "take.mid", "--out", "live.mid", *DEXTER, 2, "--seed", 5, "--model", models)
    assert (ended.status, ended.error) == (0, "")
    assert re.search(r"notes played, none late, [1-9]\d* windows?\n", ended.output)
    rendered, live = read_midi_file("rendered.mid"), read_midi_file("live.mid")
    assert [event.message for event in rendered.events] == [event.message for event in live.events]
    assert [event.time_ns for event in rendered.events] == pytest.approx([event.time_ns for event in live.events], abs=500_000)
    played = [event for event in rendered.events if is_note_on(event.message)]
    assert len({event.message[2] for event in played}) > 10
    assert any(event.time_ns % 250_000_000 > 5_000_000 for event in played)


@pytest.mark.parametrize(
    ("arguments", "status", "fragments"),
    [
        (("score.musicxml", "-o", "out.mid", *DEXTER, 2), 2, ["--lookahead", "leave"]),
        (("take.mid", "-o", "out.mid", *DEXTER, 2, "--set", "tempo=2"), 2, ["'tempo'", "has it for scores, not with --lookahead"]),
        (("take.mid", "-o", "out.mid", *DEXTER, 2, "--timing", "absolute"), 2, ["--timing"]),
    ],
)
def test_what_means_nothing_with_a_lookahead_is_refused(
    perf_render: Command, arguments: tuple[object, ...], status: int, fragments: list[str]
) -> None:
    Path("score.musicxml").write_text(musicxml([attributes() + note("C", 16)]))
    assert_refused(perf_render(*arguments), status, *fragments)


def test_live_notes_without_a_lookahead_are_refused(perf_render: Command, models: Path, capfd: pytest.CaptureFixture[str]) -> None:
    perf_live = command(live_app, "perf-live", capfd)
    ended = perf_live("--in", "take.mid", "--out", "live.mid", "--performer", "dexter", "--model", models)
    assert_refused(ended, 2, "--score FILE", "--lookahead 2")
    assert not Path("live.mid").exists()


@pytest.mark.jack
def test_nothing_is_lost_between_ports(jack_server: str, models: Path) -> None:
    heard: list[bytes] = []
    keys, synth = new_client(rtmidi.MidiOut, "jack", "daw"), new_client(rtmidi.MidiIn, "jack", "module")
    synth.ignore_types(sysex=False, timing=False, active_sense=False)
    synth.set_callback(lambda message, _: heard.append(bytes(message[0])))
    keys.open_virtual_port("track")
    synth.open_virtual_port("synth")
    call = [sys.executable, "-c", PERF_LIVE, "--in", "daw:track", "--out", "module:synth", *DEXTER, "1", "--model", str(models)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None and process.stdout.readline().startswith("ready: ")
    sent = [b"\xfa", *(message for event in take(60) for message in (b"\xf8", event.message))]
    for message in sent:
        keys.send_message(message)
        threading.Event().wait(0.01)
    deadline = time.monotonic() + PATIENCE_S
    while sum(not message[0] & 0xF0 == 0xB0 for message in heard) < len(sent) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    output, _ = process.communicate(timeout=PATIENCE_S)
    for port in (keys, synth):
        release(port)
    assert "60 notes" in output and "windows" in output
    assert [message for message in heard if message[0] >= 0xF0] == [message for message in sent if message[0] >= 0xF0]
    for kind in (is_note_on, is_note_off):
        assert sorted(message[1] for message in heard if message[0] < 0xF0 and kind(message)) == sorted(
            message[1] for message in sent if message[0] < 0xF0 and kind(message)
        )
