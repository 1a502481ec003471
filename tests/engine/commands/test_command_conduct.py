"""perf-live --conduct: a score that a pad conducts, between real JACK ports."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import synthetic_dexter
from command_line import PRELUDE
from jack_stage import LIMIT_S, Stage, stage

from engine.midi.events import control_change, is_note_off, is_note_on, note_off, note_on
from engine.midi.ports import open_output
from engine.midi.ports.port import OutputPort

PAD, KEY = 36, 61  # the prelude has neither
TOLD = "tap two beats, and the music begins with the third\n"


@pytest.fixture
def pads(jack_server: str) -> Iterator[OutputPort]:
    port = open_output("Pads", "jack", virtual=True)
    yield port
    port.close()


def tap(pads: OutputPort, count: int, every_s: float, velocity: int) -> None:
    for _ in range(count):
        pads.send(note_on(9, PAD, velocity))
        pads.send(note_off(9, PAD))
        time.sleep(every_s)


def told(opened: Stage, control: str) -> float:
    """Return what a control is set to."""
    status = opened.tell("status")
    found = re.search(rf"\b{control} (-?[\d.]+)", status)
    assert found, status
    return float(found[1])


@pytest.mark.jack
def test_a_pad_counts_in_leads_and_is_not_heard(pads: OutputPort, tmp_path: Path) -> None:
    model = synthetic_dexter.write_models(tmp_path)
    arguments = ("--in", "Pads", "--score", PRELUDE, "--conduct", "C2", "--set", "expression=0", "--model", model)
    with stage("Conducted", *arguments, plays=False) as opened:
        assert opened.program.stdout and opened.program.stdout.readline() == TOLD
        tap(pads, 1, 0.4, 64)
        pads.send(note_on(0, KEY, 77))
        pads.send(note_off(0, KEY))
        assert [message[1] for message in opened.hear(is_note_off)] == [KEY, KEY]  # nothing else has begun
        time.sleep(0.4)
        tap(pads, 2, 0.8, 127)
        opened.hear(lambda message: is_note_on(message) and message[1] != KEY)
        tap(pads, 6, 0.8, 127)
        slow, loud = told(opened, "tempo"), told(opened, "dynamics")
        tap(pads, 8, 0.45, 1)
        fast, soft = told(opened, "tempo"), told(opened, "dynamics")
        assert fast > 1.4 * slow and loud > 30 and soft < -30
        assert opened.tell("pause") == "paused"
        status, errors = opened.end()
        heard = [*opened.heard, *opened.rest()]
    assert (status, errors) == (0, "")
    assert not [message for message in heard if message[1] == PAD]
    assert sum(map(is_note_on, heard)) > 20
    sounding = {message[1] for message in heard if is_note_on(message)} - {message[1] for message in heard if is_note_off(message)}
    assert not sounding


@pytest.mark.jack
def test_a_pedal_conducts(pads: OutputPort, tmp_path: Path) -> None:
    model = synthetic_dexter.write_models(tmp_path)
    arguments = ("--in", "Pads", "--score", PRELUDE, "--conduct", "cc64", "--model", model)
    with stage("Pedalled", *arguments, plays=False) as opened:
        assert opened.program.stdout and opened.program.stdout.readline() == TOLD
        end_s = time.monotonic() + LIMIT_S
        while "tempo" not in opened.tell("status"):  # until it conducts
            assert time.monotonic() < end_s
            for value in (100, 0):
                pads.send(control_change(0, 64, value))
            time.sleep(0.5)
        heard = opened.hear(is_note_on)
        assert not [message for message in heard if message[:2] == b"\xb0\x40" and message[2] == 100]
        assert opened.end()[0] == 0
