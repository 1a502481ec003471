"""Swing, tremolos and drums while they are played."""

from pathlib import Path

import pytest
import synthetic_dexter
import synthetic_score_performer
from score_playing import assert_all_released, notes_of, play

from engine.midi.events import is_note_off, is_note_on
from engine.performers.registry import load_performer
from engine.score.piece import read_piece
from engine.systems import Kind, find_system, performers

SCORES = Path(__file__).parents[3] / "data" / "scores"
MODELS = {"dexter": synthetic_dexter, "score-performer": synthetic_score_performer}


@pytest.fixture(scope="module", params=performers(Kind.SCORES))
def performer(request, tmp_path_factory):
    return load_performer(request.param, MODELS[request.param].write_models(tmp_path_factory.mktemp("models")))


def played(performer, path):
    """Return what is played of a score as it is written: no expression."""
    piece = read_piece(path)
    return play(performer.perform(piece, find_system(performer.name).request(), {"expression": 0}, 0, False))


def test_eighths_swing_and_the_first_of_each_pair_lasts_longer(performer):
    """At 120 a pair takes half a second: two thirds and one third of it."""
    events = played(performer, SCORES / "swing.musicxml")
    onsets = [onset for onset, _, _ in notes_of(events)]
    assert onsets == pytest.approx([0, 1 / 3, 1 / 2, 5 / 6, 1, 4 / 3, 3 / 2, 11 / 6], abs=1e-6)
    ends = [event.time_ns / 1e9 for event in events if is_note_off(event.message)]
    assert ends[0] == pytest.approx(1 / 3, abs=1e-6)
    assert_all_released(events)


def test_two_notes_of_a_tremolo_alternate_equally_loud(performer):
    notes = notes_of(played(performer, SCORES / "tremolo_two_notes.musicxml"))
    assert [pitch for _, pitch, _ in notes] == [72, 76] * 16
    assert [onset for onset, _, _ in notes] == pytest.approx([step * 0.075 for step in range(32)], abs=1e-6)  # at 100
    assert len({velocity for _, _, velocity in notes}) == 1


def test_drums_alone_are_played_in_the_written_tempo(performer, tmp_path):
    text = (SCORES / "melody_and_drums.musicxml").read_text(encoding="utf-8")
    start, end = text.index('<part id="P1">'), text.index("</part>") + len("</part>")
    tune = text[start:end]
    drums = (text[:start] + text[end:]).replace('<measure number="1">', '<measure number="1"><sound tempo="60"/>', 1)
    drums = drums.replace('<score-part id="P1"><part-name>Tune</part-name></score-part>', "")
    assert tune not in drums
    (tmp_path / "drums.musicxml").write_text(drums, encoding="utf-8")
    piece = read_piece(tmp_path / "drums.musicxml")
    stream = performer.perform(piece, find_system(performer.name).request(), {"tempo": 2}, 0, False)
    events = play(stream)
    struck = [(event.time_ns / 1e9, event.message[0], event.message[1]) for event in events if is_note_on(event.message)]
    assert struck == [(pytest.approx(time, abs=1e-6), 0x99, 36) for time in (0, 0.5, 1, 1.5)]  # twice as fast as 60
    assert stream.ended and stream.notes == 4
    assert_all_released(events)


def test_drums_alone_go_on_elsewhere_after_a_seek_and_from_a_snapshot(performer, tmp_path):
    bars = "".join(f'<measure number="{n}">{{}}<note><unpitched/><duration>4</duration></note></measure>' for n in (1, 2, 3))
    first = "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes><sound tempo='120'/>"
    part = bars.format(first, "", "<sound tempo='60'/>")
    header = '<score-part id="P1"><part-name>Snare Drum</part-name></score-part>'
    path = tmp_path / "a.musicxml"
    path.write_text(f'<score-partwise><part-list>{header}</part-list><part id="P1">{part}</part></score-partwise>')
    stream = performer.perform(read_piece(path), find_system(performer.name).request(), {}, 0, False)
    assert [onset for onset, key, _ in notes_of(play(stream)) if key == 38] == pytest.approx([0, 2, 4], abs=1e-6)
    stream.reset()
    stream.seek(2, 0)
    snapshot = stream.snapshot()
    first_time = notes_of(play(stream))
    stream.restore(snapshot)
    assert [onset for onset, _, _ in first_time] == pytest.approx([0, 2], abs=1e-6)
    assert notes_of(play(stream)) == first_time
