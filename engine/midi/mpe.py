"""MPE zones: channels that are one instrument, each note on a channel of its own (MIDI Polyphonic Expression 1.0, M1-100-UM).

A zone is announced by the MPE Configuration Message, registered parameter 6 on its master channel (section 2.1): the lower zone on channel
1, with members from channel 2 up, the upper on channel 16, with members from channel 15 down. Channels here are 0 to 15.
"""

from engine.midi.events import channel_of, control_change, is_control_change

LOWER_MASTER, UPPER_MASTER = 0, 15
MOST_MEMBERS = 15
CONFIGURATION = 6  # the registered parameter number
DATA_ENTRY, NON_REGISTERED, REGISTERED_LSB, REGISTERED_MSB = 6, (98, 99), 100, 101  # controllers


def configuration_message(master: int, members: int) -> tuple[bytes, ...]:
    """Return the MPE Configuration Message of a zone with ``members`` channels beside its master; 0 ends the zone."""
    numbers = ((REGISTERED_MSB, 0), (REGISTERED_LSB, CONFIGURATION), (DATA_ENTRY, members))
    return tuple(control_change(master, number, value) for number, value in numbers)


def configures(message: bytes) -> bool:
    """Return whether a channel message may change the zones."""
    return is_control_change(message) and message[1] == DATA_ENTRY and channel_of(message) in (LOWER_MASTER, UPPER_MASTER)


class Zones:
    """The zones that there are, as far as the messages that were observed tell; none at the beginning."""

    def __init__(self) -> None:
        self._members = {LOWER_MASTER: 0, UPPER_MASTER: 0}
        self._parameter: dict[int, tuple[int, int]] = {}  # by master: the registered parameter that is chosen, high and low byte

    def observe(self, message: bytes) -> None:
        """Take note of one message; only control changes on the master channels count."""
        if not is_control_change(message) or channel_of(message) not in self._members:
            return
        channel, number, value = channel_of(message), message[1], message[2]
        high, low = self._parameter.get(channel, (127, 127))
        if number == REGISTERED_MSB:
            self._parameter[channel] = value, low
        elif number == REGISTERED_LSB:
            self._parameter[channel] = high, value
        elif number in NON_REGISTERED:
            self._parameter[channel] = 127, 127
        elif number == DATA_ENTRY and (high, low) == (0, CONFIGURATION):
            self._configure(channel, min(value, MOST_MEMBERS))

    def _configure(self, master: int, members: int) -> None:
        """Begin or end a zone; the other keeps the channels that are left, and ends where none is (section 2.1.2)."""
        other = UPPER_MASTER - master
        self._members[master] = members
        self._members[other] = min(self._members[other], max(14 - members, 0))

    def instrument_of(self, channel: int) -> int:
        """Return the master channel of the zone that a channel belongs to; the channel itself outside of zones."""
        if channel <= self._members[LOWER_MASTER] and self._members[LOWER_MASTER]:
            return LOWER_MASTER
        if UPPER_MASTER - channel <= self._members[UPPER_MASTER] and self._members[UPPER_MASTER]:
            return UPPER_MASTER
        return channel

    def __contains__(self, channel: int) -> bool:
        """Return whether a channel belongs to a zone."""
        return self.instrument_of(channel) != channel or bool(self._members.get(channel))
