"""perf-render: files, folders, bad files among good ones, and that nothing is overwritten or left half-done."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from command_line import ELISE, EXAMPLES, PRELUDE, Command, add_systems, assert_refused, command

from engine import session
from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file, write_midi_file
from engine.midi.performed_mark import mark


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    add_systems(monkeypatch)
    rendered = command(app, "perf-render", capfd)
    return lambda *arguments: rendered(*arguments, "--performer", "scaled", "--set", "gain=0.5")


def files() -> list[str]:
    """Everything below the working folder, hidden files too."""
    return sorted(os.path.relpath(os.path.join(folder, name)) for folder, _, names in os.walk(".") for name in names)


def test_a_file_keeps_its_notes_tracks_and_bars(perf_render: Command) -> None:
    ended = perf_render(PRELUDE, "-o", "out.mid")
    assert (ended.status, ended.output, ended.error) == (0, "performed 1 of 1 files, 549 notes: out.mid\n", "")
    before, after = read_midi_file(PRELUDE), read_midi_file("out.mid")
    told = f"performed by perf-live {version('perf-live')}, scaled (seed 0)"
    assert (after.tracks, after.tempos, after.division, after.kind) == (
        mark(before, told).tracks, before.tempos, before.division, before.kind)  # fmt: skip
    for old, new in zip(before.events, after.events, strict=True):
        expected = old.message[:2] + b"\x20" if is_note_on(old.message) else old.message
        assert (new.time_ns, new.track, new.message) == (old.time_ns, old.track, expected)


def test_rendered_equals_live(perf_render: Command, capfd: pytest.CaptureFixture[str]) -> None:
    perf_render(ELISE, "-o", "rendered.mid", "--seed", 4)
    live = command(live_app, "perf-live", capfd)
    live("--in", ELISE, "--out", "live.mid", "--performer", "scaled", "--set", "gain=0.5", "--seed", 4)
    assert Path("rendered.mid").read_bytes() == Path("live.mid").read_bytes()


@pytest.mark.sound
def test_a_folder_becomes_a_folder_in_every_kind_asked_for(perf_render: Command) -> None:
    for name in ("in/a.mid", "in/deep/b.MIDI"):
        Path(name).parent.mkdir(exist_ok=True)
        write_midi_file(name, [Event(0, note_on(0, 60, 60)), Event(10**8, note_off(0, 60))])
    Path("in/readme.txt").touch()
    ended = perf_render("in", "-o", "out", "--to", "mid", "--to", "wav", "--to", "png")
    assert (ended.status, ended.error) == (0, "")
    kinds = ("mid", "png", "wav")
    expected = [f"out/a.{kind}" for kind in kinds] + [f"out/deep/b.{kind}" for kind in kinds]
    assert [name for name in files() if name.startswith("out")] == expected


def test_a_second_run_does_not_perform_what_the_first_has_written(perf_render: Command) -> None:
    shutil.copy(ELISE, "a.mid")
    for _ in range(2):
        assert "1 of 1 files" in perf_render(".", "-o", "performed").output
    assert files() == ["a.mid", "performed/a.mid"]


def test_a_bad_file_is_reported_and_the_others_are_done(perf_render: Command) -> None:
    os.mkdir("in")
    shutil.copy(ELISE, "in/a.mid")
    Path("in/b.mid").write_bytes(ELISE.read_bytes()[:60])
    shutil.copy(PRELUDE, "in/c.mid")
    ended = perf_render("in", "-o", "out")
    assert_refused(ended, 1, "'in/b.mid'", "truncated")
    assert "performed 2 of 3 files" in ended.output
    assert [name for name in files() if name.startswith("out")] == ["out/a.mid", "out/c.mid"]


def test_what_is_there_of_a_file_that_was_cut_short_is_performed(perf_render: Command) -> None:
    Path("cut.mid").write_bytes(PRELUDE.read_bytes()[:1000])
    ended = perf_render("cut.mid", "-o", "out.mid", "--performer", "passthrough")
    assert_refused(ended, 0, "read what is there of 'cut.mid'", "cut short")
    played = [event.message[1] for event in read_midi_file("out.mid").events if is_note_on(event.message)]
    whole = [event.message[1] for event in read_midi_file(PRELUDE).events if is_note_on(event.message) and event.track == 1]
    assert played == whole[: len(played)] and len(played) > 100


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"", "empty"), (b"MThd", "truncated"), (b"words", "not a MIDI")])
def test_a_single_bad_file_is_one_line_and_status_1(content: bytes | None, reason: str, perf_render: Command) -> None:
    if content is not None:
        Path("bad.mid").write_bytes(content)
    assert_refused(perf_render("bad.mid", "-o", "out.mid"), 1, "'bad.mid'", reason)
    assert not Path("out.mid").exists()


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ([PRELUDE], ["-o"]),
        (["-o", "out.mid"], ["INPUT"]),
        ([PRELUDE, "-o", "out.mp3"], ["'out.mp3'", ".mid, .midi, .wav, .png, .html"]),
        ([PRELUDE, "-o", "plain"], ["'plain'", "neither a folder"]),
        ([PRELUDE, "-o", "out.mid", "--to", "wav"], ["--to says what to write in a folder"]),
        ([PRELUDE, "-o", "out", "--to", "mp3"], ["--to 'mp3'", "mid, wav, png, html"]),
        ([PRELUDE, ELISE, "-o", "out.mid"], ["'out.mid'", "give a folder"]),
        ([EXAMPLES, "-o", "out.mid"], ["'out.mid'", "give a folder"]),
        (["own.mid", "-o", "own.mid"], ["'own.mid'", "over an input"]),
        (["own.mid", "-o", "."], ["'own.mid'", "over an input"]),
        (["own.mid", "-o", "link.mid"], ["'link.mid'", "over an input"]),
        (["own.mid", "other/own.mid", "-o", "out"], ["'out/own.mid'", "written for both"]),
        ([PRELUDE, "-o", "own.mid", "--performer", "dexter", "--transfer", "own.mid"], ["'own.mid'", "over an input"]),
        ([PRELUDE, "-o", "out.mid", "--lookahead", "inf"], ["lookahead: got inf", "seconds from 0 to 3600"]),
        (["nothing", "-o", "out"], ["'nothing'", "no file in this folder"]),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(arguments: list[object], fragments: list[str], perf_render: Command) -> None:
    for folder in ("other", "nothing"):
        os.mkdir(folder)
    for name in ("own.mid", "other/own.mid"):
        shutil.copy(ELISE, name)
    os.symlink("own.mid", "link.mid")
    Path("plain").touch()
    before = files()
    assert_refused(perf_render(*arguments), 2, *fragments)
    assert files() == before
    assert Path("own.mid").read_bytes() == ELISE.read_bytes()


@pytest.mark.parametrize("output", ["/proc/out", "/proc/out.mid", "plain/out", "plain/out.mid", "missing/out.mid"])
def test_an_output_folder_that_cannot_be_written_is_refused_before_any_work(output: str, perf_render: Command) -> None:
    Path("plain").touch()
    ended = perf_render(PRELUDE, "-o", output)
    assert_refused(ended, 1, "cannot write")
    assert ended.output == ""
    assert files() == ["plain"]


def drafts_of(process: int, folder: Path) -> list[str]:
    """Return the unnamed files in a folder that a process has open."""
    links = []
    with suppress(OSError):  # what is closed meanwhile
        links = [os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir()]
    return [link for link in links if link.startswith(str(folder)) and link.endswith("(deleted)")]


@pytest.mark.sound
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_half_written_file(number: signal.Signals, tmp_path: Path) -> None:
    write_midi_file(tmp_path / "long.mid", [Event(i * 10**9, note_on(0, 60, 60)) for i in range(20_000)])
    render = subprocess.Popen(
        [Path(sys.executable).with_name("perf-render"), "long.mid", "-o", "out.wav", "--performer", "passthrough"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not drafts_of(render.pid, tmp_path) and render.poll() is None:  # until it has begun to write
        time.sleep(0.01)
    render.send_signal(number)
    output, error = render.communicate(timeout=60)
    assert (render.returncode, output) == (1, "")
    assert error == "perf-render: stopped before the end; what was not finished was not written\n"
    assert os.listdir(tmp_path) == ["long.mid"]


def test_a_batch_survives_whatever_one_file_does(perf_render: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file that raises this is known: what rendering raises is made up, the batch around it is real."""
    Path("in").mkdir()
    for name in ("a.mid", "b.kar", "c.mid"):
        shutil.copy(ELISE, Path("in", name))
    render_file = session.render_file

    def failing(setup: Any, path: Path, *rest: Any) -> Any:
        if path.name == "a.mid":
            raise ZeroDivisionError("made up")
        return render_file(setup, path, *rest)

    monkeypatch.setattr(session, "render_file", failing)
    ended = perf_render("in", "-o", "out")
    assert ended.status == 1 and "performed 2 of 3 files" in ended.output
    assert "a.mid" in ended.error and "ZeroDivisionError" in ended.error and ended.error.count("\n") == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["b.mid", "c.mid"]
