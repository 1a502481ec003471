"""What all performers of scores have in common: played in time, conducted on the way, and nothing left sounding."""

import itertools

import numpy as np
import pytest
import synthetic_dexter
import synthetic_score_performer
from score_playing import BARS, START_NS, assert_all_released, marked, melody, notes_of, play

from engine.base.errors import UsageError
from engine.midi.events import Event, control_change, is_control_change, is_note_off, is_note_on, note_on
from engine.performers.registry import load_performer
from engine.performers.score_playing.keys import Keys
from engine.score.piece import NonNoteEvent
from engine.systems import Kind, find_system, performers

MODELS = {"dexter": synthetic_dexter, "score-performer": synthetic_score_performer}


@pytest.fixture(scope="module", params=performers(Kind.SCORES))
def performer(request, tmp_path_factory):
    return load_performer(request.param, MODELS[request.param].write_models(tmp_path_factory.mktemp("models")))


def test_without_a_score_nothing_is_played(performer):
    with pytest.raises(UsageError, match=f"{performer.name}' must know what follows: give a score with --score FILE, or --lookahead"):
        performer.perform(None, find_system(performer.name).request(), {}, 0, False)
    assert performer.latency_ns == 0


def test_every_note_is_played_and_the_end_is_told(performer):
    stream = performer.perform_score(melody(bars=2), 0, {}, ahead=False)
    assert not stream.running and not stream.ended
    events = play(stream)
    assert sum(is_note_on(event.message) for event in events) == stream.notes == 10 and stream.ended
    assert_all_released(events)


def test_seeds_differ_and_are_repeatable(performer):
    one, again, other = (notes_of(play(performer.perform_score(melody(), seed, {"temperature": 1}, ahead=False))) for seed in (1, 1, 2))
    assert one == again != other


def test_expression_0_is_as_written(performer):
    events = play(performer.perform_score(melody(), 0, {"expression": 0}, ahead=False))
    onsets = [note[0] for note in notes_of(events)]
    assert onsets == pytest.approx([0.6 * (4 * bar + place) for bar, place in itertools.product(range(BARS), (0, 0, 1, 2, 3))])
    assert {note[2] for note in notes_of(events)} == {64}
    ends = [event.time_ns / 1e9 for event in events if is_note_off(event.message)]
    assert sum(ends) - sum(onsets) == pytest.approx(0.6 * len(onsets))
    assert not any(is_control_change(event.message) for event in events)


def test_the_tempo_control_scales_time(performer):
    plain, fast = (notes_of(play(performer.perform_score(melody(), 0, {"tempo": tempo}, ahead=False))) for tempo in (1, 2))
    assert [note[0] for note in fast] == pytest.approx([note[0] / 2 for note in plain], abs=1e-6)


def test_where_it_is_is_known_at_every_moment(performer):
    """At 100 quarters a minute, with a pause of 9 s in bar 2; then it goes on from bar 12 to the end."""
    stream = performer.perform_score(melody(bars=12), 0, {"expression": 0}, ahead=False)
    at, places = (0.5, 1.5, 3.0, 4.0, 11.9, 13.0), []
    assert stream.place(START_NS) == (1, 1.0, 0.0, 0.0)
    looks = [(seconds, lambda now_ns: places.append((*stream.place(now_ns), stream.running))) for seconds in at]
    play(stream, [*looks, (3.5, stream.pause), (12.5, stream.start), (14, lambda now_ns: stream.seek(12, now_ns))])
    quarters = [0.5 / 0.6, 2.5, 5.0, 3.5 / 0.6, 3.5 / 0.6, 4.0 / 0.6]
    assert [place[2] for place in places] == pytest.approx(quarters, abs=0.01)
    assert [place[0] for place in places] == [1, 1, 2, 2, 2, 2]
    assert [place[1] for place in places] == pytest.approx([1 + quarter % 4 for quarter in quarters], abs=0.01)
    assert [place[3] for place in places] == pytest.approx([100] * 6, rel=1e-3)
    assert [place[4] for place in places] == [True, True, True, False, False, True]
    assert stream.place(START_NS + 10**12) == (12, 5.0, 48.0, 0.0) and stream.ended


def test_controls_change_while_playing_without_a_jump(performer):
    stream = performer.perform_score(melody(), 0, {"expression": 0}, ahead=False)
    events = play(stream, [(20, lambda _: stream.set_control("tempo", 2.0)), (20, lambda _: stream.set_control("dynamics", 30))])
    onsets, _, velocities = np.array(notes_of(events)).T
    intervals = np.diff(np.unique(np.round(onsets, 4)))
    assert intervals[:30] == pytest.approx(0.6) and intervals[-5:] == pytest.approx(0.3, abs=2e-3)
    assert np.all(np.diff(intervals[:-1]) < 1e-3) and np.diff(intervals).min() > -0.25
    assert velocities[onsets < 20].max() == 64 and velocities[onsets > 26].min() == 94
    assert np.diff(velocities).max() <= 25


def test_a_pause_releases_and_goes_on_where_it_was(performer):
    stream = performer.perform_score(melody(), 0, {}, ahead=False)
    events = play(stream, [(10.2, stream.pause), (15.2, stream.start)])
    plain = notes_of(play(performer.perform_score(melody(), 0, {}, ahead=False)))
    paused = notes_of(events)
    assert [note[1:] for note in paused] == [note[1:] for note in plain]
    shifts = np.array([a[0] - b[0] for a, b in zip(paused, plain, strict=True)])
    assert shifts == pytest.approx(np.where(np.array([note[0] for note in plain]) > 10.2, 5, 0), abs=1e-6)
    assert not [event for event in events if 10.2e9 < event.time_ns < 15.2e9]
    assert_all_released([event for event in events if event.time_ns <= 10.2e9])


def test_seeking_goes_to_a_bar_and_a_bar_that_is_not_there_is_refused(performer):
    stream = performer.perform_score(melody(), 0, {}, ahead=False)
    events = play(stream, [(5.0, lambda now_ns: stream.seek(30, now_ns))])
    after = [note for note in notes_of(events) if note[0] >= 5.0]
    assert len(after) == 5 * 11 and after[0][0] == pytest.approx(5.0, abs=0.03)
    assert {note[1] for note in after[:2]} == {40 + index % 48 for index in (145, 146)}
    assert_all_released(events)
    with pytest.raises(UsageError, match="bar 41: the score has no such bar; allowed: 1 to 40"):
        stream.seek(41, START_NS)


def test_a_loop_goes_round_in_time_until_it_is_left(performer):
    stream = performer.perform_score(melody(), 0, {"expression": 0}, ahead=False)
    events = play(stream, [(1.0, lambda now_ns: stream.loop(3, 4, now_ns)), (13.0, lambda _: stream.leave_loop())])
    onsets = np.unique(np.round([note[0] for note in notes_of(events) if note[0] >= 1.0], 6))
    assert np.diff(onsets) == pytest.approx(0.6, abs=1e-6)
    bars = [note[1] for note in notes_of(events) if note[0] >= 1.0]
    assert bars[:10] == bars[10:20] == bars[20:30] and bars[30] == 40 + 20 % 48
    assert len(bars) == 30 + 5 * (BARS - 4)
    assert_all_released(events)
    with pytest.raises(UsageError, match="bars 4 to 3"):
        stream.loop(4, 3, START_NS)


def test_what_sounds_beyond_a_loop_s_end_is_released_there(performer):
    piece = melody()
    piece.score.notes["duration_quarter"] = 3.0
    stream = performer.perform_score(piece, 0, {"expression": 0}, ahead=False)
    events = play(stream, [(0.1, lambda now_ns: stream.loop(1, 1, now_ns))], until_ns=8_000_000_000)
    sounding, rounds = 0, 0
    for event in events:
        if is_note_on(event.message) and event.time_ns > 0.1e9 and sounding == 0:
            rounds += 1
        sounding += is_note_on(event.message) - is_note_off(event.message)
    assert rounds == 3  # the notes overlap, so that nothing sounds only where each time round begins


def test_non_note_events_are_sent_at_their_place_and_set_the_instrument_up_after_a_seek(performer):
    program, drum, volume = b"\xc0\x05", b"\x99\x26\x50", b"\xb0\x07\x40"
    non_note_events = (NonNoteEvent(0.0, program, 0), NonNoteEvent(2.0, drum, 0), NonNoteEvent(8.0, volume, 0))
    piece = melody(non_note_events=non_note_events)
    events = play(performer.perform_score(piece, 0, {"expression": 0}, ahead=False))
    times = {event.message: event.time_ns / 1e9 for event in events}
    assert events[0].message == program
    assert (times[drum], times[volume]) == (pytest.approx(1.2), pytest.approx(4.8))
    stream = performer.perform_score(piece, 0, {"expression": 0}, ahead=False)
    after = [event.message for event in play(stream, [(1.0, lambda now_ns: stream.seek(20, now_ns))]) if event.time_ns >= 1e9]
    sent = [message for message in after if message in (program, drum, volume)]
    assert sent == [program, volume]


def test_one_key_sounds_once(performer):
    """Notes that overlap on a key: the later one ends the earlier one; two at once end together."""
    events = play(performer.perform_score(melody(bars=8, pitch_of=lambda index: 60), 0, {"expression_articulation": 2}, ahead=False))
    assert len(notes_of(events)) == 40
    assert_all_released(events)
    sounding = 0
    for event in events:
        sounding += is_note_on(event.message) - is_note_off(event.message)
        assert sounding <= 2


def test_a_later_note_ends_an_earlier_one_on_its_key_and_two_at_once_end_together():
    keys, on = Keys(), note_on(0, 60, 64)
    sent = keys.begin(1, 0.0, 0, on, 0) + keys.begin(2, 0.02, 20, on, 0)
    assert [is_note_on(event.message) for event in sent] == [True, True]
    assert keys.end(1, 500) == []
    cut = keys.begin(3, 0.6, 600, on, 0)
    assert [(event.time_ns, is_note_on(event.message)) for event in cut] == [(600, False), (600, False), (600, True)]
    assert keys.end(2, 700) == []
    assert len(keys.end(3, 800)) == 1 and not keys.ledger.sounding


@pytest.mark.parametrize("steps", [101, 102, 103])  # with more or less of what follows decided
def test_a_snapshot_goes_on_as_the_stream_did(performer, steps):
    stream = performer.perform_score(melody(), 4, {"temperature": 1}, ahead=False)
    stream.start(START_NS)
    for _ in range(steps):
        stream.advance(stream.next_due_ns())
    snapshot, endings = stream.snapshot(), []
    for _ in range(2):
        stream.restore(snapshot)
        ending = []
        while (due_ns := stream.next_due_ns()) is not None:
            ending += stream.advance(due_ns)
        endings.append(ending)
    assert endings[0] == endings[1] and len(notes_of(endings[0])) > 50
    stream.reset()
    assert play(stream) == play(performer.perform_score(melody(), 4, {"temperature": 1}, ahead=False))


def test_ornaments_are_added_and_end(performer):
    rows = list(range(0, 40, 5))
    piece = marked(melody(bars=8, pitch_of=lambda index: 90 if index % 5 == 0 else 40 + index % 5), "ornament_kind", rows, 1)
    piece.score.notes["duration_quarter"][rows] = 4
    events = play(performer.perform_score(piece, 0, {}, ahead=False))
    assert len(notes_of(events)) == len(piece.played.score.notes) > 40 + 5 * 8
    assert_all_released(events)


def test_ornaments_are_left_behind_by_a_seek_and_come_again_in_a_loop(performer):
    rows = list(range(0, 200, 5))  # a trill through each bar
    piece = marked(melody(pitch_of=lambda index: 90 if index % 5 == 0 else 40 + index % 5), "ornament_kind", rows, 1)
    piece.score.notes["duration_quarter"][rows] = 4
    stream = performer.perform_score(piece, 0, {}, ahead=False)
    actions = [(1.0, lambda now_ns: stream.seek(20, now_ns)), (4.0, lambda now_ns: stream.loop(3, 4, now_ns))]
    events = play(stream, [*actions, (15.0, lambda now_ns: stream.leave_loop()), (15.2, stream.pause), (15.4, stream.start)])
    assert_all_released(events)
    notes = notes_of(events)
    assert len([time_s for time_s, pitch, _ in notes if pitch < 90 and 1.0 <= time_s < 3.9]) > 3  # none of the left bar comes first
    assert len([time_s for time_s, pitch, _ in notes if pitch >= 90 and 4 < time_s < 15]) > 80


def test_all_notes_off_of_a_keyboard_that_is_played_along_does_not_cut_off_the_score(performer):
    stream = performer.perform_score(melody(bars=2), 0, {}, ahead=False)
    played = [Event(0, note_on(0, 30, 64)), Event(0, control_change(0, 120, 0)), Event(0, control_change(5, 123, 0))]
    assert [stream.feed(event) for event in played] == [[event] for event in played]
    assert stream.feed(Event(0, control_change(0, 123, 0))) == []
