"""Ghost notes and flams: asked for, likeliest first, soft, and with note-offs that harm nobody."""

import numpy as np
import pytest
from command_line import command
from drum_tracks import HAT, KICK, SNARE, notes_of, pattern, write_song

import engine
from engine.commands import live, render
from engine.midi.events import Event, is_note_off, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file
from engine.performers.drums.insertion import NewStroke, insert_strokes

STILL = {"timing": 0, "temperature": 0, "style": "jazz"}
BEAT = [each for each in pattern(16) if each[1] in (KICK, SNARE, HAT)]
SOLO = [(4 * bar + quarter, SNARE) for bar in range(16) for quarter in (0, 1, 2, 2.5, 3, 3.5)]  # on which drummers play flams


def inserted(messages, strokes):
    """Insert strokes among messages, (time, message); return the same of all, and where old and new ones are."""
    found = insert_strokes([Event(0, message) for _, message in messages], np.array([time for time, _ in messages], float), strokes)
    pairs = list(zip(found.places.tolist(), [event.message for event in found.events], strict=True))
    return pairs, found.moved_to.tolist(), found.begun.tolist()


def test_a_new_stroke_ends_before_the_next_of_its_key():
    track = [(0, note_on(9, SNARE, 90)), (10, note_off(9, SNARE)), (50, note_on(9, SNARE, 90)), (60, note_off(9, SNARE))]
    pairs, old, new = inserted(track, [NewStroke(45, 0, 20, 30)])
    assert pairs == [*track[:2], (45, note_on(9, SNARE, 20)), (50, note_off(9, SNARE)), *track[2:]]
    assert (old, new) == ([0, 1, 4, 5], [2])


def test_a_stroke_that_sounds_ends_where_a_new_one_begins():
    track = [(0, note_on(9, SNARE, 90)), (40, note_on(9, HAT, 70)), (100, note_off(9, SNARE)), (100, note_off(9, HAT))]
    pairs, _, new = inserted(track, [NewStroke(20, 0, 20, 5), NewStroke(40, 0, 30, 5)])
    on, off = (lambda velocity: note_on(9, SNARE, velocity)), note_off(9, SNARE)
    hat = [(40, note_on(9, HAT, 70)), (100, note_off(9, HAT))]
    assert pairs == [(0, on(90)), (20, off), (20, on(20)), (25, off), hat[0], (40, on(30)), (45, off), hat[1]]
    assert new == [2, 5]


def snares(path):
    return [(time, velocity) for time, key, velocity in notes_of(path) if key == SNARE]


def added(tmp_path, name, beat=BEAT, **controls):
    """Perform a beat; return the snare's written places, and what is played elsewhere."""
    song = write_song(tmp_path / "song.mid", beat, piano=False)
    engine.render(song, tmp_path / f"{name}.mid", "drums", controls=STILL | controls)
    written = [time for time, _ in snares(song)]
    return written, [each for each in snares(tmp_path / f"{name}.mid") if each[0] not in written]


def test_ghost_notes_are_soft_on_sixteenths_and_more_of_them_keep_those_there_are(tmp_path):
    written, many = added(tmp_path, "many", ghosts=1)
    loud = [velocity for time, velocity in snares(tmp_path / "many.mid") if time in written]
    assert len(loud) == len(written) and many and max(velocity for _, velocity in many) <= 0.4 * max(loud)
    assert all((time * 8) % 1 == 0 for time, _ in many)  # of 120 quarters a minute
    _, few = added(tmp_path, "few", ghosts=0.4)
    assert few and {time for time, _ in few} < {time for time, _ in many}
    assert added(tmp_path, "none")[1] == []


def test_grace_strokes_are_softer_and_right_before_their_main_one(tmp_path):
    written, graces = added(tmp_path, "flams", SOLO, flams=1)
    assert len(graces) > 20
    played = dict(snares(tmp_path / "flams.mid"))
    for time, velocity in graces:
        main = min(each for each in written if each > time)
        assert 0.01 < main - time < 0.045 and velocity < played[main]
    other = added(tmp_path, "timed", SOLO, flams=1, timing=1)[1]
    assert len(other) > len(graces)  # the main ones have left their places too


@pytest.mark.parametrize("controls", [{"ghosts": 1, "timing": 1, "temperature": 1}, {"ghosts": 1, "flams": 1, "timing": 2}])
def test_each_stroke_has_an_end_and_nothing_else_is_changed(tmp_path, controls):
    song = write_song(tmp_path / "song.mid", [*BEAT, *[(quarter + 1.3, KICK) for quarter in range(8)]], piano=False)
    engine.render(song, tmp_path / "out.mid", "drums", controls=STILL | controls)
    down, events = set(), read_midi_file(tmp_path / "out.mid").events
    for event in events:
        key = event.message[1]
        assert (key in down) == is_note_off(event.message) and (key in down) != is_note_on(event.message)
        down ^= {key}
    assert not down and len(events) > len(read_midi_file(song).events)
    keys = sorted(key for _, key, _ in notes_of(tmp_path / "out.mid") if key != SNARE)
    assert keys == sorted(key for _, key, _ in notes_of(song) if key != SNARE)


def test_live_adds_what_render_adds(tmp_path, capfd):
    song = write_song(tmp_path / "song.mid", BEAT)
    options = ("--drums", "perform", "--set", "drums.ghosts=1", "--set", "drums.flams=1", "--set", "drums.style=jazz")
    assert command(render.app, "perf-render", capfd)(song, "-o", tmp_path / "render.mid", *options).status == 0
    assert command(live.app, "perf-live", capfd)("--in", song, "--out", tmp_path / "live.mid", *options).status == 0
    assert (tmp_path / "render.mid").read_bytes() == (tmp_path / "live.mid").read_bytes()
    assert len(snares(tmp_path / "render.mid")) > len(snares(song))


def test_a_score_has_ghost_notes_too_and_a_kit_without_a_snare_has_none(tmp_path):
    song = write_song(tmp_path / "song.mid", BEAT)
    controls = {f"drums.{name}": value for name, value in (STILL | {"ghosts": 1}).items()}
    engine.render(song, tmp_path / "score.mid", "dexter", drums="perform", controls=controls)
    assert len(snares(tmp_path / "score.mid")) > len(snares(song))
    hats = write_song(tmp_path / "hats.mid", [each for each in BEAT if each[1] == HAT], piano=False)
    engine.render(hats, tmp_path / "out.mid", "drums", controls={"ghosts": 1, "flams": 1})
    assert [key for _, key, _ in notes_of(tmp_path / "out.mid")] == [HAT] * len(notes_of(hats))
