"""perf-bench duo: what its soloist plays, and that what goes wrong is counted. No time is tested."""

import json
from collections import Counter

import pytest
from duos import LULLABY, VELOCITY, lullaby, sung

from engine.base.command_line import run
from engine.base.errors import PerfLiveError, UsageError
from engine.bench.reliability.accompanying import duo
from engine.bench.reliability.accompanying.soloist import CHANNEL, Stroke, play_solo, take_of_file
from engine.commands.bench import app
from engine.midi.events import channel_of, is_note_off, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline, Track
from engine.output.file_sinks import TakeMaterial

TAKE = [Stroke(index * 200_000_000, index * 200_000_000 + 250_000_000, 40 + index % 50, 64) for index in range(400)]
S = 1_000_000_000


def messages(playing):
    return [message for slot in playing.slots for message in slot.together]


def test_the_soloist_makes_as_many_errors_as_is_said_and_releases_every_key():
    playing = play_solo([TAKE], 1800, 1)
    begun = [message for message in messages(playing) if is_note_on(message)]
    held: Counter[int] = Counter()
    for message in messages(playing):
        held[message[1]] += is_note_on(message) - is_note_off(message)
        assert channel_of(message) == CHANNEL and 0 <= held[message[1]] <= 1
    assert not any(held.values())
    right = sum(second[1] - first[1] in (1, -49) for first, second in zip(begun, begun[1:], strict=False))
    assert right / len(begun) == pytest.approx(0.95**2 * 0.95**2 * 0.95, abs=0.05)  # a stroke and the next one, and nothing between
    assert playing.leaps > 20 and playing.halts > 10
    assert sum(slot.duration_ns for slot in playing.slots) == pytest.approx(1800 * S, rel=0.1)
    assert play_solo([TAKE], 60, 1).slots == play_solo([TAKE], 60, 1).slots != play_solo([TAKE], 60, 2).slots


def test_a_key_that_is_struck_twice_at_once_is_struck_once():
    playing = play_solo([[Stroke(0, S, 60, 64), Stroke(10_000_000, S, 60, 64), Stroke(S // 2, 2 * S, 60, 64)]], 10, 3)
    kinds = [is_note_on(message) for message in messages(playing)]
    assert all(first != second for first, second in zip(kinds, kinds[1:], strict=False)) or {m[1] for m in messages(playing)} != {60}


@pytest.fixture
def voice(tmp_path):
    """The file of a singer's notes."""
    piece, path = lullaby(), tmp_path / "voice.mid"
    events = sung(piece, piece.tracks == 0, pace=0.5)
    sink = TakeMaterial(MidiTimeline(events, (Track((), 0),))).midi_sink(path)
    sink.start(0)
    for event in events:
        sink.send(event)
    sink.close()
    return path


def test_a_take_is_read_from_a_file(voice, tmp_path):
    piece, take = lullaby(), take_of_file(voice)
    assert sorted(stroke.pitch for stroke in take) == sorted(piece.score.notes["pitch"][piece.tracks == 0].tolist())
    assert {stroke.velocity for stroke in take} == {VELOCITY}
    with pytest.raises(UsageError, match="the score has no such part; allowed: Voice, Piano"):
        duo._takes(LULLABY, "Oboe", [])
    empty = tmp_path / "empty.mid"
    TakeMaterial(MidiTimeline([], (Track((), 0),))).midi_sink(empty).close()
    with pytest.raises(PerfLiveError):
        take_of_file(empty)


def test_what_is_stuck_is_counted_and_what_the_soloist_plays_is_not():
    own = (0, note_on(CHANNEL, 60, 64))
    ended = [(S, note_on(1, 50, 64)), (3 * S, note_off(1, 50))]
    stuck = [*ended, (4 * S, note_on(1, 52, 64)), own]
    released = [*stuck, (9 * S, note_off(1, 52))]
    found = duo._accompanied(stuck, released)
    assert (found.notes, found.stuck_notes, found.sounding_at_end, found.longest_note_s) == (2, 1, 0, 5.0)
    assert duo._accompanied(stuck, stuck).sounding_at_end == 1
    assert duo._accompanied(ended, ended).longest_silence_s == 0


def test_late_is_what_is_more_than_ten_milliseconds_late():
    told = json.dumps([[0, 1_000_000], [0, 9_999_999], [0, 10_000_001]])
    assert (duo._lateness(told).events, duo._lateness(told).late) == (3, 1)


@pytest.mark.jack
def test_a_soloist_is_accompanied_and_nothing_is_lost_or_stuck(jack_server, voice, capfd):
    assert run(app, "perf-bench", ["duo", "--seconds", "12", "--take", str(voice), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    for name in ("duo", "passthrough"):
        assert report[name]["sent"] == report[name]["received"] > 20
        assert {report[name][count] for count in ("lost", "changed", "extra", "out_of_order", "stuck_notes")} == {0}
    assert report["accompanied"]["notes"] > 20
    assert (report["accompanied"]["stuck_notes"], report["accompanied"]["sounding_at_end"]) == (0, 0)
    assert report["lateness"]["duo"]["events"] >= report["accompanied"]["notes"] + report["duo"]["sent"]
