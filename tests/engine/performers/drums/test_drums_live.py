"""Pads and keys between real JACK ports, played at once by channel, and a sequencer's drums on its clock."""

import time
from collections import Counter

import pytest
from drum_tracks import BONGO, HAT, KICK, SNARE, pattern
from jack_stage import Stage, stage

from engine.midi.clock.messages import CLOCK, CLOCKS_A_QUARTER, START
from engine.midi.events import is_note_off, is_note_on, note_off, note_on

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


QUARTER_S = 0.5
CONTROLS = "ghosts=1", "style=funk", "temperature=0", "level=model"
LOOKING_AHEAD = ("--performer", "drums", "--lookahead", 1, *(word for each in CONTROLS for word in ("--set", each)))
END = note_on(9, 72, 50)  # of no kit


def sequence(playing: Stage, bars: int, clock: bool) -> tuple[list[tuple[int, int]], list[bytes]]:
    """Play bars of a beat as a sequencer does, on its clock or without one; return keys and velocities, and messages, as heard."""
    strokes: dict[int, list[int]] = {}
    for quarter, key in pattern(bars):
        strokes.setdefault(round(quarter * CLOCKS_A_QUARTER), []).append(key)
    if clock:
        playing.play(bytes([START]))
    begin_s = time.monotonic()
    for tick in range(4 * bars * CLOCKS_A_QUARTER):
        time.sleep(max(begin_s + tick * QUARTER_S / CLOCKS_A_QUARTER - time.monotonic(), 0))
        if clock:
            playing.play(bytes([CLOCK]))
        playing.play(*(note_on(9, key, 100) for key in strokes.get(tick, [])))
        playing.play(*(note_off(9, key) for key in strokes.get(tick - 3, [])))
    playing.play(END)
    heard = [each for each in playing.hear(lambda message: message == END)[:-1] if is_note_on(each) or is_note_off(each)]
    return [(message[1], message[2]) for message in heard if is_note_on(message)], heard


def test_a_sequencers_drums_are_looked_ahead_on_its_clock_and_get_ghost_notes(jack_server: str) -> None:
    sent = Counter(key for _, key in pattern(6))
    with stage("Sequencer", *LOOKING_AHEAD) as playing:
        strokes, heard = sequence(playing, 6, clock=True)
        found = Counter(key for key, _ in strokes)
        ghosts = found[SNARE] - sent[SNARE]
        assert ghosts > 0 and found == sent + Counter({SNARE: ghosts})
        softest = sorted(velocity for key, velocity in strokes if key == SNARE)
        assert softest[ghosts - 1] <= 0.4 * softest[-1] < softest[ghosts]  # they are ghosts, and the strokes that were sent are none
        assert {velocity for key, velocity in strokes if key == BONGO} == {100}
        assert len({velocity for key, velocity in strokes if key == HAT}) > 2
        sounding: Counter[int] = Counter()
        for message in heard:
            sounding[message[1]] += 1 if is_note_on(message) else -1
            assert sounding[message[1]] in (0, 1), "a stroke ends before it begins, or after the next one of its key does"
        assert playing.end() == (0, "")
        playing.rest()
        ended = Counter(message[1] for message in playing.heard if is_note_off(message))
        assert all(ended[key] >= found[key] for key in found)
    with stage("No clock", *LOOKING_AHEAD) as playing:
        assert Counter(key for key, _ in sequence(playing, 2, clock=False)[0]) == Counter(key for _, key in pattern(2))
        assert playing.end() == (0, "")
