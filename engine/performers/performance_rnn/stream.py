"""One performance of a partner that improvises: what it plans, what it hears, and what it takes back."""

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine.midi.events import Event, channel_of, is_channel_message, is_note_on, note_off, note_on
from engine.midi.held import ends_all_notes, lets_keys_go
from engine.onnx.model import Model
from engine.performers.controls import with_defaults
from engine.performers.performance_rnn.controls import CONTROLS, DUET, grid_quarters, preferences_of
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.partner_notes import PartnerNotes
from engine.performers.performance_rnn.player_notes import PlayerNotes
from engine.performers.performance_rnn.reaction_delay import Changes, ReactionDelay
from models.performance_rnn.representation import NOTE_OFF, NOTE_ON, PITCHES, bin_velocity, velocity_bin
from models.performance_rnn.sampling import LONGEST_SILENCE_S

HORIZON_NS = 500_000_000  # how far ahead of what is due it samples
SOON_NS = 30_000_000  # what is due so soon is sampled before anything else is done; the rest while there is nothing else to do
RESTED_NS = 100_000_000  # after an input, for so long it samples while nothing is due rather than at stated times

ACTS = ("take_turn", "panic")  # controls that say what to do once


class Planned(NamedTuple):
    """A sampled event: when it is due (a time shift: when it ends), its note (pitch, velocity or 0) if any, the state before it."""

    time_ns: int
    note: tuple[int, int] | None
    before: Any


@dataclass
class State:
    """All of a stream that changes, but for its improvisation and its controls."""

    origin_ns: int = 0
    now_ns: int = 0  # of the last event that came or left
    input_ns: int | None = None  # of the last that came
    playing: bool = False
    waiting: bool = False  # after a panic, until a key is pressed
    finished: bool = False
    channel: int = 0  # of the last note that came
    player: PlayerNotes = field(default_factory=PlayerNotes)
    reaction: ReactionDelay = field(default_factory=ReactionDelay)
    planned: deque[Planned] = field(default_factory=deque)
    own: PartnerNotes = field(default_factory=PartnerNotes)
    asked: set[str] = field(default_factory=set)  # of its controls that are acts: those that are to be done


def _is_for(message: bytes, channel: int) -> bool:
    """Return whether a message ends all notes of a channel."""
    return is_channel_message(message) and ends_all_notes(message) and channel_of(message) == channel


class PerformanceRNNStream:
    """Planned events leave only when they are due, so that they can be taken back until then.

    The plan is a function of model, seed, controls and what came before it, whenever it is made.
    """

    def __init__(self, model: Model, seed: int, controls: Mapping[str, float]):
        self._model, self._seed = model, seed
        self._controls = with_defaults(CONTROLS, controls)
        self._begin()

    def _begin(self) -> None:
        self._preferences = preferences_of(self._controls)
        self._improvisation = Improvisation(self._model, self._seed)
        self._step_ns = round(1e9 / self._improvisation.codec.steps_per_second)
        self._state = State(asked={name for name in ACTS if self._controls[name]})
        self._state.own.grid_quarters = grid_quarters(self._controls)
        self._preferences_changed = False

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """Pass the event on. Take back what was planned after it; the network hears it later."""
        state = self._state
        if state.input_ns is None:
            state.origin_ns = event.time_ns
        state.input_ns = state.now_ns = event.time_ns
        sent = self._act(event.time_ns)
        if is_note_on(event.message):
            state.channel, state.waiting = channel_of(event.message), False
            state.playing = state.playing and self._controls["mode"] == DUET
            sent += self._let_go(event.time_ns, event.message[1] if state.playing else None)
        changes = state.player.hear(event)
        if self._controls["mode"] == DUET:
            state.playing = not state.waiting
        if changes or self._preferences_changed:
            self._hear_later(event.time_ns, changes)
        return sent + self._pass_on(event)

    def _pass_on(self, event: Event) -> list[Event]:
        """Return what goes out for an event of the player's. All Sound Off ends its own notes on the channel too.

        All Notes Off does not: some keyboards say it whenever the last key goes up. It is not sent while its own notes sound there; the
        engine has ended the player's one by one.
        """
        message, own = event.message, self._state.own
        pitches = [pitch for pitch, channel in sorted(own.sounding.items()) if _is_for(message, channel)]
        if not pitches:
            return [event]
        if lets_keys_go(message):
            return []
        return [*(each for pitch in pitches for each in self._let_go(event.time_ns, pitch)), event]

    def follow_clock(self, event: Event) -> None:
        self._state.own.clock.follow(event)

    def _act(self, time_ns: int) -> list[Event]:
        """Do what controls have asked for; return what has to be sent at once."""
        state, sent = self._state, []
        if "panic" in state.asked:
            state.playing, state.waiting = False, True
            sent = self._let_go(time_ns)
        elif state.asked and not state.playing:
            self._take_turn(time_ns)
        state.asked.clear()
        return sent

    def _let_go(self, time_ns: int, pitch: int | None = None) -> list[Event]:
        """End its own notes, of one pitch or all, and hear that they end."""
        own = self._state.own
        ended = sorted(own.drop(pitch))
        if ended:
            self._hear_later(time_ns, [(each, 0) for each in ended])
        return [self._end(each, time_ns) for each in ended if each in own.sounding]

    def _hear_later(self, time_ns: int, changes: Changes) -> None:
        self._take_back(time_ns)
        self._state.reaction.notice(time_ns, changes)

    def _end(self, pitch: int, time_ns: int) -> Event:
        return Event(time_ns, note_off(self._state.own.sounding.pop(pitch), pitch))

    def _take_back(self, time_ns: int) -> None:
        """Forget what was planned for ``time_ns`` and after it."""
        self._preferences_changed = False
        before = None
        planned = self._state.planned
        while planned and (planned[-1].time_ns >= time_ns or not self._state.playing):
            before = planned.pop().before
        if before is not None:
            self._improvisation.restore(before)

    def _hear_one(self) -> bool:
        """Hear one event, if there is any. Each takes a step of the network, and an input that comes meanwhile waits for no more."""
        reaction = self._state.reaction
        while reaction.unheard and not reaction.hearing:
            reaction.hearing.extend(self._events_of(*reaction.unheard.popleft()))
        if not reaction.hearing:
            return False
        self._improvisation.hear([reaction.hearing.popleft()], self._preferences, partners=True)
        return True

    def _events_of(self, time_ns: int, changes: Sequence[tuple[int, int]]) -> list[int]:
        """Return the events of the time up to ``time_ns``, rounded up to a step, and of what changed then. Long silences are shortened."""
        codec, state, velocity = self._improvisation.codec, self._state, self._improvisation.velocity
        passed = max(-(-(time_ns - state.origin_ns) // self._step_ns) - self._improvisation.step, 0)
        skipped = max(passed - round(LONGEST_SILENCE_S * codec.steps_per_second), 0)
        state.origin_ns += skipped * self._step_ns
        events = list(codec.encode_time(passed - skipped))
        for pitch, loudness in changes:
            index = int(velocity_bin(np.array(loudness)))
            if loudness and bin_velocity(index) != velocity:
                velocity = bin_velocity(index)
                events.append(codec.first_velocity + index)
            events.append(pitch if loudness else PITCHES + pitch)
        return events

    def _catch_up(self, until_ns: int) -> None:
        """Hear all that came, and the time that went by until ``until_ns``."""
        while self._hear_one():
            pass
        self._state.reaction.react()
        self._improvisation.hear(self._events_of(until_ns, ()), self._preferences, partners=True)

    def _think(self) -> None:
        if not self._hear_one():
            self._plan()

    def _plan(self) -> None:
        """Sample one event; the first after an input is the reaction to it."""
        improvisation, state, reaction = self._improvisation, self._state, self._state.reaction
        before = improvisation.snapshot()
        if reaction.reacting:
            self._catch_up(reaction.reacts_ns)
            state.planned.append(Planned(self._time_ns(), None, before))
            return
        kind, value = improvisation.codec.describe(improvisation.sample(self._preferences))
        note = {NOTE_ON: (value, improvisation.velocity or 64), NOTE_OFF: (value, 0)}.get(kind)
        state.planned.append(Planned(max(self._time_ns(), reaction.think()), note, before))

    def _time_ns(self) -> int:
        return self._state.origin_ns + self._improvisation.step * self._step_ns

    def next_due_ns(self) -> int | None:
        state = self._state
        times = (state.own.next_due_ns(), self._next_plan_ns() if state.playing else self._turn_ns())
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def _next_plan_ns(self) -> int:
        """Return when the next planned note must be sent on its way or, if that is earlier, the next event must be sampled."""
        state = self._state
        reach_ns, rested_ns = state.own.reach_ns(state.now_ns), (state.input_ns or 0) + RESTED_NS
        chosen_ns = next((planned.time_ns for planned in state.planned if planned.note), None)
        if chosen_ns is not None:
            return min(chosen_ns - reach_ns, max(state.planned[-1].time_ns - SOON_NS - reach_ns, rested_ns))
        next_ns = state.reaction.next_ns(state.planned[-1].time_ns if state.planned else state.now_ns) - reach_ns
        return max(next_ns - SOON_NS, min(next_ns, rested_ns))

    def _ahead_ns(self) -> int:
        return HORIZON_NS + self._state.own.reach_ns(self._state.now_ns)

    def _turn_ns(self) -> int | None:
        """Return when it goes on if nothing more comes, or None."""
        state = self._state
        waits = self._controls["pause"] > 0 and not (state.player.held or state.finished or state.waiting)
        if state.input_ns is None or not waits or self._controls["mode"] == DUET:
            return None
        return state.input_ns + round(self._controls["pause"] * 1e9)

    def advance(self, now_ns: int) -> list[Event]:
        """Send what is due; if nothing is, sample the next event."""
        state = self._state
        sent = self._act(now_ns)
        turn_ns = self._turn_ns()
        if not state.playing and turn_ns is not None and turn_ns <= now_ns:
            self._take_turn(turn_ns)
        sent += self._send(now_ns)
        if not sent and state.playing:
            self._think()
        return sent

    def _take_turn(self, time_ns: int) -> None:
        self._catch_up(time_ns)
        self._state.playing, self._state.now_ns, self._state.reaction.thought_ns = True, time_ns, time_ns

    def _send(self, now_ns: int) -> list[Event]:
        """Send planned notes on their way as their time comes; return those that are due, as they are played."""
        state, own, sent = self._state, self._state.own, []
        reach_ns = own.reach_ns(now_ns)
        while state.planned and state.planned[0].time_ns - reach_ns <= now_ns:
            planned = state.planned.popleft()
            if planned.note is not None:
                own.put(planned.time_ns, *planned.note, now_ns)
        for note in own.take_due(now_ns):
            state.now_ns = max(state.now_ns, note.due_ns)
            if note.pitch in own.sounding:
                sent.append(self._end(note.pitch, note.due_ns))
            if note.velocity and not self._controls["mute"]:
                own.sounding[note.pitch] = channel = int(self._controls["channel"] or state.channel + 1) - 1
                louder = round(min(max(note.velocity + self._controls["velocity"], 1), 127))
                sent.append(Event(note.due_ns, note_on(channel, note.pitch, louder)))
        return sent

    def finish(self) -> list[Event]:
        """Go on for as long as the control ``seconds`` says, without waiting, and end what sounds."""
        state, sent = self._state, []
        begin_ns = state.now_ns
        end_ns = begin_ns + round(self._controls["seconds"] * 1e9)
        if not state.playing:
            self._take_turn(begin_ns)
        while self._controls["seconds"] and self._time_ns() <= end_ns:
            self._think()
            sent += self._send(end_ns)
        state.playing, state.finished = False, True
        state.planned.clear()
        state.own.drop()
        return sent + [self._end(pitch, end_ns) for pitch in sorted(state.own.sounding)]

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def rest(self) -> bool:
        """Hear one event or, while it plays, sample one, until enough are planned. Return whether more is left."""
        state = self._state
        if self._hear_one():
            return True
        if not state.playing or (state.planned and state.planned[-1].time_ns - self._ahead_ns() > state.now_ns):
            return False
        self._plan()
        return True

    def set_control(self, name: str, value: float) -> None:
        self._controls[name] = value
        if name in ACTS:
            self._state.asked |= {name} if value else set()
            return
        self._state.own.grid_quarters = grid_quarters(self._controls)
        self._preferences = preferences_of(self._controls)
        self._preferences_changed = True

    def snapshot(self) -> Any:
        return copy.deepcopy((self._state, self._controls, self._preferences_changed)), self._improvisation.snapshot()

    def restore(self, snapshot: Any) -> None:
        (self._state, self._controls, self._preferences_changed), improvisation = copy.deepcopy(snapshot[0]), snapshot[1]
        self._preferences = preferences_of(self._controls)
        self._improvisation.restore(improvisation)

    def reset(self) -> None:
        self._begin()
