"""Parts of an ensemble as they are played: notes end in their own track, programs come first, pianos alone are pedalled."""

from collections import Counter
from pathlib import Path

import pytest
import synthetic_dexter
import synthetic_score_performer
from score_fixtures import attributes, musicxml, note
from score_playing import melody, play

from engine.midi.events import (
    SUSTAIN_PEDAL,
    Event,
    channel_of,
    is_channel_message,
    is_control_change,
    is_note_off,
    is_note_on,
    note_off,
    note_on,
    program_change,
)
from engine.performers.lookahead.outgoing import Outgoing
from engine.performers.lookahead.rubato import PedalStep
from engine.performers.registry import load_performer
from engine.performers.score_playing.keys import Keys
from engine.score.piece import NonNoteEvent, read_piece
from engine.systems import Kind, performers

MODELS = {"dexter": synthetic_dexter, "score-performer": synthetic_score_performer}
SCORES = Path(__file__).parents[3] / "data" / "scores"
CASES = {  # how many notes sound by track
    "unison_two_parts.musicxml": {0: 8, 1: 8},
    "two_tracks_same_channel_unison.mid": {0: 8, 1: 8},
    "quartet_programs.mid": {1: 8, 2: 8, 3: 8, 4: 8},
    "drums_and_piano.mid": {0: 8, 1: 8},
}


@pytest.fixture(scope="module", params=performers(Kind.SCORES))
def performer(request, tmp_path_factory):
    return load_performer(request.param, MODELS[request.param].write_models(tmp_path_factory.mktemp("models")))


def play_case(performer, name):
    return play(performer.perform_score(read_piece(SCORES / name), 3, {"temperature": 1}, ahead=False))


def pedalled(events):
    return {channel_of(event.message) for event in events if is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL}


@pytest.mark.parametrize(("name", "counts"), CASES.items())
def test_every_note_has_its_end_in_its_own_track_and_none_is_cut_by_another_part(performer, name, counts):
    begun, ended, sounding = Counter(), Counter(), Counter()
    for event in play_case(performer, name):
        place = event.track, channel_of(event.message), event.message[1]
        begun[event.track] += is_note_on(event.message)
        ended[event.track] += is_note_off(event.message)
        sounding[place] += is_note_on(event.message) - is_note_off(event.message)
        assert sounding[place] in (0, 1)
    places = {(event.track, channel_of(event.message)) for event in play_case(performer, name) if is_note_on(event.message)}
    assert len({channel for _, channel in places}) == (1 if name.startswith("two_tracks") else len(counts))
    assert {track: count for track, count in begun.items() if count} == counts == {track: count for track, count in ended.items() if count}


@pytest.mark.parametrize("name", CASES)
def test_a_program_change_stands_before_the_first_note_of_its_track(performer, name):
    kinds = {}
    for event in play_case(performer, name):
        if not is_control_change(event.message):
            kinds.setdefault(event.track, []).append(event.message[0] & 0xF0)
    for track in kinds.values():
        assert 0xC0 not in track[1:] and (track[0] == 0xC0) == (name != "two_tracks_same_channel_unison.mid")


def test_the_pedal_goes_to_pianos_alone(performer):
    channels = {name: pedalled(play_case(performer, name)) for name in CASES}
    assert channels == {
        "unison_two_parts.musicxml": set(),
        "two_tracks_same_channel_unison.mid": {0},
        "quartet_programs.mid": set(),
        "drums_and_piano.mid": {0},
    }


def test_the_pedal_is_lifted_before_a_piano_becomes_something_else(performer):
    change = NonNoteEvent(64.0, program_change(0, 48), 0)
    events = play(performer.perform_score(melody(non_note_events=(change,)), 3, {"temperature": 1}, ahead=False))
    place = next(number for number, event in enumerate(events) if event.message == change.message)
    values = [event.message[2] for event in events[:place] if is_control_change(event.message)]
    assert any(values) and values[-1] == 0
    assert not pedalled(events[place:])


def test_notes_of_two_tracks_on_one_key_end_each_in_its_own():
    keys, on = Keys(), note_on(0, 60, 64)
    keys.begin(1, 0.0, 0, on, 4)
    keys.begin(2, 0.02, 20, on, 7)
    assert keys.end(2, 400) == [Event(400, note_off(0, 60), 7)]
    assert keys.begin(3, 1.0, 1000, on, 7) == [Event(1000, on, 7)]
    assert keys.end(1, 1500) == [Event(1500, note_off(0, 60), 4)] and keys.end(1, 1600) == []
    assert keys.release(3000) == [Event(3000, note_off(0, 60), 7)]


def test_a_page_of_fifty_staves_performs(performer, tmp_path):
    path = tmp_path / "tutti.musicxml"
    path.write_text(musicxml(*[[attributes() + "".join(note(step, 4) for step in "CDEF"), note("G", 16)] for _ in range(50)]))
    sent = play(performer.perform_score(read_piece(path), 3, {"temperature": 1}, ahead=False))
    begun = Counter(event.track for event in sent if is_note_on(event.message))
    ended = Counter(event.track for event in sent if is_note_off(event.message))
    assert begun == ended == {track: 5 for track in range(50)}


def test_live_notes_are_pedalled_on_channels_of_pianos_alone():
    outgoing = Outgoing()
    for number, (channel, program) in enumerate([(0, None), (1, 40), (2, 0)]):
        if program is not None:
            outgoing.put_message(number, Event(0, program_change(channel, program), channel))
        outgoing.put_note(number, Event(1, note_on(channel, 60, 64), channel), 64, channel)
    outgoing.put_pedal(5, PedalStep(2, 1, 100, 1))
    assert pedalled(outgoing.pop(2)) == {0, 2}
    outgoing.put_message(6, Event(3, program_change(2, 48), 2))
    assert outgoing.pop(3) == [Event(3, b"\xb2\x40\x00", 2), Event(3, program_change(2, 48), 2)]
    assert all(is_channel_message(event.message) for event in outgoing.pop(4))
