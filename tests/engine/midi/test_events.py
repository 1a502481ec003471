"""Which bytes are a message: MIDI 1.0 detailed specification, tables I to III."""

import pytest

from engine.midi.events import is_whole


@pytest.mark.parametrize(
    "message",
    ["80 00 00", "9f 7f 7f", "a0 3c 01", "b0 40 00", "c5 07", "d0 7f", "e0 00 40", "f0 f7", "f0 7d 01 7f f7", "f1 7f", "f2 00 7f", "f3 01"]
    + ["f6", "f8", "fa", "fb", "fc", "fe", "ff"],
)
def test_a_status_with_its_data_is_whole(message):
    assert is_whole(bytes.fromhex(message))


@pytest.mark.parametrize(
    "message",
    ["", "00", "3c 40", "90", "90 3c", "90 3c 40 00", "90 80 00", "90 3c 80", "c0", "c0 01 02", "e0 40", "f0", "f0 7d 01", "f0 7d 90 f7"]
    + ["f7", "f1", "f2 00", "f8 00"],
)
def test_a_piece_or_data_above_seven_bits_is_not(message):
    assert not is_whole(bytes.fromhex(message))
