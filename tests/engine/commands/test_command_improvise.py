"""perf-render as an improviser: from nothing, from a take, and what it refuses."""

import shutil
from pathlib import Path

import pytest
from command_line import GYMNOPEDIE, Command, assert_refused, command
from synthetic_improviser import write_model

from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file, write_midi_file

PERFORMER = ("--performer", "performance-rnn", "--model", "model.onnx")


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    write_model(Path("model.onnx"))
    return command(app, "perf-render", capfd)


def onsets(path: str | Path) -> list[int]:
    return [event.time_ns for event in read_midi_file(path).events if is_note_on(event.message)]


def test_from_nothing(perf_render: Command) -> None:
    ended = perf_render("-o", "one.mid", "--seconds", 4, "--seed", 1, *PERFORMER)
    assert (ended.status, ended.output, ended.error) == (0, "improvised 4 s: one.mid\n", "")
    assert len(onsets("one.mid")) > 20 and 3.5e9 < max(onsets("one.mid")) <= 4e9
    perf_render("-o", "two.mid", "--seconds", 4, "--seed", 2, *PERFORMER)
    perf_render("-o", "again.mid", "--seconds", 4, "--seed", 1, "--performer", "performance-rnn", "--model", "model.onnx")
    assert Path("one.mid").read_bytes() == Path("again.mid").read_bytes() != Path("two.mid").read_bytes()


def test_from_a_take(perf_render: Command) -> None:
    ended = perf_render("--primer", GYMNOPEDIE, "-o", "out.mid", "--seconds", 5, *PERFORMER)
    assert (ended.status, ended.error) == (0, "")
    before, after = read_midi_file(GYMNOPEDIE), read_midi_file("out.mid")
    assert after.tempos == before.tempos
    end_ns = before.events[-1].time_ns
    assert [event for event in after.events if event.time_ns < end_ns] == [event for event in before.events if event.time_ns < end_ns]
    mine = [onset for onset in onsets("out.mid") if onset >= end_ns]
    assert len(mine) > 20 and end_ns + 4e9 < max(mine) <= end_ns + 5.1e9


def test_rendered_equals_live(perf_render: Command, capfd: pytest.CaptureFixture[str]) -> None:
    write_midi_file("take.mid", [Event(0, note_on(0, 60, 80)), Event(2 * 10**8, note_off(0, 60))])
    perf_render("--primer", "take.mid", "-o", "rendered.mid", "--seconds", 1, "--seed", 4, *PERFORMER)
    live = command(live_app, "perf-live", capfd)
    ended = live("--in", "take.mid", "--out", "live.mid", "--set", "seconds=1", "--set", "pause=0", "--seed", 4, *PERFORMER)
    assert ended.status == 0
    assert Path("rendered.mid").read_bytes() == Path("live.mid").read_bytes()


def test_a_rendered_duet_equals_a_live_one(perf_render: Command, capfd: pytest.CaptureFixture[str]) -> None:
    pressed_ns = [n * 2 * 10**8 for n in range(8)]
    notes = [(Event(at_ns, note_on(0, 60 + n, 80)), Event(at_ns + 10**8, note_off(0, 60 + n))) for n, at_ns in enumerate(pressed_ns)]
    write_midi_file("take.mid", [event for note in notes for event in note])
    duet = ("--set", "mode=duet", "--seed", 4, *PERFORMER)
    perf_render("take.mid", "-o", "rendered.mid", *duet)
    live = command(live_app, "perf-live", capfd)
    live("--in", "take.mid", "--out", "live.mid", *duet)
    assert len(onsets("rendered.mid")) > 20
    assert Path("rendered.mid").read_bytes() == Path("live.mid").read_bytes()
    live("--in", "take.mid", "--out", "short.mid", "--mode", "duet", "--seed", 4, "--model", "model.onnx")
    assert Path("rendered.mid").read_bytes() == Path("short.mid").read_bytes()
    wrong = live("--in", "take.mid", "--out", "x.mid", "--mode", "duet", "--performer", "velocity")
    assert_refused(wrong, 2, "does not improvise")


def test_overlapping_equal_pitches(perf_render: Command) -> None:
    overlapping = [(0, note_on(0, 60, 80)), (1, note_on(0, 60, 70)), (2, note_off(0, 60)), (3, note_off(0, 60)), (4, note_on(0, 64, 9))]
    write_midi_file("take.mid", [Event(time * 10**8, message) for time, message in overlapping])
    assert perf_render("--primer", "take.mid", "-o", "out.mid", "--seconds", 2, *PERFORMER).status == 0
    assert len(onsets("out.mid")) > 10


def test_refusals(perf_render: Command) -> None:
    write_midi_file("silent.mid", [Event(0, note_off(0, 60))])
    assert_refused(perf_render("-o", "out.mid"), 2, "give an INPUT to perform")
    assert_refused(perf_render("--primer", "silent.mid", "-o", "out.mid"), 2, "--seconds")
    assert_refused(perf_render("--primer", "silent.mid", "--seconds", 3, "-o", "out.mid", *PERFORMER), 1, "no note to go on from")
    assert_refused(perf_render("--primer", "none.mid", "--seconds", 3, "-o", "out.mid", *PERFORMER), 1, "none.mid")
    assert_refused(perf_render("--seconds", 3, "-o", "out.mid", "--no-repeats", *PERFORMER), 2, "--no-repeats: for scores")
    assert_refused(perf_render(GYMNOPEDIE, "--seconds", 3, "-o", "out.mid", *PERFORMER), 2, "give it as --primer")
    assert_refused(perf_render("--seconds", 3, "-o", "out.mid", "--performer", "velocity"), 2, "'velocity' does not improvise")
    assert_refused(perf_render("--seconds", 3, "--primer", "silent.mid", "-o", "silent.mid", *PERFORMER), 2, "over an input")
    assert not Path("out.mid").exists()


def test_improvisations_may_be_written_beside_their_primer_and_again(perf_render: Command) -> None:
    shutil.copy(GYMNOPEDIE, "take.mid")
    for _ in range(2):
        assert perf_render("--seconds", 1, "-o", ".", *PERFORMER).status == 0
        assert perf_render("--seconds", 1, "--takes", 2, "--primer", "take.mid", "-o", ".", *PERFORMER).status == 0
    assert sorted(path.name for path in Path().iterdir()) == ["improvisation.mid", "model.onnx", "take.mid", "take_0.mid", "take_1.mid"]
    assert Path("take.mid").read_bytes() == GYMNOPEDIE.read_bytes()
