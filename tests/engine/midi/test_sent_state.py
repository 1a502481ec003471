"""What a device is told when it comes back."""

from engine.midi.events import control_change, note_off, note_on
from engine.midi.ports.sent import MOST_PARAMETERS, SentState

VOLUME, EXPRESSION, SUSTAIN = 7, 11, 64


def state(*messages):
    told = SentState()
    for message in messages:
        told.observe(message)
    return told


def test_the_last_value_of_each_controller_program_pressure_and_bend():
    told = state(
        control_change(0, VOLUME, 3), control_change(0, VOLUME, 90), control_change(5, VOLUME, 7),
        b"\xc0\x01", b"\xc0\x02", b"\xd0\x11", b"\xe0\x00\x30", b"\xe0\x00\x50", note_on(0, 60, 64), b"\xf8", b"\xf0\x7e\xf7",
    )  # fmt: skip
    assert told.restoring() == [b"\xc0\x02", control_change(0, VOLUME, 90), control_change(5, VOLUME, 7), b"\xd0\x11", b"\xe0\x00\x50"]


def test_a_bank_comes_before_the_program_that_is_in_it():
    told = state(control_change(2, 0, 1), control_change(2, 32, 4), b"\xc2\x09")
    assert told.restoring() == [control_change(2, 0, 1), control_change(2, 32, 4), b"\xc2\x09"]


def test_a_bend_range_is_set_again_before_another_parameter_is_selected():
    """RPN 0 is the range of pitch bend; 101 and 100 at 127 deselect (MIDI 1.0 specification, registered parameter numbers)."""
    bend_range = [control_change(0, 101, 0), control_change(0, 100, 0), control_change(0, 6, 12)]
    none = [control_change(0, 101, 127), control_change(0, 100, 127)]
    assert state(*bend_range, *none).restoring() == bend_range + none


def test_of_very_many_parameters_the_last_ones_are_set_again():
    told = SentState()
    for number in range(2 * MOST_PARAMETERS):
        for message in (control_change(0, 99, number >> 7), control_change(0, 98, number & 127), control_change(0, 6, 1)):
            told.observe(message)
    restoring = told.restoring()
    assert len(restoring) == 3 * MOST_PARAMETERS + 2  # and the selection
    assert restoring[:2] == [control_change(0, 99, MOST_PARAMETERS >> 7), control_change(0, 98, MOST_PARAMETERS & 127)]


def test_data_entry_without_a_parameter_is_nobodys():
    assert state(control_change(0, 6, 12)).restoring() == []


def test_reset_all_controllers_leaves_volume_and_program():
    """As MIDI recommended practice RP-015 has it."""
    told = state(control_change(0, VOLUME, 90), control_change(0, EXPRESSION, 20), control_change(1, EXPRESSION, 30),
                 b"\xc0\x02", b"\xe0\x00\x30", control_change(0, 121, 0))  # fmt: skip
    assert told.restoring() == [b"\xc0\x02", control_change(0, VOLUME, 90), control_change(1, EXPRESSION, 30)]


def test_all_notes_off_is_not_a_controller():
    assert state(control_change(0, 123, 0), control_change(0, 120, 0)).restoring() == []


def test_what_sounds_ends_and_pedals_lift_once():
    told = state(note_on(0, 60, 64), note_on(0, 62, 64), note_off(0, 62), control_change(0, SUSTAIN, 127))
    assert told.take_sounding() == [note_off(0, 60), control_change(0, SUSTAIN, 0)]
    assert told.take_sounding() == []
    assert told.restoring() == [control_change(0, SUSTAIN, 127)]
