"""Live pads: each stroke leaves at once with the velocity that a drummer would have given it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.midi.clock.messages import MidiClock
from engine.midi.events import Event, channel_of, is_note_on, note_on
from engine.performers.drums.expression import DrumExpression
from engine.performers.drums.networks import Networks
from engine.performers.notes.stateless import StatelessStream
from models.drums.drawing import Stroke
from models.drums.live_kit import FEATURES, Beat, LiveKit
from models.drums.representation import KEYS

PLACE = FEATURES.index("place")
MINUTE_NS = 60e9


@dataclass
class DrumsState:
    """All of a stream that changes."""

    expression: DrumExpression
    last_model_velocity: float | None = None  # carried forward to a late stroke
    likeliest: list[float] = field(default_factory=list)  # velocity of the last stroke, alone
    kit: LiveKit = field(default_factory=LiveKit)
    clock: MidiClock = field(default_factory=MidiClock)
    origin_ns: int | None = None


class DrumsStream(StatelessStream):
    """One performance. Keys that are of no drum kit go out as they came; ``kit`` says which drum a key is, where it is not General MIDI's.

    The sender's MIDI clock, where there is one, tells where in the bar a stroke is.
    """

    def __init__(self, networks: Networks, kit: Mapping[int, int], seed: int, controls: Mapping[str, float]):
        self._stepper, self._drawing = networks.live.create_stepper(), networks.live_drawing
        self._kit, self._seed = kit, seed
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        self._state = DrumsState(DrumExpression(self._seed, controls, self._drawing))

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        message = event.message
        key = self._kit.get(message[1], message[1]) if is_note_on(message) else None
        if key not in KEYS:
            return [event]
        velocity = self._strike(event.time_ns, key, message[2], late)
        return [event._replace(message=note_on(channel_of(message), message[1], velocity))]

    def _strike(self, time_ns: int, key: int, played: int, late: bool) -> int:
        state, expression = self._state, self._state.expression
        if state.origin_ns is None:
            state.origin_ns = time_ns  # so that a take is the same take at any time of day
        time_s = (time_ns - state.origin_ns) / 1e9
        features = state.kit.strike(time_s, key, self.beat(time_ns), expression.asked)
        if not late:
            self._stepper.inputs["features"][0] = features
            state.likeliest = self._stepper.step()["likeliest"][0].tolist()
            stroke = Stroke(KEYS[key][0], int(features[PLACE]), time_s)
            (state.last_model_velocity,) = expression.choose(state.likeliest, expression.read(features[None])[0], stroke)
        if state.last_model_velocity is None:
            return played
        expression.hear(state.last_model_velocity, played)
        return expression.apply(state.last_model_velocity, played)

    def rest(self) -> bool:
        self._state.expression.remember()
        return False

    def beat(self, time_ns: int) -> Beat | None:
        """Return where the sender's beat is, None where it is not known."""
        heard = self._state.clock.read(time_ns)
        known = heard.beat_ns > 0 and heard.song_quarter == heard.song_quarter  # else it is no number
        return Beat(heard.song_quarter, MINUTE_NS / heard.beat_ns) if known else None

    @property
    def likeliest(self) -> list[float]:
        """What the trees say of the last stroke's velocity, alone in a list."""
        return self._state.likeliest

    def segment(self, time_ns: int) -> int:
        """Return how often the sender has jumped in its song."""
        return self._state.clock.read(time_ns).segment

    def follow_clock(self, event: Event) -> None:
        self._state.clock.follow(event)

    def set_control(self, name: str, value: float) -> None:
        self._state.expression.controls[name] = value

    def snapshot(self) -> Any:
        return copy.deepcopy(self._state)

    def restore(self, snapshot: Any) -> None:
        self._state = copy.deepcopy(snapshot)

    def reset(self) -> None:
        self._begin(self._state.expression.controls)
