"""A stream that is played to by hand: events go in, and what it sends comes out."""

from engine.midi.events import is_note_on


def play(stream, events):
    sent = []
    for event in events:
        while (due_ns := stream.next_due_ns()) is not None and due_ns < event.time_ns:
            sent += stream.advance(due_ns)
        sent += stream.feed(event)
    return sent + stream.finish()


def velocities(events):
    return [event.message[2] for event in events if is_note_on(event.message)]
