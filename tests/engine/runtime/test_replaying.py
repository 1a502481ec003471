"""A take is played back within a run: as it was, beside what is played, until it ends or is told to."""

import time

import pytest
from command_line import ScaledPerformer
from engine_runs import MS, LookAheadPerformer
from viewed_runs import LIMIT_S, playing

from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import write_midi_file
from engine.systems import Kind

HOUR_NS = 3_600_000 * MS


@pytest.fixture
def long(tmp_path):
    """A note of an hour."""
    path = tmp_path / "long.mid"
    held = [Event(900 * MS, control_change(3, 64, 127)), Event(900 * MS, note_on(3, 70, 50))]
    write_midi_file(path, [*held, Event(HOUR_NS, note_off(3, 70)), Event(HOUR_NS, note_on(3, 71, 50))])
    return path


def ask_until(run, line, answer):
    """Ask again until the answer is so."""
    end_s = time.monotonic() + LIMIT_S
    while (answered := run.ask(line)) != answer:
        assert time.monotonic() < end_s, answered


def shown(run, condition):
    """Return the notes that went out until something is shown."""
    return [(note.channel, note.key, note.velocity) for each in run.look_until(condition) for note in each.notes_out]


class Holding(LookAheadPerformer):
    """Looks ahead, so that another thread sends."""

    plays = Kind.NOTES

    def perform(self, material, request, controls, seed, live):
        return self.create_stream(seed, controls)


@pytest.mark.parametrize("performer", [ScaledPerformer(), Holding()])
def test_the_last_take_is_played_back_as_it_was(performer, tmp_path):
    take = tmp_path / "take.mid"
    with playing(performer) as run:
        assert run.ask("replay") == "replay: no take was kept in this run; record one, or give a MIDI file"
        run.ask(f"record {take}")
        run.keyboard.play(note_on(5, 60, 90))
        shown(run, lambda snapshot: snapshot.counts.notes_out == 1)
        run.keyboard.play(note_off(5, 60))
        shown(run, lambda snapshot: any(not note.velocity for note in snapshot.notes_out))
        ask_until(run, "record off", f"kept {take}")
        assert run.ask("replay") == f"plays {take} back"
        assert shown(run, lambda snapshot: snapshot.replaying == str(take)) == []
        assert shown(run, lambda snapshot: snapshot.replaying is None) == [(5, 60, 90), (5, 60, 0)]


def test_what_is_played_back_ends_when_it_is_told_and_nothing_else_does(long):
    with playing(ScaledPerformer()) as run:
        run.keyboard.play(note_on(3, 72, 40))
        assert run.ask(f"replay {long}") == f"plays {long} back"
        sounding = shown(run, lambda snapshot: snapshot.counts.notes_out == 2 and snapshot.pedal_out)
        assert sorted(sounding) == [(3, 70, 50), (3, 72, 40)]
        assert run.ask("status").endswith(f"; plays {long} back")
        assert run.ask("replay off") == f"{long} ends"
        assert shown(run, lambda snapshot: not snapshot.pedal_out and snapshot.replaying is None) == [(3, 70, 0)]
        assert run.ask("replay off") == "nothing is played back"


def test_panic_ends_what_is_played_back(long):
    with playing(ScaledPerformer()) as run:
        run.ask(f"replay {long}")
        shown(run, lambda snapshot: snapshot.counts.notes_out == 1)
        assert run.ask("panic") == "silent"
        assert shown(run, lambda snapshot: snapshot.replaying is None) == [(3, 70, 0)]


def test_what_cannot_be_played_back_is_told_in_one_line(tmp_path):
    (tmp_path / "empty.mid").write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0")
    (tmp_path / "broken.mid").write_bytes(b"nothing")
    with playing(ScaledPerformer()) as run:
        wrong = {"none.mid": "No such file", "x.wav": "a take is a MIDI file", "empty.mid": "nothing that sounds", "broken.mid": ""}
        for name, told in wrong.items():
            answer = run.ask(f"replay {tmp_path / name}")
            assert told in answer and name in answer and "\n" not in answer
        assert run.look_until(lambda snapshot: True)[-1].replaying is None
