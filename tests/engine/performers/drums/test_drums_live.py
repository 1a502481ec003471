"""Pads and keys between real JACK ports, played at once by channel."""

import pytest
from drum_tracks import BONGO, HAT, KICK, SNARE
from jack_stage import Stage, stage

from engine.midi.events import is_note_on, note_off, note_on

pytestmark = pytest.mark.jack

PADS = [note_on(9, key, 100) for key in (KICK, HAT, SNARE, BONGO)]


def played(playing: Stage, *messages: bytes) -> dict[int, int]:
    """Play messages and a last key; return the velocities of what is heard, by key."""
    playing.play(*messages, note_on(0, 72, 50))
    return {message[1]: message[2] for message in playing.hear(lambda message: message[:2] == b"\x90\x48") if is_note_on(message)}


def test_pads_are_the_drummers_and_keys_the_other_performers(jack_server: str) -> None:
    told = ("--drums", "perform", "--set", "strength=0", "--set", "drums.level=model")
    with stage("Pads", *told) as playing:
        heard = played(playing, *PADS, note_on(0, 62, 40), note_off(9, SNARE))
        assert heard[62] == 40 and heard[BONGO] == 100
        assert len({heard[KICK], heard[HAT], heard[SNARE]} - {100}) > 1
        playing.tell("drums.strength 0")
        assert played(playing, *PADS) == {KICK: 100, HAT: 100, SNARE: 100, BONGO: 100, 72: 50}
        assert playing.end() == (0, "")
        playing.rest()
        assert note_off(9, SNARE) in playing.heard


def test_a_drummer_that_comes_later_plays_the_kit_and_leaves_it_alone_when_it_goes(jack_server: str) -> None:
    as_played = {KICK: 100, HAT: 100, SNARE: 100, BONGO: 100}
    with stage("Later", "--set", "strength=0") as playing:
        assert played(playing, *PADS) == {**as_played, 72: 50}
        assert playing.tell("performer drums") == "drums plays"
        playing.tell("level model"), playing.tell("strength 1")
        assert len(set(played(playing, *PADS).values()) - {100, 50}) > 1
        assert playing.tell("performer velocity") == "velocity plays"
        assert {key: velocity for key, velocity in played(playing, *PADS).items() if key != 72} == as_played
        assert playing.end() == (0, "")
