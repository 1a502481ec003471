"""What viewers of a run are shown, of real runs in real time."""

import json
import subprocess
import sys

import pytest
from command_line import ScaledPerformer
from engine_runs import MS
from viewed_runs import LIMIT_S, playing

from engine.base.saying import say
from engine.midi.events import Event, control_change, note_off, note_on
from engine.output.viewing.channel import KEPT
from engine.output.viewing.snapshot import as_dict
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.setup import Setup


def test_notes_are_shown_as_they_came_and_as_they_went_out_once_to_each_viewer():
    with playing(ScaledPerformer()) as run:
        other = run.channel.viewer(since=0)
        run.ask("gain 2")
        run.keyboard.play(note_on(2, 60, 20), control_change(2, 64, 90), note_off(2, 60), note_on(3, 61, 30))
        seen = run.look_until(lambda shown: shown.counts.notes_out == 2)
        came = [note for shown in seen for note in shown.notes_in]
        assert [(note.channel, note.key, note.velocity) for note in came] == [(2, 60, 20), (2, 60, 0), (3, 61, 30)]
        out = [note for shown in seen for note in shown.notes_out]
        assert [(note.channel, note.key, note.velocity) for note in out] == [(2, 60, 40), (2, 60, 0), (3, 61, 60)]
        assert all(note.late_ns > 0 for note in out)
        assert (seen[-1].pedal_in, seen[-1].pedal_out, seen[-1].controls["gain"]) == (90, 90, 2.0)
        assert seen[-1].counts.notes_in == 2 and seen[-1].counts.events_in == 4
        run.keyboard.play(note_on(0, 1, 1))
        run.look_until(lambda shown: shown.counts.notes_out == 3)
        late = other.look()
        assert len(late.notes_in) == 4 and late.complete and late.sequence >= seen[-1].sequence


def test_a_viewer_who_was_away_for_too_long_is_told_so(monkeypatch):
    monkeypatch.setattr("engine.output.viewing.channel.INTERVAL_S", 1e-4)
    with playing() as run:
        sleeper = run.channel.viewer()
        run.look_until(lambda shown: shown.sequence > KEPT + 100)
        shown = sleeper.look()
        assert not shown.complete
        assert sleeper.look(LIMIT_S).complete


def test_lines_for_whoever_watches_and_the_end_are_shown():
    with playing() as run:
        say("a port is gone")
        assert run.look_until(lambda shown: shown.said)[-1].said == ("a port is gone",)
        run.keyboard.play(note_on(0, 60, 1))
        run.look_until(lambda shown: shown.counts.notes_in == 1)
        viewer = run.viewer
        assert not run.channel.over
    assert run.channel.over
    while viewer.look(LIMIT_S):
        pass


def test_what_seldom_changes_is_described_anew_when_it_has():
    with playing(ScaledPerformer(), seed=7) as run:
        first = run.channel.description
        assert (first.number, first.performer, first.plays, first.seed, first.source, first.outputs) == (
            1, "scaled", "notes", 7, "Keyboard", ("Module",),
        )  # fmt: skip
        gain = {control.name: control for control in first.controls}["gain"]
        assert (gain.minimum, gain.maximum, gain.unit, gain.controllers) == (0, 2, "x", ())
        assert "panic" in [command.usage for command in first.commands]
        run.ask("learn gain")
        run.keyboard.play(control_change(0, 21, 64))
        shown = run.look_until(lambda shown: shown.description > first.number)[-1]
        again = run.channel.description
        assert again.number == shown.description
        assert {control.name: control.controllers for control in again.controls}["gain"] == (21,)
        run.session.rig.let_exchange(lambda name, lookahead_s: Setup(PassthroughPerformer()))
        run.ask("performer passthrough")
        shown = run.look_until(lambda shown: run.channel.description.performer == "passthrough")[-1]
        assert shown.controls == {}


def test_mute_and_recordings_are_shown(tmp_path):
    with playing() as run:
        run.ask("mute on")
        run.ask(f"record {tmp_path / 'take.mid'}")
        shown = run.look_until(lambda shown: shown.muted and shown.recording)[-1]
        assert shown.recording == str(tmp_path / "take.mid")
        run.ask("record off")
        assert run.look_until(lambda shown: not shown.recording)


def test_the_beat_that_another_program_sends_is_shown():
    with playing() as run:
        now_ns = run.session.rig.engine.now_ns()
        for clock in range(-96, 1):
            run.session.rig.engine.heard.put(now_ns, Event(now_ns + clock * 500 * MS // 24, b"\xf8"))
        beat = run.look_until(lambda shown: shown.beat)[-1].beat
        assert beat.quarters_per_minute == pytest.approx(120, rel=0.01) and beat.quarter is None


def test_a_snapshot_and_a_description_are_written_as_json():
    with playing(ScaledPerformer()) as run:
        run.keyboard.play(note_on(2, 60, 20))
        shown = run.look_until(lambda shown: shown.notes_out)[-1]
        written = as_dict(shown)
        assert written == json.loads(shown.as_json())
        assert written["notes_out"][0]["key"] == 60 and written["counts"]["notes_in"] == 1 and written["place"] is None
        assert as_dict(run.channel.description)["controls"][0]["name"] == "gain"


KEEPS_TUPLES = """
import sys
from engine.output.viewing.channel import _joined
for number in range(20_000):
    _joined([(0.5,) * (number % 19), (1.5,)])
sys._debugmallocstats()
"""


@pytest.mark.skipif(sys.implementation.name != "cpython" or sys.version_info >= (3, 14), reason="asks CPython how many tuples it keeps")
def test_looking_on_for_long_leaves_no_tuples_behind():
    said = subprocess.run([sys.executable, "-c", KEEPS_TUPLES], capture_output=True, text=True, check=True).stderr
    kept = [int(line.split()[0]) for line in said.splitlines() if "-sized PyTupleObjects" in line]
    assert len(kept) > 10 and sum(kept) < 2_000
