from dataclasses import replace

import numpy as np
import pytest
from duos import VELOCITY, accompany, lullaby, sung, written_rendition

from engine.base import saying
from engine.midi.events import Event, control_change, is_control_change, is_note_off, is_note_on, note_on
from engine.performers.controls import Control
from engine.runtime.following.stream import DuoStream
from engine.runtime.following.timing import MEET_SEC

PIECE = lullaby()
RENDITION = written_rendition(PIECE)
VOICE, PIANO = PIECE.tracks == 0, PIECE.tracks == 1


def duo(rows=VOICE, **given):
    values = given.pop("values", {})
    stream = DuoStream(PIECE, RENDITION, {"Voice": rows} if isinstance(rows, np.ndarray) else rows, (), values, **given)
    stream.start(0)
    return stream


def begun(sent):
    return [event for event in sent if is_note_on(event.message)]


def distances_sec(sent, events):
    """Return how far the accompaniment's onsets are from the singer's, where the score has both."""
    shared = np.intersect1d(PIECE.score.notes["onset_quarter"][VOICE], PIECE.score.notes["onset_quarter"][PIANO])
    sings = np.array(sorted(event.time_ns for event in events if is_note_on(event.message))) / 1e9
    order = np.sort(PIECE.score.notes["onset_quarter"][VOICE])
    plays = np.array([event.time_ns for event in begun(sent)]) / 1e9
    return np.array([np.abs(plays - sings[np.searchsorted(order, quarter)]).min() for quarter in shared])


@pytest.mark.parametrize("pace", (0.7, 1.0, 1.4))
def test_all_of_the_other_part_comes_with_the_soloist_at_any_tempo(pace):
    events = sung(PIECE, VOICE, pace)
    sent = accompany(duo(), events)
    assert sorted(event.message[1] for event in begun(sent)) == sorted(PIECE.score.notes["pitch"][PIANO].tolist())
    assert distances_sec(sent, events).max() < 0.06
    assert [event.time_ns for event in sent] == sorted(event.time_ns for event in sent)
    assert len(begun(sent)) == sum(is_note_off(event.message) for event in sent)


def test_a_slowing_soloist_is_met_and_never_awaited_for_long():
    events = sung(PIECE, VOICE)
    slowing = [event._replace(time_ns=round(event.time_ns * (1 + 0.3 * event.time_ns / events[-1].time_ns))) for event in events]
    off_sec = distances_sec(accompany(duo(), slowing), slowing)
    assert np.median(off_sec) <= MEET_SEC + 0.001
    assert off_sec.max() < 0.12


def test_it_waits_for_a_soloist_who_stops_and_goes_on_with_him():
    events = sung(PIECE, VOICE)
    half = len(events) // 2
    stopped = [event if index < half else event._replace(time_ns=event.time_ns + 20_000_000_000) for index, event in enumerate(events)]
    sent = accompany(duo(), stopped)
    silence_ns = np.diff([event.time_ns for event in begun(sent)]).max()
    assert silence_ns > 15_000_000_000
    assert len(begun(sent)) == PIANO.sum()


def test_it_leads_where_the_score_begins_with_it():
    stream = duo(PIANO)  # the voice has an upbeat of one quarter
    sent = accompany(stream, [], until_ns=60_000_000_000)
    first = begun(sent)
    assert 0 < len(first) < VOICE.sum()  # and then it waits for the piano
    assert first[0].time_ns == pytest.approx(1e9, abs=1e8)


def test_with_wait_it_goes_no_further_than_a_fermata_and_without_two_quarters():
    piece = lullaby()
    rows = np.flatnonzero(VOICE)
    rows = rows[np.argsort(piece.score.notes["onset_quarter"][rows])]
    piece.score.markings["fermata"][rows[20]] = True
    after = float(piece.score.notes["onset_quarter"][rows[21]])

    def last(wait):
        stream = DuoStream(piece, RENDITION, {"Voice": VOICE}, (), {"wait": wait})
        stream.start(0)
        notes = len(begun(accompany(stream, sung(piece, VOICE)[:42], until_ns=10**11)))
        return np.sort(piece.score.notes["onset_quarter"][PIANO])[notes - 1]

    assert last(1.0) < after
    assert after <= last(0.0) < after + 2


def test_a_leap_takes_the_accompaniment_along():
    events = sung(PIECE, VOICE)
    third = len(events) // 3
    again = [event._replace(time_ns=event.time_ns + events[2 * third].time_ns) for event in events[:third]]
    sent = accompany(duo(), events[: 2 * third] + again)
    expected = PIECE.score.notes["onset_quarter"][PIANO]
    assert len(begun(sent)) > (expected < 30).sum()
    assert len(begun(sent)) == sum(is_note_off(event.message) for event in sent)


def test_another_piece_is_met_with_silence_and_said_once():
    heard = []
    stream = duo()
    other = [Event(round(index * 3e8), note_on(0, 30 + index * 7 % 23, 70)) for index in range(60)]
    with saying.overheard(heard.append):
        sent = accompany(stream, other)
    assert not begun(sent)[12:]
    assert heard == ["what you play is not found in the score; the accompaniment is silent until it is"]


def test_a_louder_soloist_is_answered_louder_and_balance_is_added():
    def mean(values, velocity):
        sent = accompany(duo(values=values), sung(PIECE, VOICE, velocity=velocity))
        return np.mean([event.message[2] for event in begun(sent)[30:]])

    assert mean({}, VELOCITY) == VELOCITY
    assert mean({}, VELOCITY + 30) > VELOCITY + 5
    assert mean({"balance": -10}, VELOCITY) == VELOCITY - 10


def test_where_the_rendition_is_loud_and_the_soloist_is_not_the_accompaniment_is_softer_than_planned():
    """The accompaniment of the second half is planned 40 steps louder, the soloist's part as loud as before, and so he plays it."""
    notes = RENDITION.notes.copy()
    half = np.median(notes["onset_quarter"])
    piano, later = PIANO[notes["note"]], notes["onset_quarter"] >= half
    notes["velocity"][piano & later] += 40
    stream = DuoStream(PIECE, replace(RENDITION, notes=notes), {"Voice": VOICE}, (), {})
    stream.start(0)
    sent = [event.message[2] for event in begun(accompany(stream, sung(PIECE, VOICE)))]
    fifth = len(sent) // 5
    mean = notes["velocity"][piano].mean()
    for velocity, planned in ((np.mean(sent[2:fifth]), VELOCITY), (np.mean(sent[-fifth:]), VELOCITY + 40)):
        assert velocity == pytest.approx(planned + 0.2 * (mean - planned), abs=1)


def test_while_it_plays_dynamics_count_from_those_it_began_with_and_what_cannot_change_is_said():
    louder, tempo = Control("dynamics", -40, 40, 0, "", ""), Control("tempo", 0.25, 4, 1, "", "")
    stream = DuoStream(PIECE, RENDITION, {"Voice": VOICE}, (louder, tempo), {"dynamics": 5})
    stream.start(0)
    with saying.overheard((said := []).append):
        stream.set_control("dynamics", 5)
        stream.set_control("tempo", 1)
        stream.set_control("dynamics", 15)
        stream.set_control("balance", -4)
        stream.set_control("tempo", 2)
    assert {event.message[2] for event in begun(accompany(stream, sung(PIECE, VOICE)))} == {VELOCITY + 6}
    assert said == ["tempo holds from the beginning of a duo, which is thought through beforehand; begin again with --set tempo=2"]


def test_auto_finds_out_which_part_is_played():
    heard = []
    stream = duo({"Voice": VOICE, "Piano": PIANO})
    with saying.overheard(heard.append):
        sent = accompany(stream, sung(PIECE, PIANO))
    assert heard == ["you play Piano"]
    assert stream.followed == "Piano"
    assert {event.message[1] for event in begun(sent)} <= set(PIECE.score.notes["pitch"][VOICE].tolist())


def test_of_another_piece_auto_finds_no_part():
    heard = []
    stream = duo({"Voice": VOICE, "Piano": PIANO})
    other = [Event(round(index * 3e8), note_on(0, 63 + index * 5 % 17, 70)) for index in range(60)]
    with saying.overheard(heard.append):
        sent = accompany(stream, other)
    assert stream.followed is None and not sent
    assert heard == ["what you play is not found in the score; the accompaniment is silent until it is"]


def test_the_pedal_is_the_soloists_once_he_uses_it():
    channel = int(PIECE.channels.max())
    events = [Event(500_000_000, control_change(channel, 64, 127)), *sung(PIECE, VOICE)]
    events = [events[0], *(event._replace(message=bytes((event.message[0] | channel, *event.message[1:]))) for event in events[1:])]
    sent = accompany(duo(), events)
    assert not any(is_control_change(event.message) and event.message[2] for event in sent)
    assert any(is_control_change(event.message) and event.message[2] for event in accompany(duo(), sung(PIECE, VOICE)))


def test_a_hint_is_heard_where_the_soloist_leaves_a_note_out():
    events = sung(PIECE, VOICE)
    kept = [event for index, event in enumerate(events) if index // 2 % 9 != 8]
    hinted = begun(accompany(duo(hints=True), kept))
    assert len(hinted) > PIANO.sum()
    soft = [event for event in hinted if event.message[2] <= VELOCITY // 2]
    assert len(soft) == len(hinted) - PIANO.sum() < 10


def test_a_loop_is_accompanied_as_often_as_it_is_played():
    stream = duo()
    stream.loop(2, 4, 0)
    begin, end = 1.0, 10.0
    inside = VOICE & (PIECE.score.notes["onset_quarter"] >= begin) & (PIECE.score.notes["onset_quarter"] < end)
    once = sung(PIECE, inside)
    length_ns = once[-1].time_ns + 500_000_000
    events = [event._replace(time_ns=event.time_ns + turn * length_ns) for turn in range(3) for event in once]
    sent = begun(accompany(stream, events))
    expected = PIANO & (PIECE.score.notes["onset_quarter"] >= begin) & (PIECE.score.notes["onset_quarter"] < end)
    assert len(sent) >= 2.5 * expected.sum()
    assert len(sent) <= 3 * expected.sum()


def test_it_can_be_paused_and_copied():
    events = sung(PIECE, VOICE)
    stream = duo()
    accompany(stream, events[:40], until_ns=events[40].time_ns - 1)
    kept = stream.snapshot()
    rest = accompany(stream, events[40:])
    stream.restore(kept)
    assert accompany(stream, events[40:]) == rest
    stream.restore(kept)
    stream.pause(events[40].time_ns)
    assert not begun(accompany(stream, events[40:]))
