"""What look-ahead sends, message by message: All Notes Off and the model's pedal, controllers that are reset, and keys struck again."""

from engine.midi.events import SUSTAIN_PEDAL, Event, control_change, note_off, note_on
from engine.performers.lookahead.outgoing import Outgoing
from engine.performers.lookahead.rubato import PedalStep


def begun(pitch=60, channel=0, time_ns=10):
    outgoing = Outgoing()
    outgoing.put_note(1, Event(time_ns, note_on(channel, pitch, 64)), 80, channel)
    outgoing.put_pedal(1, PedalStep(20, 1, 100, 10))
    assert outgoing.pop(20) == [Event(10, note_on(channel, pitch, 80)), Event(20, control_change(channel, SUSTAIN_PEDAL, 100))]
    return outgoing


def test_all_notes_off_ends_notes_and_the_pedal_of_the_chords_before_it():
    outgoing, silence = begun(), Event(50, control_change(0, 123, 0))
    outgoing.put_message(2, silence)
    outgoing.put_end(1, 1, Event(70, note_off(0, 60, 9)))
    outgoing.put_pedal(1, PedalStep(60, 1, 90, 10))
    outgoing.put_pedal(3, PedalStep(80, 2, 110, 55))
    sent = outgoing.pop(100)
    assert sent[:3] == [Event(50, note_off(0, 60)), Event(50, control_change(0, SUSTAIN_PEDAL, 0)), silence]
    assert sent[3:] == [Event(80, control_change(0, SUSTAIN_PEDAL, 110))]  # neither the old step nor a second end


def test_what_silences_one_channel_leaves_the_notes_of_another():
    outgoing, silence = begun(channel=3), Event(50, control_change(0, 120, 0))
    outgoing.put_message(2, silence)
    outgoing.put_end(1, 1, Event(70, note_off(3, 60, 9)))
    sent = outgoing.pop(100)
    assert silence in sent and sent[-1] == Event(70, note_off(3, 60, 9))
    assert Event(50, note_off(3, 60)) not in sent


def test_after_controllers_are_reset_the_model_s_pedal_is_said_again():
    outgoing, reset = begun(), Event(50, control_change(0, 121, 0))
    outgoing.put_message(2, reset)
    outgoing.put_message(3, Event(60, control_change(4, 121, 0)))  # no note is on that channel
    assert outgoing.pop(100) == [reset, Event(50, control_change(0, SUSTAIN_PEDAL, 100)), Event(60, control_change(4, 121, 0))]
    outgoing.take_pedal(4, 110)
    outgoing.put_message(5, reset._replace(time_ns=120))
    assert outgoing.pop(130) == [Event(110, control_change(0, SUSTAIN_PEDAL, 0)), reset._replace(time_ns=120)]
