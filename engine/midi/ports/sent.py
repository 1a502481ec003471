"""What an output has been told, so that a device that comes back can be told again: controllers, programs, bends; and what sounds there."""

from collections.abc import Container

from engine.midi.events import CONTROL_CHANGE, NOTE_OFF, NOTE_ON, control_change
from engine.midi.ledger import NoteLedger

PROGRAM_CHANGE, CHANNEL_PRESSURE, PITCH_BEND = 0xC0, 0xD0, 0xE0
BANKS = (0, 32)  # bank select, and its lower seven bits
DATA_ENTRY, DATA_ENTRY_LSB = 6, 38
DATA_INCREMENT, DATA_DECREMENT = 96, 97
PARAMETERS = {98: "NRPN", 99: "NRPN", 100: "RPN", 101: "RPN"}  # controllers that select what data entry sets
RESET_ALL_CONTROLLERS = 121
CHANNEL_MODE = 120  # the first controller number that is no controller (MIDI 1.0, table III)
PLAIN_CONTROLLERS = frozenset(range(CHANNEL_MODE)) - {*BANKS, *PARAMETERS}
MOST_PARAMETERS = 1024  # that are told again, the last ones set: there are 524,288 in all
KEPT_BY_A_RESET = {*BANKS, 7, 10, *range(70, 80), *range(91, 96)}  # MIDI recommended practice RP-015

_Parameter = tuple[int, str, int, int]  # channel, kind, number: the higher and the lower seven bits


class SentState:
    """What one output has been told since it was opened."""

    def __init__(self) -> None:
        self._ledger = NoteLedger()
        self._controllers: dict[tuple[int, int], int] = {}  # (channel, controller) -> value
        self._channel_messages: dict[int, bytes] = {}  # status byte -> the last message: program, pressure, bend
        self._selected: dict[int, str] = {}  # channel -> whether data entry sets an RPN or an NRPN
        self._parameters: dict[_Parameter, dict[int, int]] = {}  # -> data entry controller -> value

    def observe(self, message: bytes) -> None:
        """Take note of one sent message."""
        kind = message[0] & 0xF0
        if kind in (NOTE_ON, NOTE_OFF):
            self._ledger.observe(message)
        elif kind == CONTROL_CHANGE:
            self._ledger.observe(message)
            self._observe_controller(message[0] & 0x0F, message[1], message[2])
        elif kind in (PROGRAM_CHANGE, CHANNEL_PRESSURE, PITCH_BEND):
            self._channel_messages[message[0]] = message

    def take_sounding(self) -> list[bytes]:
        """Return what ends all that sounds and lifts the pedals, and forget that it sounds."""
        return [event.message for event in self._ledger.release_all()]

    def restoring(self) -> list[bytes]:
        """Return what brings a device to where this one was: banks and programs, parameters, controllers, pressure and bends."""
        programs = [message for status, message in self._channel_messages.items() if status & 0xF0 == PROGRAM_CHANGE]
        others = [message for status, message in self._channel_messages.items() if status & 0xF0 != PROGRAM_CHANGE]
        banks, selections, plain = (self._told(numbers) for numbers in (BANKS, PARAMETERS.keys(), PLAIN_CONTROLLERS))
        return [*banks, *programs, *self._parameter_messages(), *selections, *plain, *others]

    def _told(self, numbers: Container[int]) -> list[bytes]:
        return [control_change(*key, value) for key, value in self._controllers.items() if key[1] in numbers]

    def _observe_controller(self, channel: int, number: int, value: int) -> None:
        if number == RESET_ALL_CONTROLLERS:
            self._reset(channel)
        elif number in (DATA_ENTRY, DATA_ENTRY_LSB):
            if kind := self._selected.get(channel):
                high, low = (99, 98) if kind == "NRPN" else (101, 100)
                parameter = channel, kind, self._controllers.get((channel, high), 0), self._controllers.get((channel, low), 0)
                self._parameters[parameter] = {**self._parameters.pop(parameter, {}), number: value}
                if len(self._parameters) > MOST_PARAMETERS:
                    del self._parameters[next(iter(self._parameters))]
        elif number < CHANNEL_MODE and number not in (DATA_INCREMENT, DATA_DECREMENT):
            self._controllers[channel, number] = value
            if number in PARAMETERS:
                self._selected[channel] = PARAMETERS[number]

    def _reset(self, channel: int) -> None:
        self._controllers = {key: value for key, value in self._controllers.items() if key[0] != channel or key[1] in KEPT_BY_A_RESET}
        for kind in (CHANNEL_PRESSURE, PITCH_BEND):
            self._channel_messages.pop(kind | channel, None)
        self._selected.pop(channel, None)

    def _parameter_messages(self) -> list[bytes]:
        messages = []
        for (channel, kind, high, low), values in self._parameters.items():
            numbers = (99, 98) if kind == "NRPN" else (101, 100)
            messages += [control_change(channel, number, value) for number, value in zip(numbers, (high, low), strict=True)]
            messages += [control_change(channel, number, values[number]) for number in sorted(values)]
        return messages
