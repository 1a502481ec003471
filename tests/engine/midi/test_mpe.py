"""MPE zones as the specification gives them (M1-100-UM, sections 2.1 and 2.2); channels here are 0 to 15."""

import pytest

from engine.midi.events import control_change
from engine.midi.mpe import Zones, configuration_message

LOWER, UPPER = 0, 15


def zones(*messages):
    found = Zones()
    for message in messages:
        found.observe(message)
    return [found.instrument_of(channel) for channel in range(16)]


ALONE = list(range(16))


@pytest.mark.parametrize(
    ("messages", "instruments"),
    [
        ((), ALONE),
        (configuration_message(LOWER, 7), [0] * 8 + ALONE[8:]),
        (configuration_message(UPPER, 3), [*ALONE[:12], 15, 15, 15, 15]),
        (configuration_message(LOWER, 15), [0] * 16),
        ((*configuration_message(LOWER, 7), *configuration_message(UPPER, 7)), [0] * 8 + [15] * 8),
        ((*configuration_message(LOWER, 10), *configuration_message(UPPER, 9)), [0] * 6 + [15] * 10),
        ((*configuration_message(UPPER, 5), *configuration_message(LOWER, 14)), [0] * 15 + [15]),
        ((*configuration_message(LOWER, 7), *configuration_message(LOWER, 0)), ALONE),
    ],
)
def test_zones_are_those_that_were_configured_last(messages, instruments):
    assert zones(*messages) == instruments


def test_a_zone_is_bytes_b0_65_00_64_06_06_and_its_members():
    assert b"".join(configuration_message(LOWER, 5)) == bytes.fromhex("b0 65 00 b0 64 06 b0 06 05")


@pytest.mark.parametrize(
    "messages",
    [
        [control_change(1, 101, 0), control_change(1, 100, 6), control_change(1, 6, 5)],  # no master channel
        [control_change(0, 101, 0), control_change(0, 100, 0), control_change(0, 6, 5)],  # the range of the pitch bend
        [*configuration_message(LOWER, 5)[:2], control_change(0, 98, 6), control_change(0, 6, 5)],  # not a registered parameter
    ],
)
def test_other_messages_configure_nothing(messages):
    assert zones(*messages) == ALONE


def test_a_master_belongs_to_its_zone_while_there_is_one():
    found = Zones()
    assert LOWER not in found and 3 not in found
    for message in configuration_message(LOWER, 3):
        found.observe(message)
    assert all(channel in found for channel in range(4)) and 4 not in found and UPPER not in found
