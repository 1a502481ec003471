"""What tests of live notes share: takes, how they are performed with look-ahead, and what must hold of what is sent."""

import random
import threading
from collections import Counter, defaultdict

import numpy as np

from engine.base.clock import VirtualClock
from engine.midi.events import (
    SUSTAIN_PEDAL,
    Event,
    channel_of,
    control_change,
    is_control_change,
    is_note_off,
    is_note_on,
    note_off,
    note_on,
)
from engine.midi.file import MidiTimeline
from engine.performers.lookahead.window import BackgroundComputer
from engine.performers.score_playing.keys import UNISON_S
from engine.runtime.loop import Engine
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import FileSource

LOOKAHEAD_S = 2.0
LATENCY_NS = 2_000_000_000
BOUND_NS = 250_000_000
SONG_SIXTEENTHS = 10  # where a clocked take begins
START, CONTINUE, STOP, CLOCK = (bytes((status,)) for status in (0xFA, 0xFB, 0xFC, 0xF8))


def run(performer, events, controls=None, seed=0, controller_map=None):
    """Perform events with the engine on a virtual clock; return what was sent and the report."""
    sink, clock = CollectingSink(), VirtualClock(7_000_000_000)
    stream = performer.create_stream(seed, controls or {})
    source = FileSource(MidiTimeline(sorted(events, key=lambda event: event.time_ns)), clock)
    report = Engine(source, performer, stream, [sink], clock, controller_map).run()
    assert sink.origin_ns == 7_000_000_000 + LATENCY_NS
    return [event._replace(time_ns=event.time_ns - 7_000_000_000) for event in sink.sent], report


def drive(stream, events):
    """Play events as the engine does, if need be in time with a worker, and to the end; return what is sent."""
    sent = play(stream, events)
    while (due_ns := stream.next_due_ns()) is not None:
        sent += advance_in_time(stream, due_ns)
    return sent


def play(stream, events):
    sent = []
    for event in events:
        while (due_ns := stream.next_due_ns()) is not None and due_ns < event.time_ns:
            sent += advance_in_time(stream, due_ns)
        sent += stream.feed(event)
    return sent


def advance_in_time(stream, due_ns):
    if isinstance(stream._computer, BackgroundComputer) and stream._state.request:
        stream._computer._answer.result(60)
    return stream.advance(due_ns)


def flat_take(seconds=20, velocity=64, beat_s=0.6):
    """A melody over broken chords on an exact grid, legato, without touch."""
    events = []
    for eighth in range(int(seconds / beat_s * 2)):
        pitches = [(48, 55, 52, 55)[eighth % 4]] + [72 + (eighth // 2) % 5 * 2] * (eighth % 2 == 0)
        for pitch in pitches:
            begin, length = eighth * beat_s / 2, beat_s / 2 * (2 if pitch >= 72 else 1)
            events.append(Event(round(begin * 1e9), note_on(0, pitch, velocity)))
            events.append(Event(round((begin + length) * 1e9) - 1_000_000, note_off(0, pitch, 33)))
    return sorted(events)


def clocked(events, beat_s=0.6):
    last_s = max(event.time_ns for event in events) / 1e9
    ticks = [Event(round(index * beat_s / 24 * 1e9), CLOCK) for index in range(int(last_s / beat_s * 24))]
    song_position = Event(0, bytes((0xF2, SONG_SIXTEENTHS, 0)))
    return [song_position, *sorted([Event(0, CONTINUE), *ticks, *events], key=lambda event: (event.time_ns, len(event.message)))]


def onsets(events):
    """Return (channel, pitch) -> times of note-ons, in order."""
    found = defaultdict(list)
    for event in sorted(events, key=lambda event: event.time_ns):
        if is_note_on(event.message):
            found[channel_of(event.message), event.message[1]].append(event.time_ns)
    return found


def shifts_ns(events, sent):
    came, left = onsets(events), onsets(sent)
    assert {key: len(times) for key, times in came.items()} == {key: len(times) for key, times in left.items()}
    return np.array([out - due - LATENCY_NS for key in came for due, out in zip(came[key], left[key], strict=True)])


def pedal(events):
    return [event for event in events if is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL]


def is_other(event):
    """Whether it is a channel message that is to go through as it is."""
    return not (is_note_on(event.message) or is_note_off(event.message) or is_system(event))


def is_system(event):
    return event.message[0] >= 0xF0


def random_take(seed, seconds=3.0, notes_a_second=500):
    """Anything that may come, all at once; every note-off has its note-on, and a pedal is pressed at once, so that it is the sender's."""
    rng, now_ns, events, down = random.Random(seed), 0, [Event(0, control_change(0, SUSTAIN_PEDAL, 1))], []
    others = [
        lambda channel: control_change(channel, rng.choice((0, 1, 7, 11, SUSTAIN_PEDAL, 123)), rng.randrange(128)),
        lambda channel: bytes((0xE0 | channel, rng.randrange(128), rng.randrange(128))),
        lambda channel: bytes((0xC0 | channel, rng.randrange(128))),
        lambda channel: bytes((0xA0 | channel, rng.randrange(128), rng.randrange(128))),
        lambda _: rng.choice((START, STOP, CONTINUE, bytes((0xF2, rng.randrange(128), rng.randrange(3))))),
        lambda _: CLOCK,
    ]
    while now_ns < seconds * 1e9:
        now_ns += round(rng.expovariate(2 * notes_a_second) * 1e9) * (rng.random() < 0.7)
        choice = rng.random()
        if choice < 0.45:
            key = rng.randrange(3), rng.randrange(50, 62)
            events.append(Event(now_ns, note_on(*key, rng.randrange(1, 128)), rng.randrange(2)))
            down.append((*key, events[-1].track))
        elif choice < 0.9 and down:
            channel, pitch, track = down.pop(rng.randrange(len(down)))
            events.append(Event(now_ns, rng.choice((note_off(channel, pitch, 9), note_on(channel, pitch, 0))), track))
        else:
            events.append(Event(now_ns, rng.choice(others)(rng.randrange(3))))
    ends = [Event(now_ns, note_off(channel, pitch), track) for channel, pitch, track in down]
    return [*events, *ends, *(Event(now_ns, control_change(channel, SUSTAIN_PEDAL, 0)) for channel in range(3))]


def assert_nothing_is_lost(events, sent):
    assert [event.time_ns for event in sent] == sorted(event.time_ns for event in sent)
    for kind in (is_system, is_other):
        through = [event._replace(time_ns=event.time_ns + LATENCY_NS) for event in events if kind(event)]
        assert [event for event in sent if kind(event)] == through
    assert np.abs(shifts_ns(events, sent)).max() <= BOUND_NS
    sounding, begun_ns = Counter(), {}
    for event in sent:
        if not (is_other(event) or is_system(event)):
            key = event.track, channel_of(event.message), event.message[1]  # a track's own: tracks that share a channel are apart
            if is_note_on(event.message):
                assert not sounding[key] or event.time_ns - begun_ns[key] <= 1e9 * UNISON_S, "a key was pressed that was down"
                begun_ns[key] = begun_ns[key] if sounding[key] else event.time_ns
            sounding[key] += 1 if is_note_on(event.message) else -1
            assert sounding[key] >= 0, "a note-off came before its note-on"
    assert not +sounding, "a note-on was not followed by its note-off"


def notes_of(sent):
    return sorted((event for event in sent if is_note_on(event.message)), key=lambda event: event.time_ns)


class Gate:
    """The networks, that answer when they may."""

    def __init__(self, networks):
        self._networks = networks
        self.descriptors = networks.descriptors
        self.open = threading.Event()
        self.open.set()
        self.evaluations = Counter()

    def mean(self, *arguments):
        assert self.open.wait(60)
        return self._networks.mean(*arguments)

    def denoise(self, *arguments):
        self.evaluations[len(arguments[0])] += 1
        return self._networks.denoise(*arguments)
