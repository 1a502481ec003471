"""The sustain pedal of a performance that looks ahead, where the network says what a pianist's foot does at each note.

A pedal that is changed at a chord goes up with the chord, and down again a little later. The sender's own pedal, once there is one, counts
in its place.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.midi.events import PROGRAM_CHANGE, SUSTAIN_PEDAL, Event, channel_of, control_change, is_channel_message, is_control_change
from engine.midi.general_midi import Programs
from engine.midi.held import ends_all_notes, resets_controllers
from models.velocity.representation import CHORD_S

DOWN, UP = 127, 0
HALF = 0.5


@dataclass
class Pedalling:
    """Moves that are decided and not sent yet, at the times of the input; what was sent last."""

    press_ns: int  # from a chord on
    lifted_share: float  # from which share on a chord is one that the pedal is lifted at
    channels: dict[int, int] = field(default_factory=dict)  # of pianos that were heard, each with its track
    moves: deque[tuple[int, int]] = field(default_factory=deque)  # time and value, in order
    planned: bool = False  # whether the pedal is down after the last of them
    down: bool = False
    taken: bool = False  # by the sender
    programs: Programs = field(default_factory=Programs)
    last_onset_ns: int | None = None

    @classmethod
    def of(cls, constants: Mapping[str, Any]) -> "Pedalling":
        """Return the pedalling of a network with these constants of its contract; one without any never moves the pedal."""
        return cls(round(constants.get("pedal_press_s", 0.0) * 1e9), constants.get("pedal_lifted_share", 1.0))

    def learn(self, constants: Mapping[str, Any], time_ns: int) -> None:
        """Go on from ``time_ns`` as another network pedals; one that never moves the pedal leaves it up."""
        new = Pedalling.of(constants)
        self.press_ns, self.lifted_share = new.press_ns, new.lifted_share
        if not self.press_ns:
            self.moves = deque([(time_ns, UP)])
            self.planned = False

    def strike(self, event: Event) -> None:
        """Hear a note-on."""
        channel = channel_of(event.message)
        if self.programs.has_pedal(channel):
            self.channels.setdefault(channel, event.track)

    def follow(self, event: Event) -> list[Event]:
        """Hear a message that is no note-on; return what is sent before it."""
        message = event.message
        if not is_channel_message(message):
            return []
        if is_control_change(message) and message[1] == SUSTAIN_PEDAL and message[2] and not self.taken:
            self.taken = True
            return self._rest(event.time_ns)
        if ends_all_notes(message) or resets_controllers(message):
            return self._rest(event.time_ns)
        if message[0] & 0xF0 != PROGRAM_CHANGE:
            return []
        channel = channel_of(message)
        self.programs.observe(message)
        if channel not in self.channels or self.programs.has_pedal(channel):
            return []
        track = self.channels.pop(channel)
        return [Event(event.time_ns, control_change(channel, SUSTAIN_PEDAL, UP), track)] if self.down else []

    def decide(self, onsets_ns: Sequence[int], moves: Sequence[Sequence[float]]) -> None:
        """Decide what is done at notes, in order, by how likely each of PEDAL_MOVES is at them."""
        chord: list[Sequence[float]] = []
        begun_ns = 0
        for onset_ns, each in zip(onsets_ns, moves, strict=True):
            joins = self.last_onset_ns is not None and onset_ns - self.last_onset_ns <= CHORD_S * 1e9
            self.last_onset_ns = onset_ns
            if joins:
                chord += [each] if chord else []  # the rest of a chord that was decided with the notes before changes nothing
                continue
            self._decide(begun_ns, chord)
            chord, begun_ns = [each], onset_ns
        self._decide(begun_ns, chord)

    def _decide(self, onset_ns: int, chord: Sequence[Sequence[float]]) -> None:
        if self.taken or not chord:
            return
        lifted, down = (sum(each) / len(chord) for each in zip(*chord, strict=True))
        stays = down >= HALF
        if self.planned and (not stays or lifted >= self.lifted_share):
            while self.moves and self.moves[-1][0] > onset_ns:
                self.moves.pop()
            self.moves.append((onset_ns, UP))
            self.planned = False
        if stays and not self.planned:
            self.moves.append((onset_ns + self.press_ns, DOWN))
            self.planned = True

    def next_ns(self) -> int | None:
        return self.moves[0][0] if self.moves else None

    def pop(self) -> list[Event]:
        """Return the next move's events, at the time of the input."""
        time_ns, value = self.moves.popleft()
        if (value == DOWN) == self.down:
            return []
        self.down = value == DOWN
        return self._send(time_ns, value)

    def finish(self, time_ns: int) -> list[Event]:
        """Return what lifts the pedal at the end of a take."""
        return self._rest(time_ns)

    def _rest(self, time_ns: int) -> list[Event]:
        """Lift the pedal, and forget what was decided."""
        self.moves.clear()
        lifted = self._send(time_ns, UP) if self.down else []
        self.planned = self.down = False
        return lifted

    def _send(self, time_ns: int, value: int) -> list[Event]:
        return [Event(time_ns, control_change(channel, SUSTAIN_PEDAL, value), track) for channel, track in sorted(self.channels.items())]
