"""Made-up playing, the same for the same seed."""

from collections import defaultdict
from random import Random
from typing import NamedTuple

from engine.midi.events import (
    CHANNEL_AFTERTOUCH,
    PITCH_BEND,
    POLYPHONIC_AFTERTOUCH,
    PROGRAM_CHANGE,
    SOFT_PEDAL,
    SOSTENUTO_PEDAL,
    SUSTAIN_PEDAL,
    Event,
    control_change,
    note_off,
    note_on,
)

NS_PER_S = 1_000_000_000
KEYS = range(21, 109)  # of a piano, as MIDI pitches
PEDALS = (SUSTAIN_PEDAL, SOSTENUTO_PEDAL, SOFT_PEDAL)
CONTROLLERS = (1, 7, 10, 11)  # modulation, volume, pan, expression
CLOCK = b"\xf8"
EXPERIMENTAL = b"\xf0\x7d"  # a system exclusive message of no manufacturer
LONGEST_EXCLUSIVE_BYTES = 60

SLOT_NS = (25_000_000, 40_000_000)
BIG_CHORD_NOTES = 10
BIG_CHORD_EVERY_SLOTS = 62  # two seconds
FIRST_BIG_CHORD = 20  # slot: within the first second
SMALL_CHORDS_NOTES, SMALL_CHORDS_WEIGHTS = (1, 2, 3), (61, 27, 12)  # with the big chords and the prober's pauses: 50 notes a second
HELD_SLOTS = (2, 14)  # how long a note is held: 65 to 455 ms
BESIDE_NOTES_CHANCE = 0.2  # of another message right before, and of one right after, the note-ons of a slot
MOST_BETWEEN = 2  # other messages between two slots' notes
LAST_SLOT_NS = 40_000_000

PHRASE_S, REST_S = (2.0, 10.0), (0.3, 4.0)
PHRASE_NOTES_PER_S = (2.0, 12.0)  # moments, each of one note or more
CHORD_NOTES, CHORD_WEIGHTS = (1, 2, 3, 4), (70, 15, 10, 5)
PHRASE_HELD_S = (0.04, 1.5)
PHRASE_PEDAL_CHANCE = 0.1  # of a pedal movement before a moment's notes

TAKE_HELD_S = (0.05, 0.6)
TAKE_PEDAL_EVERY_NOTES = 16


class Slot(NamedTuple):
    """A moment of playing: ``together`` is sent at its beginning, ``between`` on the way to the next slot, ``duration_ns`` later."""

    duration_ns: int
    together: tuple[bytes, ...]
    between: tuple[bytes, ...]


def live_pattern(seconds: float, seed: int = 0) -> list[Slot]:
    """Return about ``seconds`` of dense playing that ends with every note and pedal released.

    A slot, 25 to 40 ms, begins with a note or a chord of two or three, every two seconds with a chord of ten. Before, after and between the
    notes stand note-offs with release velocities and every other kind of message: pedals, controllers, pitch bend, both aftertouches,
    program changes, system exclusives, clock bytes.
    """
    hands = _Hands(Random(seed))
    slots: list[Slot] = []
    length_ns = 0
    while length_ns < seconds * NS_PER_S:
        slots.append(hands.play(len(slots)))
        length_ns += slots[-1].duration_ns
    return [*slots, Slot(LAST_SLOT_NS, tuple(hands.release_all()), ())]


class _Hands:
    def __init__(self, random: Random):
        self._random = random
        self._held: set[int] = set()  # pitches
        self._releases: dict[int, list[int]] = defaultdict(list)  # slot -> pitches

    def play(self, number: int) -> Slot:
        random = self._random
        releases = self._releases.pop(number, [])
        at_once = [pitch for pitch in releases if random.random() < 0.5]  # the other half before the next slot
        self._held.difference_update(at_once)
        together = [*map(self._release, at_once), *self._beside(), *self._strike(number), *self._beside()]
        later = [pitch for pitch in releases if pitch not in at_once]
        self._held.difference_update(later)
        between = [*map(self._release, later), *(self._other() for _ in range(random.randint(0, MOST_BETWEEN)))]
        random.shuffle(between)
        return Slot(random.randint(*SLOT_NS), tuple(together), tuple(between))

    def release_all(self) -> list[bytes]:
        return [*map(self._release, sorted(self._held)), *(control_change(0, pedal, 0) for pedal in PEDALS)]

    def _strike(self, number: int) -> list[bytes]:
        random = self._random
        big = number % BIG_CHORD_EVERY_SLOTS == FIRST_BIG_CHORD
        size = BIG_CHORD_NOTES if big else random.choices(SMALL_CHORDS_NOTES, SMALL_CHORDS_WEIGHTS)[0]
        pitches = random.sample([pitch for pitch in KEYS if pitch not in self._held], size)
        for pitch in pitches:
            self._held.add(pitch)
            self._releases[number + random.randint(*HELD_SLOTS)].append(pitch)
        return [note_on(0, pitch, random.randint(1, 127)) for pitch in pitches]

    def _release(self, pitch: int) -> bytes:
        return note_off(0, pitch, self._random.randrange(128))

    def _beside(self) -> list[bytes]:
        return [self._other()] if self._random.random() < BESIDE_NOTES_CHANCE else []

    def _other(self) -> bytes:
        """Return a message of any kind but a note."""
        random = self._random
        channel, first, second = random.randrange(16), random.randrange(128), random.randrange(128)
        exclusive = bytes(random.randrange(128) for _ in range(random.randint(1, LONGEST_EXCLUSIVE_BYTES)))
        return random.choice(
            (
                control_change(0, SUSTAIN_PEDAL, first),
                control_change(0, SUSTAIN_PEDAL, 127 * (first % 2)),
                control_change(0, random.choice(PEDALS), second),
                control_change(channel, random.choice(CONTROLLERS), second),
                bytes((PITCH_BEND | channel, first, second)),
                bytes((CHANNEL_AFTERTOUCH | channel, first)),
                bytes((POLYPHONIC_AFTERTOUCH | channel, first, second)),
                bytes((PROGRAM_CHANGE | channel, first)),
                EXPERIMENTAL + exclusive + b"\xf7",
                CLOCK,
            )
        )


def piano_take(notes: int, notes_per_s: float, seed: int = 0) -> list[Event]:
    """Return a take of so many notes, with note-offs and sustain pedal, in order of time from 0."""
    random = Random(seed)
    events = []
    time_s = 0.0
    for number in range(notes):
        pitch = random.choice(KEYS)
        released_s = time_s + random.uniform(*TAKE_HELD_S)
        events.append(Event(round(time_s * NS_PER_S), note_on(0, pitch, random.randint(1, 127))))
        events.append(Event(round(released_s * NS_PER_S), note_off(0, pitch, random.randrange(128))))
        if number % TAKE_PEDAL_EVERY_NOTES == 0:
            events.append(Event(round(time_s * NS_PER_S), control_change(0, SUSTAIN_PEDAL, random.randrange(128))))
        time_s += random.uniform(0, 2) / notes_per_s
    return sorted(events, key=lambda event: event.time_ns)


def phrases(seconds: float, seed: int = 0) -> list[Event]:
    """Return about ``seconds`` of a person's playing, in order of time from 0: phrases, fast and slow, and rests, chords, half pedals.

    No key is pressed while it is down; at the end every key and the pedal are up.
    """
    random = Random(seed)
    events: list[Event] = []
    released_s: dict[int, float] = {}
    time_s = 0.0
    while time_s < seconds:
        end_s, moments_per_s = time_s + random.uniform(*PHRASE_S), random.uniform(*PHRASE_NOTES_PER_S)
        while time_s < min(end_s, seconds):
            if random.random() < PHRASE_PEDAL_CHANCE:
                events.append(_event(time_s, control_change(0, SUSTAIN_PEDAL, random.randrange(128))))
            up = [pitch for pitch in KEYS if released_s.get(pitch, 0.0) <= time_s]
            for pitch in random.sample(up, random.choices(CHORD_NOTES, CHORD_WEIGHTS)[0]):
                released_s[pitch] = time_s + random.uniform(*PHRASE_HELD_S)
                events.append(_event(time_s, note_on(0, pitch, random.randint(1, 127))))
                events.append(_event(released_s[pitch], note_off(0, pitch, random.randrange(128))))
            time_s += random.expovariate(moments_per_s)
        events.append(_event(max([time_s, *released_s.values()]), control_change(0, SUSTAIN_PEDAL, 0)))
        time_s += random.uniform(*REST_S)
    return sorted(events, key=lambda event: event.time_ns)


def _event(time_s: float, message: bytes) -> Event:
    return Event(round(time_s * NS_PER_S), message)
