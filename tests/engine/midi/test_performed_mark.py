"""What a file says of its having been performed."""

from importlib.metadata import version

import mido
import pytest

from engine.midi.events import Event, note_off, note_on
from engine.midi.file import MidiTimeline, read_midi_file, write_midi_file
from engine.midi.performed_mark import find_marks, mark, performed_mark
from engine.runtime.recorder import Recorder

NOTE = [Event(0, note_on(0, 60, 64)), Event(10**9, note_off(0, 60))]
TOLD = f"performed by perf-live {version('perf-live')}, velocity (seed 7)"


@pytest.mark.parametrize("how", ["written", "recorded", "empty"])
def test_a_text_event_says_so_as_others_read_it(how, tmp_path):
    path, text = tmp_path / "take.mid", performed_mark("velocity", 7)
    if how == "written":
        write_midi_file(path, NOTE, mark(MidiTimeline(), text))
    else:
        recorder = Recorder(path, mark=text)
        recorder.start(0)
        for event in NOTE if how == "recorded" else []:
            recorder.send(event)
        recorder.close()
    first, *others = mido.MidiFile(path).tracks[0]
    assert (first.type, first.text, first.time) == ("text", TOLD, 0)
    assert [message.type for message in others if not message.is_meta] == (["note_on", "note_off"] if how != "empty" else [])
    assert find_marks(read_midi_file(path)) == [TOLD]


def test_a_take_that_is_performed_again_says_both_and_keeps_its_name(tmp_path):
    path = tmp_path / "take.mid"
    named = mido.MidiFile()
    named.tracks.append(mido.MidiTrack([mido.MetaMessage("track_name", name="Piano"), mido.MetaMessage("text", text="a note of mine")]))
    named.save(path)
    for performer in ("velocity", "dexter"):
        timeline = read_midi_file(path)
        write_midi_file(path, timeline.events, mark(timeline, performed_mark(performer, 7)))
    assert [message.type for message in mido.MidiFile(path).tracks[0]] == ["track_name", "text", "text", "text", "end_of_track"]
    assert find_marks(read_midi_file(path)) == [TOLD, TOLD.replace("velocity", "dexter")]


def test_nothing_is_said_of_what_nobody_performed(tmp_path):
    write_midi_file(tmp_path / "a.mid", NOTE)
    write_midi_file(tmp_path / "b.mid", NOTE, mark(MidiTimeline(), ""))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    assert find_marks(read_midi_file(tmp_path / "a.mid")) == []


def test_a_file_without_tracks_has_no_place_for_it():
    assert mark(MidiTimeline(tracks=()), TOLD) == MidiTimeline(tracks=())
