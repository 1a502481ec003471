"""An accompaniment in progress: the soloist's notes go through at once, and the other parts of the score come with them."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.base.saying import say
from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, control_change, is_channel_message, is_note_on
from engine.performers.controls import Control, with_defaults
from engine.performers.score_playing.positions import BarName, Place, Positions
from engine.runtime.following.accompaniment import Accompaniment, NothingShown, Together
from engine.runtime.following.controls import CONTROLS, ON
from engine.runtime.following.listener import Beat, Listener, told_apart
from engine.runtime.following.plan import Group, plan_groups
from engine.runtime.following.rendition import Rendition, is_pedal
from engine.runtime.following.solo import SAME_QUARTERS
from engine.runtime.following.timing import Clock, Timing
from engine.score.piece import Piece

PATIENCE_QUARTERS = 2.0  # so far the accompaniment goes on by itself where the soloist has stopped
LEAD_NS = 1_000_000_000  # before the accompanist begins where the score gives it the upbeat
RUSHED_SEC = 0.15  # notes that the soloist has overtaken by more are left out
LEAP_SEC, LEAP_STATES = 1.0, 3  # further from where the soloist was expected it is a leap
SILENT_NS = 4_000_000_000  # after which what sounds is ended where the soloist has stopped
DYNAMICS = "dynamics"  # the performer's control
WHILE_IT_PLAYS = {DYNAMICS, *(control.name for control in CONTROLS)}


class DuoStream:
    """Follows the protocol of ``engine.performers.protocol``; like a ``ScoreStream`` it can be started, paused and moved.

    ``choices`` has the parts that the soloist may play: one, or several of which it is found out.
    """

    counts = None
    ended = False  # a soloist may always begin again
    interpretation = NothingShown()

    def __init__(
        self,
        piece: Piece,
        rendition: Rendition,
        choices: Mapping[str, np.ndarray],
        controls: tuple[Control, ...],
        values: Mapping[str, float],
        pace: float = 1.0,
        hints: bool = False,
        timing: Timing | None = None,
    ):
        """``pace``: how many times as slow as the performer would begin. ``hints``: the soloist's own part is played softly as well."""
        self.controls = (*controls, *CONTROLS)
        self._piece, self._rendition, self._hints = piece, rendition, hints
        self._positions, self._timing, self._pace = Positions(piece.score), timing or Timing(), pace
        self._given = with_defaults(self.controls, values)
        self._listeners = {name: Listener(piece, rendition, rows) for name, rows in choices.items()}
        self._message_x = [message.time_sec for message in rendition.messages]
        self._choose(next(iter(choices)) if len(choices) == 1 else None)
        self.reset()

    def _choose(self, name: str | None) -> None:
        """Accompany a soloist who plays a part, or find out which."""
        self.followed = name
        self._groups: list[Group] = []
        if name is not None:
            listener = self._listeners[name]
            self._groups = plan_groups(self._piece, self._rendition, listener.rows, self._hints)

    @property
    def _listener(self) -> Listener | None:
        return None if self.followed is None else self._listeners[self.followed]

    # What a score can be told

    def start(self, now_ns: int) -> None:
        """Wait for the soloist, or lead where the accompaniment begins."""
        state = self._state
        if state.running:
            return
        state.running, state.now_ns, state.last_ns = True, now_ns, now_ns
        state.outgoing += self._set_up(now_ns)
        listener = self._listener
        if listener and self._groups and state.next_group == 0 and self._groups[0].quarter < listener.solo.onsets[0] - SAME_QUARTERS:
            state.clock = Clock(self._groups[0].x, now_ns + LEAD_NS, self._pace)
            self._hold_after(-1)

    def restart(self, now_ns: int) -> None:
        """Begin anew."""
        self._go(0.0, now_ns)
        self._state.running = False
        self.start(now_ns)

    def pause(self, now_ns: int) -> None:
        """Stop; what sounds is released. The soloist's notes still go through."""
        state = self._state
        if state.running:
            state.running, state.clock = False, None
            state.outgoing += state.release(now_ns)

    def seek(self, bar: BarName, now_ns: int) -> None:
        """Wait for the soloist at the beginning of a bar. Raises UsageError when there is none of that number."""
        self._state.loop = None
        self._go(self._positions.bar(bar)[0], now_ns)

    def loop(self, first_bar: BarName, last_bar: BarName, now_ns: int) -> None:
        """Accompany these bars only, as often as they are played. Raises UsageError when they are not in order."""
        begin, end = self._state.loop = self._positions.bars(first_bar, last_bar)
        for listener in self._listeners.values():
            listener.loop(begin, end)
        self._go(self._state.loop[0], now_ns)

    def leave_loop(self) -> None:
        """Go on after the last bar of the loop."""
        self._state.loop = None
        for listener in self._listeners.values():
            listener.loop(0.0, 0.0)

    @property
    def running(self) -> bool:
        return self._state.running

    @property
    def notes(self) -> int:
        """How many notes have begun."""
        return self._state.notes

    @property
    def left_out(self) -> int:
        """How many notes were left out because the soloist had overtaken them."""
        return self._state.left_out

    def place(self, now_ns: int) -> Place:
        """Return where it is now. Safe from any thread."""
        clock, curve = self._state.clock, self._rendition
        if clock is None or len(curve.quarters) < 2:
            return self._positions.place(self._state.heard_quarter or 0.0, 0.0)
        x = max(clock.x_at(now_ns), float(curve.seconds[0]))
        index = int(np.clip(np.searchsorted(curve.seconds, x, side="right") - 1, 0, len(curve.seconds) - 2))
        period = (curve.seconds[index + 1] - curve.seconds[index]) / (curve.quarters[index + 1] - curve.quarters[index])
        quarter = min(float(np.interp(x, curve.seconds, curve.quarters)), self._state.hold_quarter)
        return self._positions.place(quarter, float(60 / period / clock.pace))

    def together(self) -> Together:
        """Return how soloist and accompaniment are together. Safe from any thread."""
        state, listener = self._state, self._listener
        place = None if state.heard_quarter is None else self._positions.place(state.heard_quarter, 0.0)
        return Together(self.followed, place, listener.confidence if listener else 0.0, state.ahead_ns, state.silent)

    def rest_controllers(self, time_ns: int) -> list[Event]:
        return []

    def close(self) -> None:
        pass

    # The protocol of a stream

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """Let the soloist's events through; they are thought of when they are on their way."""
        state, message = self._state, event.message
        if is_channel_message(message):
            if is_note_on(message):
                state.heard.append(event)
            elif is_pedal(message) and not state.pedals:
                state.pedals = True
                state.outgoing += self._lift_pedal(event.time_ns)
        return [event]

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def finish(self) -> list[Event]:
        return []

    def rest(self) -> bool:
        return False

    def set_control(self, name: str, value: float) -> None:
        """Hear a value. What the performer made its performance with cannot be changed any more, which is said."""
        if name not in WHILE_IT_PLAYS and value != self._state.values.get(name, value):
            say(f"{name} holds from the beginning of a duo, which is thought through beforehand; begin again with --set {name}={value:g}")
            return
        self._state.values[name] = value

    def snapshot(self) -> Any:
        return copy.deepcopy(self._state), self.followed, {name: each.snapshot() for name, each in self._listeners.items()}

    def restore(self, snapshot: Any) -> None:
        state, followed, listeners = snapshot
        if followed != self.followed:
            self._choose(followed)
        self._state = copy.deepcopy(state)
        for name, each in self._listeners.items():
            each.restore(listeners[name])

    def reset(self) -> None:
        if len(self._listeners) > 1:
            self._choose(None)
        self._state = Accompaniment(dict(self._given))
        for listener in self._listeners.values():
            listener.expect(0)

    def next_due_ns(self) -> int | None:
        state = self._state
        if state.heard:
            return max(state.heard[0].time_ns, state.now_ns)
        if state.outgoing:
            return state.now_ns
        due = [state.begins[0].time_ns] if state.begins else []
        if (clock := state.clock) is not None and state.running:
            if (group := self._next_group()) is not None:
                due.append(self._due_ns(clock, group))
            if state.next_message < len(self._message_x) and self._may_pass(self._message_x[state.next_message]):
                due.append(clock.time_at(self._message_x[state.next_message]))
            if state.ends:
                end_x = state.ends[0][0]
                due.append(clock.time_at(end_x) if self._may_pass(end_x) else state.last_ns + SILENT_NS)
        return max(min(due), state.now_ns) if due else None

    def advance(self, now_ns: int) -> list[Event]:
        state = self._state
        state.now_ns = max(now_ns, state.now_ns)
        sent, state.outgoing = state.outgoing, []
        heard, state.heard = state.heard, []
        for event in heard:
            state.now_ns = max(event.time_ns, state.now_ns)
            sent += self._hear(event)
        now_ns = state.now_ns
        if (clock := state.clock) is not None and state.running:
            while (group := self._next_group()) is not None and (due_ns := self._due_ns(clock, group)) <= now_ns:
                self._begin(group, max(due_ns, state.now_ns))
            sent += self._send_messages(clock, now_ns) + self._end_notes(clock, now_ns)
        level, solo_velocity = (self._listener.level, self._listener.velocity) if self._listener else (0.0, None)
        louder = state.values.get(DYNAMICS, 0.0) - self._given.get(DYNAMICS, 0.0)  # those of the beginning are in the performance
        while state.begins and state.begins[0].time_ns <= now_ns:
            sent += state.sound(louder, level, solo_velocity, self._rendition.bending)
        return sent

    # How it accompanies

    def _hear(self, event: Event) -> list[Event]:
        state, message = self._state, event.message
        state.strokes += 1
        state.channel, stroke = channel_of(message), (event.time_ns / 1e9, message[1], message[2])
        beats = {name: each.hear(*stroke) for name, each in self._listeners.items() if self.followed in (None, name)}
        if self.followed is None:
            found = told_apart(self._listeners, state.strokes)
            if found is None:
                return self._say_if_lost(all(each.lost for each in self._listeners.values()), event.time_ns)
            say(f"you play {found}")
            self._choose(found)
        listener = self._listener
        if listener is None or (beat := beats[self.followed or ""]) is None:
            return self._say_if_lost(listener is not None and listener.lost, event.time_ns)
        if state.silent:
            state.silent = False
            say(f"found again, bar {self._positions.place(beat.heard.quarter, 0.0).bar}")
        return self._follow(listener, beat, event.time_ns) if state.running and beat.begins else []

    def _say_if_lost(self, lost: bool, time_ns: int) -> list[Event]:
        """Fall silent where what is played is not in the score, and say so, once."""
        state = self._state
        if not lost or state.silent:
            return []
        state.silent, state.clock = True, None
        say("what you play is not found in the score; the accompaniment is silent until it is")
        return state.release(time_ns)

    def _follow(self, listener: Listener, beat: Beat, time_ns: int) -> list[Event]:
        """Bend the time to an onset of the soloist, and play what meets it."""
        state, number = self._state, beat.heard.state
        x, quarter = float(listener.solo.expected_sec[number]), beat.heard.quarter
        if state.loop and not state.loop[0] - SAME_QUARTERS <= quarter < state.loop[1]:
            return []
        sent: list[Event] = []
        clock = state.clock
        if clock is None or self._is_leap(listener, clock, x, number, time_ns):
            sent, state.ahead_ns = state.release(time_ns) if clock else [], None
            pace = beat.heard.pace if clock is None and state.heard_quarter is not None else clock.pace if clock else self._pace
            state.clock = Clock(x, time_ns, pace)
            self._move_to(quarter, x)
        elif x > clock.x:
            state.ahead_ns = clock.time_at(x) - time_ns
            clock.follow(x, time_ns, self._timing)
        state.last_ns = time_ns
        state.heard_quarter = quarter
        self._hold_after(number)
        while state.next_group < len(self._groups) and (group := self._groups[state.next_group]).quarter <= quarter + SAME_QUARTERS:
            if group.x < x - RUSHED_SEC:
                state.next_group += 1
                state.left_out += sum(not note.hint for note in group.notes)
            else:
                self._begin(group, time_ns, played=abs(group.quarter - quarter) <= SAME_QUARTERS)
        return sent

    def _is_leap(self, listener: Listener, clock: Clock, x: float, number: int, time_ns: int) -> bool:
        """Return whether an onset is somewhere else than where the music would go on."""
        solo = listener.solo
        before = int(np.searchsorted(solo.expected_sec, clock.x - SAME_QUARTERS, side="left"))
        near = -LEAP_STATES <= number - before <= LEAP_STATES
        return not near and not -LEAP_SEC < x - clock.x_at(time_ns) < LEAP_SEC

    def _move_to(self, quarter: float, x: float) -> None:
        """Go on from a position."""
        state = self._state
        later = (index for index, group in enumerate(self._groups) if group.quarter >= quarter - SAME_QUARTERS)
        state.next_group = next(later, len(self._groups))
        state.next_message = int(np.searchsorted(self._message_x, x - SAME_QUARTERS))

    def _hold_after(self, number: int) -> None:
        """Find from where on the accompaniment waits for the soloist, who has played the onset ``number``."""
        state, listener = self._state, self._listener
        if listener is None:
            return
        onsets, following = listener.solo.onsets, number + 1
        state.hold_quarter = math.inf
        if following < len(onsets):
            waits = state.values["wait"] == ON and listener.entries[following]
            first = following if waits else int(np.searchsorted(onsets, onsets[following] + PATIENCE_QUARTERS))
            state.hold_quarter = float(onsets[first]) if first < len(onsets) else math.inf
        if state.loop:
            state.hold_quarter = min(state.hold_quarter, state.loop[1])

    def _may_pass(self, x: float) -> bool:
        """Return whether the music goes on to ``x`` without the soloist."""
        hold = self._state.hold_quarter
        return hold == math.inf or x < float(self._rendition.time_at(np.array([hold]))[0])

    def _next_group(self) -> Group | None:
        """Return the next group that need not wait for the soloist."""
        state = self._state
        if state.next_group >= len(self._groups):
            return None
        group = self._groups[state.next_group]
        return group if group.quarter < state.hold_quarter - SAME_QUARTERS else None

    def _due_ns(self, clock: Clock, group: Group) -> int:
        return clock.time_at(group.x) + round(group.shared * self._timing.meet_sec * 1e9)

    def _begin(self, group: Group, time_ns: int, played: bool = False) -> None:
        """Place the notes of a group that begins; ``played``: by the soloist, who needs no hint."""
        state, pace = self._state, self._state.clock.pace if self._state.clock else 1.0
        state.next_group += 1
        for note in group.notes:
            if not (note.hint and played):
                state.begin(note, time_ns + round(note.after_sec * pace * 1e9))

    def _end_notes(self, clock: Clock, now_ns: int) -> list[Event]:
        state, sent = self._state, []
        if now_ns - state.last_ns >= SILENT_NS and state.ends and not self._may_pass(state.ends[0][0]):
            return state.release(now_ns)
        while state.ends and self._may_pass(state.ends[0][0]) and (due_ns := clock.time_at(state.ends[0][0])) <= now_ns:
            sent += state.end_first(max(due_ns, state.now_ns))
        return sent

    def _send_messages(self, clock: Clock, now_ns: int) -> list[Event]:
        state, sent = self._state, []
        while state.next_message < len(self._message_x):
            message = self._rendition.messages[state.next_message]
            if not self._may_pass(message.time_sec) or (due_ns := clock.time_at(message.time_sec)) > now_ns:
                break
            state.next_message += 1
            if not (is_pedal(message.message) and state.pedals and channel_of(message.message) == state.channel):
                sent += state.keys.send(Event(max(due_ns, state.now_ns), message.message, message.track))
        return sent

    def _set_up(self, now_ns: int) -> list[Event]:
        """Send what stands before the first note: programs and controllers."""
        state, sent = self._state, []
        while state.next_message < len(self._message_x) and self._message_x[state.next_message] <= 0.0:
            message = self._rendition.messages[state.next_message]
            sent += state.keys.send(Event(now_ns, message.message, message.track))
            state.next_message += 1
        return sent

    def _lift_pedal(self, time_ns: int) -> list[Event]:
        """Leave the pedal of the instrument to the soloist, who has begun to use it."""
        return self._state.keys.send(Event(time_ns, control_change(self._state.channel, SUSTAIN_PEDAL, 0)))

    def _go(self, quarter: float, now_ns: int) -> None:
        """Wait for the soloist at a position."""
        state = self._state
        state.outgoing += state.release(now_ns)
        state.clock, state.hold_quarter = None, math.inf
        self._move_to(quarter, float(self._rendition.time_at(np.array([quarter]))[0]))
        for listener in self._listeners.values():
            first = int(np.searchsorted(listener.solo.onsets, quarter - SAME_QUARTERS))
            listener.expect(min(first, len(listener.solo.onsets) - 1))
