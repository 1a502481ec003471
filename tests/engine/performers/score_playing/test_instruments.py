"""A part is performed as what it is: dynamics within held tones, lengths without a pedal, one loudness where an instrument has one."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import synthetic_dexter
import synthetic_score_performer
from score_playing import START_NS, assert_all_released, marked, melody, notes_of, play

from engine.midi.events import channel_of, control_change, is_control_change, is_note_off, is_note_on, program_change
from engine.midi.file import KeptEvent, MidiTimeline, Track
from engine.performers.registry import load_performer
from engine.performers.score_playing.instruments.articulation import Articulation
from engine.performers.score_playing.instruments.ensemble import instruments_of
from engine.score.piece import NonNoteEvent, piece_of, read_piece
from engine.sound.fluidsynth import FluidSynthesizer
from engine.systems import Kind, performers

MODELS = {"dexter": synthetic_dexter, "score-performer": synthetic_score_performer}
SWELLS = Path(__file__).parents[3] / "data" / "scores" / "swells.musicxml"
AS_WRITTEN = {"expression": 0}
# Of the score by hand: p is 49, f is 96. The loudest level is 1.2 times the mean of the violin's velocities, (49 + 6 x 96) / 7 = 89.3, and
# the controller has 127 x (level / 107.1) ** (2 / 3); the velocity gives up what it gives, and is as written at the mean.
AT_P, AT_F, AT_MEAN = 75, 118, 112
WITHIN = [49, 55, 60, 66, 72, 78, 84, 90, 96]  # from p over mp (64) and mf (80) to f, in straight lines between the marks


@pytest.fixture(scope="module", params=performers(Kind.SCORES))
def performer(request, tmp_path_factory):
    return load_performer(request.param, MODELS[request.param].write_models(tmp_path_factory.mktemp("models")))


def perform(performer, piece, controls=AS_WRITTEN, controller=11, actions=()):
    return play(performer.perform_score(piece, 3, controls, ahead=False, expression_controller=controller), actions)


def moves(events, number=11, channel=0):
    """Return the times in s and the values of a controller on a channel."""
    found = [event for event in events if is_control_change(event.message) and event.message[1] == number]
    return [(event.time_ns / 1e9, event.message[2]) for event in found if channel_of(event.message) == channel]


def on(events, channel):
    return [event for event in events if channel_of(event.message) == channel]


def becomes(program, quarter=0.0):
    return NonNoteEvent(quarter, program_change(0, program), 0)


def plain(program, *events):
    """Return a MIDI score of 4 bars in velocity 64 for an instrument."""
    piece = melody(bars=4, non_note_events=(becomes(program), *events))
    piece.score.notes["velocity"] = 64
    return piece


def test_the_level_within_a_note_is_read_from_marks_and_hairpins():
    score = read_piece(SWELLS).score
    violin = score.markings["velocity_within"][score.notes["part"] == 0].tolist()
    assert (violin[0], violin[-1]) == (WITHIN, WITHIN[::-1])
    assert violin[1:-1] == [[96] * 9] * 5


def test_a_crescendo_is_heard_within_one_long_note(performer):
    events = perform(performer, read_piece(SWELLS))
    begun = [time_s for time_s, _, _ in notes_of(on(events, 0))]
    first = [(time_s, value) for time_s, value in moves(events) if time_s <= begun[1]]
    values = [value for _, value in first]
    assert first[0] == (begun[0], AT_P) and values[-1] == AT_F and values == sorted(set(values))
    gaps = np.diff([time_s for time_s, _ in first])
    assert gaps.min() >= 0.02 and gaps.max() <= 0.1
    held = [value for time_s, value in moves(events) if begun[1] < time_s < begun[2] - 0.001]
    assert held == []  # f throughout, where the crescendo has led
    last = [value for time_s, value in moves(events) if begun[-1] <= time_s]
    assert last[-2:] == [AT_P, 127] and last[:-1] == sorted(last[:-1], reverse=True)
    assert moves(events, channel=1) == []  # a piano cannot


def test_velocity_and_controller_together_are_as_loud_as_the_velocity_alone(performer):
    louder, plain = (on(perform(performer, read_piece(SWELLS), controller=number), 0) for number in (11, None))
    assert {velocity for _, _, velocity in notes_of(plain)} == {49, 96}
    value, shares = 127, []
    for event in louder:
        value = event.message[2] if is_control_change(event.message) else value
        if is_note_on(event.message):
            shares.append(event.message[2] * value)
    alone = [velocity * AT_MEAN for _, _, velocity in notes_of(plain)]
    assert shares == pytest.approx(alone, rel=0.015)
    assert moves(plain) == [] and [event.message[:2] for event in louder if is_note_on(event.message)]


def test_what_became_of_the_notes_is_told_as_loud_as_it_is(performer):
    stream = performer.perform_score(read_piece(SWELLS), 3, AS_WRITTEN, ahead=False)
    play(stream)
    violin = read_piece(SWELLS).score.notes["part"] == 0
    assert stream.performed["velocity"][violin] == pytest.approx([49, *[96] * 6], abs=1)


@pytest.mark.sound
def test_a_sound_font_makes_the_swell_audible(performer):
    """Levels in decibels of FluidSynth's sound, an eighth of the first note apart, once its attack is over."""
    rises = []
    for controller in (11, None):
        events = on(perform(performer, read_piece(SWELLS), controller=controller), 0)
        end_s = notes_of(events)[1][0]
        first = [event for event in events if event.time_ns < end_s * 1e9 and not is_note_off(event.message)]
        synthesizer, frames = FluidSynthesizer(), []
        for event, until_s in zip(first, [*(event.time_ns / 1e9 for event in first[1:]), end_s], strict=True):
            synthesizer.send(event.message)
            frames.append(synthesizer.render(round((until_s - event.time_ns / 1e9) * 44100)))
        synthesizer.close()
        levels = [10 * np.log10((each**2).mean()) for each in np.array_split(np.concatenate(frames).astype(float), 8)]
        rises.append(levels[-2] - levels[2])
    by_hand = 40 * (2 / 3) * np.log10(87 / 63)  # the levels in the middle of the third and the seventh eighth: 3.7
    assert rises[0] - rises[1] == pytest.approx(by_hand, abs=0.7) and abs(rises[1]) < 1.5


@pytest.mark.parametrize("number", [1, 2])
def test_modulation_and_breath_are_the_level_itself_and_leave_velocities(performer, number):
    events = on(perform(performer, read_piece(SWELLS), controller=number), 0)
    assert [velocity for _, _, velocity in notes_of(events)] == [49, *[96] * 6]
    values = [value for _, value in moves(events, number)]
    assert (values[0], max(values), values[-2:]) == (49, 96, [49, 0])


def test_the_controller_follows_the_performance_s_velocities(performer):
    quiet, loud = (moves(perform(performer, read_piece(SWELLS), {"expression": 0, "dynamics": by})) for by in (-20, 20))
    assert quiet[0][1] == 53 and loud[0][1] == 95  # 29 and 69 in place of 49


def test_a_sforzato_is_struck_and_falls_to_what_follows(performer):
    piece = plain(40)
    piece.score.notes["duration_quarter"][::5] = 4
    piece.score.markings["velocity_within"], piece.score.markings["velocity"] = 64, 64
    marked(piece, "sudden_accent", 5, True).score.markings["velocity"][5] = 96
    object.__setattr__(piece.score, "has_markings", True)
    events = perform(performer, piece)
    struck_s = notes_of(events)[5][0]
    falling = [value for time_s, value in moves(events) if struck_s <= time_s < struck_s + 0.3]
    assert falling[0] > falling[-1] and falling == sorted(falling, reverse=True) and len(falling) > 5


def test_a_pause_rests_the_controller_and_going_on_sets_it_again(performer):
    stream = performer.perform_score(read_piece(SWELLS), 3, AS_WRITTEN, ahead=False)
    begun = [time_s for time_s, _, _ in notes_of(on(perform(performer, read_piece(SWELLS)), 0))]
    middle = round(begun[1] * 0.513, 3)  # when no value is due
    values = moves(play(stream, [(middle, stream.pause), (middle + 5, stream.start)]))
    before = [value for time_s, value in values if time_s < middle]
    assert [value for time_s, value in values if middle <= time_s <= middle + 5.001][:2] == [127, before[-1]]
    assert values[-1][1] == 127


@pytest.mark.parametrize("how", ["seek", "loop"])
def test_moving_on_rests_the_controller(performer, how):
    stream = performer.perform_score(read_piece(SWELLS), 3, AS_WRITTEN, ahead=False)

    def move(now_ns):
        (stream.seek(2, now_ns) if how == "seek" else stream.loop(2, 2, now_ns))

    events = play(stream, [(0.507, move), (9.0, lambda _: stream.leave_loop())])
    values = moves(events)
    after = [value for time_s, value in values if time_s >= 0.507]
    assert after[:2] == [127, AT_F] and after[-1] == 127
    assert_all_released(events)


def test_a_run_that_is_ended_puts_the_controller_at_rest(performer):
    stream = performer.perform_score(read_piece(SWELLS), 3, AS_WRITTEN, ahead=False)
    play(stream, until_ns=500_000_000)
    assert [event.message for event in stream.rest_controllers(START_NS)] == [control_change(0, 11, 127)]
    play(stream)
    assert stream.rest_controllers(START_NS) == []


def test_a_snapshot_goes_on_within_a_swell(performer):
    stream = performer.perform_score(read_piece(SWELLS), 3, {}, ahead=False)
    play(stream, until_ns=700_000_000)
    snapshot, endings = stream.snapshot(), []
    for _ in range(2):
        stream.restore(snapshot)
        ending = []
        while (due_ns := stream.next_due_ns()) is not None:
            ending += stream.advance(due_ns)
        endings.append(ending)
    assert endings[0] == endings[1] and len(moves(endings[0])) > 20


def test_a_file_that_moves_the_controller_itself_is_left_alone(performer):
    own = NonNoteEvent(4.0, control_change(0, 11, 33), 0)
    assert [value for _, value in moves(perform(performer, plain(40, own)))] == [33]
    assert len(moves(perform(performer, plain(40)))) > 0


def test_an_instrument_that_changes_in_the_piece_is_played_as_it_is_at_each_place(performer):
    events = perform(performer, plain(40, becomes(0, 8.0)), {"temperature": 1})
    change_s = next(event.time_ns / 1e9 for event in events if event.message == program_change(0, 0))
    values = [(time_s, value) for time_s, value in moves(events) if value != 127]
    assert values and max(time_s for time_s, _ in values) < change_s
    assert moves(events)[-1][1] == 127 and moves(events)[-1][0] == pytest.approx(change_s, abs=0.1)
    assert min((time_s for time_s, _ in moves(events, 64)), default=change_s) >= change_s - 0.001


def test_a_track_without_a_program_is_what_its_name_says(performer):
    piece = melody(bars=4)
    piece.score.notes["velocity"] = 64
    named = Track((KeptEvent(0, 0, b"\xff\x03\x08Violin 1"),))
    object.__setattr__(piece, "timeline", MidiTimeline([], (named,), 0, 960))
    events = perform(performer, piece, {"temperature": 1})
    assert moves(events) and not moves(events, 64)
    assert not any(event.message[0] & 0xF0 == 0xC0 for event in events)  # the file's tracks stay as they are
    assert not moves(perform(performer, melody(bars=4), {"temperature": 1}))


def lengths(events):
    """Return how long each note sounds, seconds by order of onset."""
    begun = [(event.time_ns, event.message[1]) for event in events if is_note_on(event.message)]
    ended = [(event.time_ns, event.message[1]) for event in events if is_note_off(event.message)]
    return [(min(end for end, key in ended if key == pitch and end > onset) - onset) / 1e9 for onset, pitch in begun]


def line(program, **marks):
    """Return a piece of quarters of 0.6 s in one voice, no key twice in a row, with ``marks`` on all of them."""
    piece = plain(program)
    notes = piece.score.notes[np.arange(20) % 5 != 0]
    score = piece_of(type(piece.score)(**(vars(piece.score) | {"notes": notes, "markings": piece.score.markings[:16]})))
    for name, value in marks.items():
        score.score.markings[name] = value
    return type(piece)(**(vars(score) | {"non_note_events": piece.non_note_events}))


STACCATO, STACCATISSIMO, PORTATO = (0.25, 0.6), (0.15, 0.4), (0.5, 0.8)  # of the written length


@pytest.mark.parametrize(
    ("marks", "bounds"),
    [
        ({"staccato": True}, STACCATO),
        ({"staccatissimo": True}, STACCATISSIMO),
        ({"staccato": True, "slurred": True}, PORTATO),
        ({"tenuto": True}, (0.9, 1.0)),
        ({}, (1 - 0.1 / 0.6, 1.0)),  # at most 0.1 s is left before the next
    ],
)
def test_a_bow_holds_notes_as_they_are_marked(performer, marks, bounds):
    controls = {"temperature": 1, "expression_tempo": 0, "expression_timing": 0}
    written_s = 0.6
    shares = np.array(lengths(perform(performer, line(40, **marks), controls))) / written_s
    assert shares.min() >= bounds[0] - 0.001 and shares.max() <= bounds[1] + 0.001


@pytest.mark.parametrize(
    ("written_s", "touch", "heard_s"),
    [
        (4.0, 0.25, 3.9),  # a pianist's quarter of the length, which the pedal joins: a gap of 0.1 s
        (0.25, 0.25, 0.25 * 2**-0.5),  # a quarter of the shortening, in octaves
        (0.125, 0.03, 0.125 * 0.6),  # and never less than this
        (0.5, 1.5, 0.5),  # nor more than is written
    ],
)
def test_an_unmarked_note_is_held_to_shortly_before_the_next(written_s, touch, heard_s):
    piece = line(40)
    piece.score.notes["duration_quarter"][0] = written_s  # at a second a quarter
    columns = np.zeros((1, 8))
    columns[0, 3] = np.log2(touch)
    shaped = Articulation(piece.score, instruments_of(piece)).apply(columns, 0)
    assert 2 ** shaped[0, 3] * written_s == pytest.approx(heard_s)


def test_slurred_notes_reach_the_next(performer):
    events = perform(performer, line(40, slurred=True), {"temperature": 1})
    ends = sorted(event.time_ns for event in events if is_note_off(event.message))
    begins = [event.time_ns for event in events if is_note_on(event.message)]
    assert [end - begin for end, begin in zip(ends[:-1], begins[1:], strict=True)] == pytest.approx([20e6] * 15, abs=1)
    assert_all_released(events)


def test_strings_that_ring_keep_their_written_lengths_and_a_piano_its_touch(performer):
    controls = {"temperature": 1, "expression_tempo": 0, "expression_timing": 0}
    harp, piano = (lengths(perform(performer, line(program), controls)) for program in (46, 0))
    assert harp == pytest.approx([0.6] * 16, abs=1e-6)
    assert np.std(piano) > 0.01
    pizzicato = [velocity for _, _, velocity in notes_of(perform(performer, line(45), controls))]
    assert len(set(pizzicato)) > 3 and not moves(perform(performer, line(45), controls))


def test_organ_and_harpsichord_have_one_velocity_and_the_organ_swells(performer):
    for program, swells in ((19, True), (6, False)):
        events = perform(performer, line(program), {"temperature": 1})
        assert {velocity for _, _, velocity in notes_of(events)} == {64}  # the score's mean
        assert bool(moves(events)) == swells and not moves(events, 64)


def test_levels_move_by_steps_that_are_heard_as_none(performer):
    for (earlier_s, earlier), (later_s, later) in pairwise(moves(perform(performer, read_piece(SWELLS), {"temperature": 1}))[:-1]):
        assert later != earlier and later_s >= earlier_s and 1 <= later <= 127
