"""Tracks, keyswitches, MPE zones and channel 10 through the commands: what is left alone goes out as it came, what is not is performed."""

from pathlib import Path

import pytest
from command_line import Command, assert_refused, command
from score_fixtures import attributes, direction, musicxml, note
from synthetic_dexter import write_models

from engine.commands.live import app as live_app
from engine.commands.render import app
from engine.midi.events import Event, channel_of, is_control_change, is_note_off, is_note_on, note_off, note_on, program_change
from engine.midi.file import read_midi_file, write_midi_file

DATA = Path(__file__).parents[2] / "data" / "midi"
KEYSWITCH, MPE, TRACKS = (DATA / f"{name}.mid" for name in ("keyswitch", "mpe", "tracks_ch1"))
SWITCHES = range(24, 27)  # of keyswitch.mid; its notes are above
LIVELY = ["--seed", 1, "--set", "temperature=2", "--set", "expression_timing=2"]  # notes are moved far


@pytest.fixture
def perf_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path / "models")
    return command(app, "perf-render", capfd)


def perform(perf_render: Command, source: Path, *options: object) -> list[Event]:
    ended = perf_render(source, "-o", "out.mid", *options)
    assert (ended.status, ended.error) == (0, "")
    return read_midi_file("out.mid").events


DEXTER = ["--performer", "dexter", "--model", "models", *LIVELY]
PERFORMERS = {"velocity": [], "velocity, ahead": ["--lookahead", 1], "dexter, ahead": [*DEXTER, "--lookahead", 2], "dexter": DEXTER}


def notes(events: list[Event]) -> list[Event]:
    return [event for event in events if is_note_on(event.message)]


def switched(events: list[Event]) -> list[tuple[int, int]]:
    """Return each note's key and the keyswitch that came last before it."""
    last, found = -1, []
    for event in notes(events):
        if event.message[1] in SWITCHES:
            last = event.message[1]
        else:
            found.append((event.message[1], last))
    return found


@pytest.mark.parametrize("performer", PERFORMERS)
def test_keyswitches_are_left_alone_and_stay_before_the_notes_that_they_switch(perf_render: Command, performer: str) -> None:
    written = read_midi_file(KEYSWITCH).events
    sent = perform(perf_render, KEYSWITCH, *PERFORMERS[performer], "--keyswitches", "C1-D1")
    assert switched(sent) == switched(written)
    own, before = ([event for event in notes(events) if event.message[1] in SWITCHES] for events in (sent, written))
    assert [event.message for event in own] == [event.message for event in before]
    performed = {event.message[2] for event in notes(sent) if event.message[1] not in SWITCHES}
    assert len(performed) > 1, "the other notes are performed"
    if performer != "dexter":  # whose time is its own
        assert [event.time_ns for event in own] == [event.time_ns for event in before]


def test_no_note_of_a_chord_sounds_before_what_stands_at_its_onset(perf_render: Command) -> None:
    """A keyswitch and a program change: a chord's notes are spread around the tempo curve, on which both stand."""
    events = []
    for beat in range(16):
        begin_ns = beat * 500_000_000
        events += [Event(begin_ns, note_on(0, 24 + beat % 3, 9)), Event(begin_ns, program_change(0, 40 + beat))]
        events += [Event(begin_ns, note_on(0, pitch + beat % 5, 64)) for pitch in (48, 55, 64, 72)]
        events += [Event(begin_ns + 400_000_000, note_off(0, pitch + beat % 5)) for pitch in (48, 55, 64, 72)]
        events += [Event(begin_ns + 450_000_000, note_off(0, 24 + beat % 3))]
    write_midi_file("chords.mid", events)
    sent = perform(perf_render, Path("chords.mid"), *DEXTER, "--keyswitches", "C1-D1")
    assert sorted(switched(sent)) == sorted(switched(events))
    program, programs = -1, []
    for event in sent:
        program = event.message[1] if event.message[0] == 0xC0 else program
        programs += [program] if is_note_on(event.message) and event.message[1] > 30 else []
    assert programs == [40 + beat for beat in range(16) for _ in range(4)]


def test_a_score_is_performed_as_it_would_be_without_its_keyswitches(perf_render: Command, tmp_path: Path) -> None:
    sent = perform(perf_render, KEYSWITCH, *DEXTER, "--keyswitches", "C-1-D1")
    timeline = read_midi_file(KEYSWITCH)
    kept = [event for event in timeline.events if event.message[1] not in SWITCHES]
    write_midi_file("without.mid", kept, timeline)
    without = perform(perf_render, tmp_path / "without.mid", *DEXTER)
    assert [event.message for event in notes(sent) if event.message[1] not in SWITCHES] == [event.message for event in notes(without)]


@pytest.mark.parametrize("performer", PERFORMERS)
def test_an_mpe_zone_is_one_instrument_whose_master_has_the_pedal(perf_render: Command, performer: str) -> None:
    written = read_midi_file(MPE).events
    sent = perform(perf_render, MPE, *PERFORMERS[performer], "--mpe")
    assert sorted(event.message[:2] for event in notes(sent)) == sorted(event.message[:2] for event in notes(written))
    of_ten = {event.message[2] for event in notes(sent) if channel_of(event.message) == 9}
    assert {event.message[2] for event in notes(written)} == {64} and of_ten != {64}, "channel 10 is performed"
    pedals = {channel_of(event.message) for event in sent if is_control_change(event.message) and event.message[1] == 64}
    assert pedals == ({0} if performer.startswith("dexter") else set())
    announced = [event.message.hex() for event in sent if is_control_change(event.message) and event.message[1] in (101, 100, 6)]
    assert announced == ["b06500", "b06406", "b0060f"]
    bends = [[event.message for event in events if event.message[0] & 0xF0 == 0xE0] for events in (sent, written)]
    assert bends[0] == bends[1]


def test_strings_of_a_zone_swell_on_its_master_and_on_channel_10_where_there_are_no_drums(perf_render: Command) -> None:
    """Dynamics within held tones go out as expression, controller 11, on the channel of the instrument."""
    timeline = read_midi_file(MPE)
    write_midi_file("strings.mid", [Event(0, program_change(0, 48)), *timeline.events], timeline)
    on_ten = [event._replace(message=bytes((event.message[0] & 0xF0 | 9, *event.message[1:]))) for event in timeline.events]
    write_midi_file("ten.mid", [Event(0, program_change(9, 48)), *on_ten], timeline)
    for name, option, channel in (("strings.mid", ["--mpe"], 0), ("ten.mid", ["--drums", "off"], 9)):
        sent = perform(perf_render, Path(name), *DEXTER, *option)
        assert {channel_of(event.message) for event in sent if is_control_change(event.message) and event.message[1] == 11} == {channel}
        assert not any(is_control_change(event.message) and event.message[1] == 64 for event in sent)


@pytest.mark.parametrize("performer", PERFORMERS)
@pytest.mark.parametrize(("option", "performed"), [(["--track", "piano"], {0}), (["--exclude-track", "Strings"], {0, 2})])
def test_tracks_of_one_channel_are_told_apart(perf_render: Command, performer: str, option: list[str], performed: set[int]) -> None:
    written = read_midi_file(TRACKS).events
    sent = perform(perf_render, TRACKS, *PERFORMERS[performer], *option)
    for track in range(3):
        own, before = ([event.message for event in notes(events) if event.track == track] for events in (sent, written))
        assert [message[:2] for message in own] == [message[:2] for message in before]
        assert (own == before) == (track not in performed)


@pytest.mark.parametrize("performer", PERFORMERS)
def test_channel_10_is_an_instrument_where_there_are_no_drums(perf_render: Command, performer: str) -> None:
    timeline = read_midi_file(KEYSWITCH)
    moved = [
        event._replace(message=bytes((event.message[0] & 0xF0 | 9, *event.message[1:]))) if event.message[0] < 0xF0 else event
        for event in timeline.events
    ]
    write_midi_file("ten.mid", moved, timeline)
    off = perform(perf_render, Path("ten.mid"), *PERFORMERS[performer], "--drums", "off")
    plain = perform(perf_render, KEYSWITCH, *PERFORMERS[performer])
    assert [event.message[1:] for event in notes(off)] == [event.message[1:] for event in notes(plain)]
    assert {channel_of(event.message) for event in notes(off)} == {9}


def test_a_part_of_a_notation_is_left_alone_by_name(perf_render: Command) -> None:
    forte = direction("<dynamics><f/></dynamics>")
    upper, lower = ([attributes() + forte + note("C", 8, octave) + note("E", 4, octave) + note("G", 4, octave)] * 4 for octave in (5, 3))
    text = musicxml(upper, lower).replace("<part-name>P<", "<part-name>Violin<", 1).replace("<part-name>P<", "<part-name>Cello<", 1)
    Path("duo.musicxml").write_text(text)
    sent = perform(perf_render, Path("duo.musicxml"), *DEXTER, "--exclude-track", "cello")
    ended = perf_render("duo.musicxml", "-o", "out.mid", *DEXTER, "--exclude-track", "celo")
    assert_refused(ended, 1, "--exclude-track 'celo'", "1 'Violin', 2 'Cello'", "did you mean 'Cello'?")
    cello = [event.message[2] for event in notes(sent) if event.track == 1]
    assert len(cello) == 12 and len(set(cello)) == 1, "as it is written"
    assert len({event.message[2] for event in notes(sent) if event.track == 0}) > 1
    assert sum(is_note_off(event.message) for event in sent) == 24


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--track", "Pinao"], ["--track 'Pinao'", "1 'Piano', 2 'Strings', 3 'Bass'", "did you mean 'Piano'?"]),
        (["--exclude-track", "4"], ["--exclude-track '4'", "allowed: 1 'Piano'"]),
        ([*DEXTER, "--keyswitches", "C-1-G9"], ["all of its 48 notes are left alone"]),
    ],
)
def test_what_cannot_be_left_alone_is_one_line(perf_render: Command, options: list[str], fragments: list[str]) -> None:
    assert_refused(perf_render(TRACKS, "-o", "out.mid", *options), 1, *fragments)
    assert not Path("out.mid").exists()


def test_a_port_has_no_tracks(capfd: pytest.CaptureFixture[str]) -> None:
    ended = command(live_app, "perf-live", capfd)("--in", "Keyboard", "--out", "out.mid", "--track", "Piano")
    assert_refused(ended, 2, "--track is for files, and a port has no tracks", "--exclude")
