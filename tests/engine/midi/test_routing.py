"""What is performed and what is left alone: keys, tracks, channels, drums and MPE zones."""

import pytest

from engine.base.errors import UsageError
from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.routing import Router, Routing, Way, parse_keys


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ("C-1-B0", range(0, 24)),
        ("C4", [60]),
        ("c1 , F#3-Ab3,G9", [24, 54, 55, 56, 127]),
        ("B♭-1-B-1", [10, 11]),
        ("Cb4-C4", [59, 60]),
    ],
)
def test_keys_have_names_in_which_middle_c_is_c4(given, keys):
    assert parse_keys(given) == frozenset(keys)


@pytest.mark.parametrize("given", ["", "H2", "C", "C5-C4", "C-2", "G#9", "C1-", "24-30"])
def test_what_is_no_key_is_refused_in_one_line(given):
    with pytest.raises(UsageError, match=r"^--keyswitches .*: expected keys from C-1 \(0\) to G9 \(127\) with C4 as middle C \(60\)"):
        parse_keys(given)


def ways(routing, *events, names=()):
    router = Router(routing, names)
    found = []
    for event in events:
        router.zones.observe(event.message)
        found.append(router.way(event))
    return found


def test_keyswitches_are_their_notes_and_pressures_and_nothing_else():
    routing = Routing(keyswitches=frozenset({24}), excluded_channels=frozenset({3}))
    messages = [note_on(0, 24, 1), note_off(0, 24), b"\xa0\x18\x01", control_change(0, 24, 9), note_on(0, 25, 1), note_on(3, 24, 1)]
    found = ways(routing, *(Event(0, message) for message in messages))
    assert found == [Way.KEYSWITCH] * 3 + [Way.PERFORMED] * 2 + [Way.PAST]


def test_channel_10_is_drums_unless_the_user_or_a_zone_says_otherwise():
    drum, clock = Event(0, note_on(9, 38, 1)), Event(0, b"\xf8")
    assert ways(Routing(), drum, clock) == [Way.PAST, Way.PAST]
    assert ways(Routing(drums=False), drum, clock) == [Way.PERFORMED, Way.PAST]
    assert ways(Routing(mpe=True), drum) == [Way.PERFORMED]
    zone = [Event(0, control_change(0, number, value)) for number, value in ((101, 0), (100, 6), (6, 9))]
    assert ways(Routing(), *zone, drum)[-1] is Way.PERFORMED
    zone[2] = Event(0, control_change(0, 6, 8))  # channels 2 to 9
    assert ways(Routing(), *zone, drum)[-1] is Way.PAST


NAMES = ("", "Violin I", "Violin II", "Cello", "cello")


@pytest.mark.parametrize(
    ("routing", "left_alone"),
    [
        (Routing(tracks=("violin i",)), {0, 2, 3, 4}),
        (Routing(tracks=("Cello", "3")), {0, 1}),
        (Routing(excluded_tracks=("CELLO",)), {3, 4}),
        (Routing(tracks=("Violin I", "Violin II"), excluded_tracks=("2",)), {0, 1, 3, 4}),
    ],
)
def test_tracks_are_called_by_name_or_number(routing, left_alone):
    assert routing.tracks_left_alone(NAMES) == left_alone
    found = ways(routing, *(Event(0, note_on(0, 60, 1), track) for track in range(5)), names=NAMES)
    assert {track for track, way in enumerate(found) if way is Way.PAST} == left_alone


@pytest.mark.parametrize(("given", "hint"), [("Violine I", r"; did you mean 'Violin I'\?$"), ("6", "5 'cello'$"), ("0", "'cello'$")])
def test_a_track_that_is_not_there_is_refused_with_those_that_are(given, hint):
    with pytest.raises(UsageError, match=rf"^--track '{given}': .*allowed: 1, 2 'Violin I', 3 'Violin II', 4 'Cello', 5 'cello'.*|{hint}"):
        Routing(tracks=(given,)).tracks_left_alone(NAMES)
    with pytest.raises(UsageError, match=hint):
        Routing(excluded_tracks=(given,)).tracks_left_alone(NAMES)
