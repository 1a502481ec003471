"""Live drums with look-ahead: everything is delayed by a stated time, and what is struck on the sender's beat is played off it.

The sender's MIDI clock says where in the bar a stroke is. Its velocity is what the trees for whole grooves, of all that is known when it is
decided, and the trees for live pads say in the mean: both together are nearer to drummers than either. One on a sixteenth or a triplet was
written, and gets timing too; any other was played there. Without a clock the trees for live pads give velocities, and nothing is moved.
"""

import copy
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine.midi.clock.messages import CLOCK, CLOCKS_A_QUARTER
from engine.midi.events import Event, channel_of, is_note_on, note_on
from engine.performers.drums.added import Added
from engine.performers.drums.expression import DrumExpression
from engine.performers.drums.moving import Before, Moving
from engine.performers.drums.networks import Networks
from engine.performers.drums.stream import DrumsStream
from models.drums.added import FLAM, GHOST, GHOST_KEY, STRAIGHT, SWUNG, loudest_ghost, may_be_flams, swings
from models.drums.drawing import Stroke
from models.drums.groove import FEATURES, groove_features
from models.drums.live_kit import BAR_QUARTERS
from models.drums.representation import GRIDS, KEYS, SNARE, STROKE_DTYPE, steps_of

ROLE, PLACE, PLACE_IN_QUARTER = (FEATURES.index(name) for name in ("role", "place", "place_in_quarter"))
WRITTEN_S = 0.008  # so near to the grid a sequencer's strokes come through a driver
REMEMBERED_QUARTERS = 32
GHOST_QUARTERS = 1 / 8
BEATS_HEARD, SNARES_HEARD = 64, 32
MOST_DECIDING_S = 0.12  # before it is due, a stroke is decided


class Placed(NamedTuple):
    """A stroke in the sender's song. ``quarter`` is where it is written, or else where it was played."""

    key: int
    quarter: float
    tempo: float
    time_s: float
    written: bool
    ghost: bool = False


class Waiting(NamedTuple):
    """A message that is yet to be decided, as the drummer plays it without look-ahead.

    ``placed``: where a stroke is in the song; ``played``: its velocity; ``likeliest``: what the trees for live pads say of that. A ghost
    note that may be added has the last stroke of the snare, as it was played.
    """

    time_ns: int
    event: Event
    placed: Placed | None = None
    played: int = 0
    likeliest: Sequence[float] = ()


@dataclass
class LookaheadState:
    """All of a stream that changes, but for the drummer without look-ahead in it."""

    expression: DrumExpression
    moving: Moving
    added: Added
    waiting: deque[Waiting] = field(default_factory=deque)
    placed: deque[Placed] = field(default_factory=deque)
    on_beats_ms: deque[float] = field(default_factory=lambda: deque(maxlen=BEATS_HEARD))
    snares: deque[int] = field(default_factory=lambda: deque(maxlen=SNARES_HEARD))
    snare: Event | None = None  # the last one, for the key of ghost notes
    segment: int = 0
    origin_ns: int | None = None


class DrumsLookaheadStream:
    """One performance, ``latency_ns`` late."""

    def __init__(self, networks: Networks, kit: Mapping[int, int], latency_ns: int, seed: int, controls: Mapping[str, float]):
        self._networks, self._kit, self._latency_ns, self._seed = networks, kit, latency_ns, seed
        self._deciding_ns = min(round(MOST_DECIDING_S * 1e9), latency_ns // 2)
        self._spare_ns = self._deciding_ns // 4
        self._live = DrumsStream(networks, kit, seed, controls)
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        expression = DrumExpression(self._seed, controls, self._networks.groove_drawing)
        added = Added(self._networks.added, expression.controls, self._seed)
        self._state = LookaheadState(expression, Moving(self._kit, self._spare_ns), added)

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """``late`` changes nothing: the look-ahead makes up for it."""
        sent = self.advance(event.time_ns)
        (as_live,) = self._live.feed(event)
        placed = self._place(event)
        if placed is not None:
            self._state.placed.append(placed)
        given = (event.message[2], self._live.likeliest) if placed else ()
        self._state.waiting.append(Waiting(event.time_ns, as_live, placed, *given))
        return sent + self.advance(event.time_ns)

    def _place(self, event: Event) -> Placed | None:
        """Return where a stroke is in the song; None for another message, and without a clock."""
        state, message = self._state, event.message
        key = self._kit.get(message[1], message[1]) if is_note_on(message) else None
        beat = self._live.beat(event.time_ns)
        if key not in KEYS or beat is None:
            return None
        near = min((math.floor(beat.quarter * grid + 0.5) / grid for grid in GRIDS), key=lambda quarter: abs(quarter - beat.quarter))
        written = abs(near - beat.quarter) * 60 / beat.tempo <= WRITTEN_S
        if KEYS[key][0] == SNARE:
            state.snare = event
        return Placed(key, near if written else beat.quarter, beat.tempo, self._seconds(event.time_ns), written)

    def _seconds(self, time_ns: int) -> float:
        if self._state.origin_ns is None:
            self._state.origin_ns = time_ns
        return (time_ns - self._state.origin_ns) / 1e9

    def follow_clock(self, event: Event) -> None:
        """Hear the sender's beat; where a ghost note may be, one waits to be decided."""
        state = self._state
        self._live.follow_clock(event)
        if (segment := self._live.segment(event.time_ns)) != state.segment:  # what was struck is elsewhere in the song now
            state.segment = segment
            state.placed.clear()
        beat = self._live.beat(event.time_ns)
        if event.message[0] != CLOCK or beat is None or not state.expression.controls["ghosts"] or state.snare is None:
            return
        a_quarter = SWUNG if swings(np.array([each.quarter for each in state.placed])) else STRAIGHT
        tick = round(beat.quarter * CLOCKS_A_QUARTER)
        if tick % (CLOCKS_A_QUARTER // a_quarter) == 0:
            quarter = tick / CLOCKS_A_QUARTER
            placed = Placed(GHOST_KEY, quarter, beat.tempo, self._seconds(event.time_ns), True, ghost=True)
            state.waiting.append(Waiting(event.time_ns, state.snare, placed))

    def advance(self, now_ns: int) -> list[Event]:
        while self._state.waiting and self._decision_ns(self._state.waiting[0]) <= now_ns:
            self._decide(self._state.waiting.popleft())
        return self._state.moving.pop(now_ns)

    def next_due_ns(self) -> int | None:
        state = self._state
        deciding = [self._decision_ns(state.waiting[0])] if state.waiting else []
        moved = state.moving.next_ns()
        return min([*deciding, *([] if moved is None else [moved])], default=None)

    def finish(self) -> list[Event]:
        while self._state.waiting:
            self._decide(self._state.waiting.popleft())
        return self._state.moving.pop(None)

    def _decision_ns(self, waiting: Waiting) -> int:
        return waiting.time_ns + self._latency_ns - self._deciding_ns

    def _decide(self, waiting: Waiting) -> None:
        state, placed = self._state, waiting.placed
        due_ns = waiting.time_ns + self._latency_ns
        if placed is None:
            state.moving.put(waiting.event, due_ns, 0, self._following())
        elif not placed.ghost or self._is_added(placed):
            self._strike(waiting, placed, due_ns)
        while placed is not None and state.placed and state.placed[0].quarter < placed.quarter - REMEMBERED_QUARTERS:
            state.placed.popleft()

    def _is_added(self, placed: Placed) -> bool:
        """Return whether a ghost note is added where one may be."""
        state = self._state
        snares = [each.quarter for each in state.placed if KEYS[each.key][0] == SNARE]
        if not state.placed or np.isin(steps_of(np.array([placed.quarter])), steps_of(np.array(snares, float))).any():
            return False
        features = groove_features(_strokes([placed]), state.expression.asked, _strokes(state.placed))
        return bool(state.added.choose(GHOST, features)[0])

    def _strike(self, waiting: Waiting, placed: Placed, due_ns: int) -> None:
        state, expression = self._state, self._state.expression
        if placed.ghost:
            state.placed.append(placed)
        around = _strokes(sorted(state.placed, key=lambda each: each.quarter))
        features = groove_features(_strokes([placed]), expression.asked, around)
        of_groove, timing_ms = self._networks.groove.run({"features": features}, {})[0]["likeliest"][0].tolist()
        velocity = float(np.mean([of_groove, *waiting.likeliest]))
        stroke = Stroke(int(features[0, ROLE]), int(features[0, PLACE]), placed.time_s)
        model_velocity, later_ms = expression.choose([velocity, timing_ms], expression.read(features)[0], stroke)
        if features[0, PLACE_IN_QUARTER] == 0:
            state.on_beats_ms.append(later_ms)
        later_ms = (later_ms - float(np.median(state.on_beats_ms or [0.0]))) * expression.controls["timing"] * placed.written
        if placed.ghost:
            ghost = min(expression.apply_to_added(model_velocity), loudest_ghost(np.array(state.snares or [127])))
            state.moving.add(waiting.event, due_ns + self._moved_ns(later_ms), ghost, round(GHOST_QUARTERS * 60e9 / placed.tempo))
            return
        expression.hear(model_velocity, waiting.played)
        velocity = expression.apply(model_velocity, waiting.played)
        message = waiting.event.message
        event = waiting.event._replace(message=note_on(channel_of(message), message[1], velocity))
        if KEYS[placed.key][0] == SNARE:
            state.snares.append(velocity)
        state.moving.put(event, due_ns, self._moved_ns(later_ms), self._following(), self._grace(placed, features, around, velocity))

    def _grace(self, placed: Placed, features: np.ndarray, around: np.ndarray, velocity: int) -> Before | None:
        """Return the grace stroke before a stroke of this velocity, where there is one."""
        state = self._state
        if not (placed.written and state.expression.controls["flams"]):
            return None
        own = (around["quarter"] == placed.quarter) & (around["key"] == placed.key)
        if not may_be_flams(around)[own].any() or not state.added.choose(FLAM, features)[0]:
            return None
        before_s, share = state.added.grace()
        return Before(round(before_s * 1e9), max(1, round(velocity * share)))

    def _following(self) -> Iterable[Event]:
        return (each.event for each in self._state.waiting if each.placed is None or not each.placed.ghost)

    def _moved_ns(self, later_ms: float) -> int:
        """Return by how much a stroke is moved: no further back than it is decided beforehand."""
        return max(round(later_ms * 1e6), self._spare_ns - self._deciding_ns)

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def rest(self) -> bool:
        return False

    def set_control(self, name: str, value: float) -> None:
        self._live.set_control(name, value)
        self._state.expression.controls[name] = value

    def snapshot(self) -> Any:
        return self._live.snapshot(), copy.deepcopy(self._state, {id(self._networks.added): self._networks.added})

    def restore(self, snapshot: Any) -> None:
        live, state = snapshot
        self._live.restore(live)
        self._state = copy.deepcopy(state, {id(self._networks.added): self._networks.added})

    def reset(self) -> None:
        self._live.reset()
        self._begin(self._state.expression.controls)


def _strokes(placed: Sequence[Placed]) -> np.ndarray:
    strokes = np.zeros(len(placed), STROKE_DTYPE)
    strokes["quarter"], strokes["key"] = [each.quarter for each in placed], [each.key for each in placed]
    strokes["tempo"], strokes["bar_quarters"] = [each.tempo for each in placed], BAR_QUARTERS
    strokes["bar_quarter"] = np.floor(strokes["quarter"] / BAR_QUARTERS) * BAR_QUARTERS
    return strokes
