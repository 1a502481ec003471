"""The picture's numbers, and that a picture comes out whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from engine.base.errors import PerfLiveError
from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.note_table import note_array, pedal_array
from engine.output.take_picture import PictureSink, smooth_velocity

SECOND_NS = 1_000_000_000


def melody(velocities: list[int]) -> list[Event]:
    events = []
    for number, velocity in enumerate(velocities):
        events.append(Event(number * SECOND_NS, note_on(0, 60 + number, velocity)))
        events.append(Event((number + 1) * SECOND_NS, note_off(0, 60 + number)))
    return events


def test_notes_pair_with_their_releases() -> None:
    events = [
        Event(0, note_on(0, 60, 50)),
        Event(SECOND_NS, note_on(1, 60, 70)),
        Event(2 * SECOND_NS, note_on(0, 60, 0)),
        Event(3 * SECOND_NS, note_off(1, 60)),
    ]
    notes = note_array(events)
    assert notes["onset_sec"].tolist() == [0, 1]
    assert notes["duration_sec"].tolist() == [2, 2]
    assert notes["velocity"].tolist() == [50, 70]


def test_drums_and_system_messages_are_no_notes_and_an_open_note_lasts_to_the_end() -> None:
    events = [Event(0, note_on(9, 36, 90)), Event(0, b"\xf8"), Event(0, note_on(0, 64, 90)), Event(SECOND_NS, control_change(0, 64, 127))]
    notes = note_array(events)
    assert notes["pitch"].tolist() == [64]
    assert notes["duration_sec"].tolist() == [1]
    assert pedal_array(events).tolist() == [[1, 127]]


def test_smoothing_keeps_a_constant_and_leaves_gaps_open() -> None:
    notes = note_array(melody([64] * 5) + [event._replace(time_ns=event.time_ns + 1000 * SECOND_NS) for event in melody([64] * 5)])
    _, means = smooth_velocity(notes, 1005)
    there = means[~np.isnan(means)]
    assert np.allclose(there, 64)
    assert np.isnan(means).sum() > 100


def test_png_is_written_at_close(tmp_path: Path) -> None:
    path = tmp_path / "take.png"
    sink = PictureSink(path, melody([64, 64, 64]), "a title")
    sink.start(5 * SECOND_NS)
    for event in melody([30, 60, 90]):
        sink.send(event._replace(time_ns=event.time_ns + 5 * SECOND_NS))
    assert not path.exists()
    sink.close()
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.png"]


def test_a_file_without_notes_still_has_a_picture(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "empty.png", [], "empty")
    sink.start(0)
    sink.close()
    assert (tmp_path / "empty.png").exists()


def test_abandoned_and_unwritable_pictures_leave_nothing(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "take.png", [], "a title")
    sink.abort()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PerfLiveError, match="there is no folder"):
        PictureSink(tmp_path / "missing" / "take.png", [], "a title")
