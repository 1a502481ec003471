"""perf-render as an improviser of several takes, of likely ones, and without their primer."""

import os
from pathlib import Path

import pytest
from command_line import Command, assert_refused, command
from synthetic_dexter import write_models
from synthetic_improviser import write_model

from engine.commands.render import app
from engine.midi.events import Event, control_change, is_note_off, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file, write_midi_file

PERFORMER = ("--performer", "performance-rnn", "--model", "model.onnx")
MS = 1_000_000
PRIMER = [
    Event(0, bytes((0xC0, 5))),
    Event(0, control_change(0, 64, 127)),
    *(Event(n * 100 * MS, note_on(0, 60 + n, 70)) for n in range(6)),
    Event(600 * MS, bytes((0xC0, 7))),
    *(Event(700 * MS, note_off(0, 60 + n)) for n in range(6)),
    Event(1337 * MS, control_change(0, 64, 90)),
]


@pytest.fixture
def perf_render(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    write_model(Path("model.onnx"))
    write_midi_file("take.mid", PRIMER)
    return command(app, "perf-render", capfd)


def assert_whole(path: str) -> None:
    """Every note that begins ends once."""
    sounding: dict[int, int] = {}
    for event in read_midi_file(path).events:
        pitch = event.message[1] if len(event.message) > 1 else 0
        sounding[pitch] = sounding.get(pitch, 0) + is_note_on(event.message) - is_note_off(event.message)
    assert set(sounding.values()) == {0}


@pytest.mark.parametrize("primer", [(), ("--primer", "take.mid")])
def test_takes_are_those_of_their_seeds(perf_render: Command, primer: tuple[str, ...]) -> None:
    controls = ("--set", "temperature=1.2", "--set", "top_p=0.9", "--set", "velocity=9", *primer, *PERFORMER)
    ended = perf_render("--seconds", 3, "--seed", 10, "--takes", 3, "-o", "takes", *controls)
    assert (ended.status, ended.output, ended.error) == (0, "improvised 3 takes of 3 s: takes\n", "")
    stem = "take" if primer else "improvisation"
    assert sorted(os.listdir("takes")) == [f"{stem}_{seed}.mid" for seed in (10, 11, 12)]
    takes = []
    for seed in (10, 11, 12):
        perf_render("--seconds", 3, "--seed", seed, "-o", "alone.mid", *controls)
        takes.append(Path(f"takes/{stem}_{seed}.mid").read_bytes())
        assert takes[-1] == Path("alone.mid").read_bytes()
    assert len(set(takes)) == 3


def test_takes_of_every_kind(perf_render: Command) -> None:
    kinds = ("--to", "png", "--to", "mid")
    assert perf_render("--seconds", 1, "--takes", 2, "--primer", "take.mid", "-o", "takes", *kinds, *PERFORMER).status == 0
    assert sorted(os.listdir("takes")) == ["take_0.mid", "take_0.png", "take_1.mid", "take_1.png"]
    assert perf_render("--seconds", 1, "--primer", "take.mid", "-o", "one", "--to", "png", *PERFORMER).status == 0
    assert os.listdir("one") == ["take.png"]


def test_without_its_primer_a_take_begins_at_once(perf_render: Command) -> None:
    said = ("--primer", "take.mid", "--seconds", 3, "--seed", 4, *PERFORMER)
    perf_render("-o", "with.mid", *said)
    assert perf_render("-o", "without.mid", "--without-primer", *said).status == 0
    whole, alone = (read_midi_file(path).events for path in ("with.mid", "without.mid"))
    begin_ns = 1337 * MS
    assert [event.message for event in alone[:2]] == [bytes((0xC0, 7)), control_change(0, 64, 90)] and alone[1].time_ns == 0
    improvised = [event for event in whole if event.time_ns > begin_ns]
    assert improvised and [event.message for event in alone[2:]] == [event.message for event in improvised]
    assert all(abs(one.time_ns + begin_ns - other.time_ns) < 2 * MS for one, other in zip(alone[2:], improvised, strict=True))
    assert max(event.time_ns for event in alone) <= 3001 * MS
    assert_whole("without.mid")


def test_likely_takes(perf_render: Command) -> None:
    said = ("--primer", "take.mid", "--seconds", 3, "--seed", 4, *PERFORMER)
    perf_render("-o", "sampled.mid", *said)
    for name in ("one.mid", "again.mid"):
        assert perf_render("-o", name, "--beam", 2, *said).status == 0
    assert perf_render("-o", "takes", "--beam", 2, "--takes", 2, *said).status == 0
    one, again, sampled, two, other = (
        Path(path).read_bytes() for path in ("one.mid", "again.mid", "sampled.mid", "takes/take_4.mid", "takes/take_5.mid")
    )
    assert one == again == two and len({one, sampled, other}) == 3
    assert_whole("one.mid")


def test_overlapping_equal_pitches_leave_nothing_sounding(perf_render: Command) -> None:
    overlapping = [(0, note_on(0, 60, 80)), (1, note_on(0, 60, 70)), (2, note_off(0, 60)), (3, note_on(0, 60, 60)), (4, note_off(0, 60))]
    overlapping += [(4, note_off(0, 60)), (5, note_on(0, 64, 9)), (6, note_on(0, 64, 90))]  # and two that never end
    write_midi_file("take.mid", [Event(time * 10**8, message) for time, message in overlapping])
    for name, said in (("with.mid", ()), ("without.mid", ("--without-primer",))):
        assert perf_render("--primer", "take.mid", "-o", name, "--seconds", 4, *said, *PERFORMER).status == 0
        assert_whole(name)


def test_a_long_primer_is_heard_once_for_all_takes(perf_render: Command) -> None:
    notes = [(n * 50 * MS, n * 50 * MS + 40 * MS, 40 + n % 50) for n in range(3000)]
    write_midi_file("take.mid", [event for on, off, p in notes for event in (Event(on, note_on(0, p, 70)), Event(off, note_off(0, p)))])
    assert perf_render("--primer", "take.mid", "-o", "takes", "--seconds", 1, "--takes", 3, *PERFORMER).status == 0
    assert perf_render("--primer", "take.mid", "-o", "alone.mid", "--seconds", 1, "--seed", 2, *PERFORMER).status == 0
    assert Path("takes/take_2.mid").read_bytes() == Path("alone.mid").read_bytes()


def test_refusals(perf_render: Command) -> None:
    said = ("--seconds", 1, *PERFORMER)
    assert_refused(perf_render("-o", "out.mid", "--takes", 2, *said), 2, "'out.mid' is one file, and there are 2 takes; give a folder")
    assert_refused(perf_render("take.mid", "-o", "out.mid", "--beam", 2), 2, "does not hear --beam", "--performer performance-rnn")
    assert_refused(perf_render("take.mid", "-o", "out.mid", "--without-primer"), 2, "does not hear --without-primer")
    assert_refused(perf_render("take.mid", "-o", "out.mid", "--beam", 2, *PERFORMER), 2, "give --seconds")
    assert_refused(perf_render("-o", "out.mid", "--without-primer", *said), 2, "there is no --primer")
    duet = ("--primer", "take.mid", "--set", "mode=duet", *said)
    for asked in (("-o", "out", "--takes", 2), ("-o", "out.mid", "--beam", 2), ("-o", "out.mid", "--without-primer")):
        assert_refused(perf_render(*asked, *duet), 2, "leave the controls mode and pause alone")
    assert not Path("out.mid").exists() and not Path("out").exists()


@pytest.mark.parametrize("options", [("--set", "temperature=1"), ("--performer", "dexter", "--model", "models")])
def test_every_performer_has_takes_of_several_seeds(perf_render: Command, options: tuple[str, ...]) -> None:
    write_models(Path("models"))
    ended = perf_render("take.mid", "-o", "takes", "--seed", 4, "--takes", 3, *options)
    assert (ended.status, ended.output, ended.error) == (0, "performed 3 of 3 takes, 18 notes: takes\n", "")
    assert sorted(os.listdir("takes")) == ["take_4.mid", "take_5.mid", "take_6.mid"]
    perf_render("take.mid", "-o", "alone.mid", "--seed", 5, *options)
    assert Path("takes/take_5.mid").read_bytes() == Path("alone.mid").read_bytes() != Path("takes/take_6.mid").read_bytes()
    assert_refused(perf_render("take.mid", "-o", "one.mid", "--takes", 2, *options), 2, "'one.mid' is one file", "2 takes; give a folder")
