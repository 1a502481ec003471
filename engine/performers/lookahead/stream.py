"""Look-ahead for performers of scores: live notes performed as they come, everything delayed by a stated time.

When the first undecided note comes near its due time, a window of decided and all known notes is sampled, with the end of what was decided
held fixed, and the notes of the next three eighths of the look-ahead are decided. An onset is moved by an eighth of the look-ahead and a
quarter of a second at most, a release by half of the look-ahead. Messages other than notes leave exactly a look-ahead after they came, and
notes keep their order with those that change how notes sound. The pedal is the model's until the sender presses one.

Live, a worker samples the windows. A window that is not ready in time is not waited for: its first notes carry the last expression forward,
or are as played if there was none; the others use it when it comes; and the next window has half as many notes and fewer steps.
"""

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any

import numpy as np

from engine.midi.clock.messages import ClockReading, MidiClock
from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, is_control_change, is_note_off, is_note_on, note_off
from engine.midi.general_midi import changes_notes
from engine.midi.held import HeldNotes, ends_all_notes
from engine.midi.mpe import Zones
from engine.performers.controls import Control
from engine.performers.counts import WindowCounts
from engine.performers.lookahead.beats import DEFAULT_BEAT_NS, Place, place_notes
from engine.performers.lookahead.outgoing import Outgoing
from engine.performers.lookahead.rubato import Rubato
from engine.performers.lookahead.window import (
    BackgroundComputer,
    ImmediateComputer,
    IncomingNote,
    Progress,
    Sampler,
    WindowAnswer,
    WindowComputer,
    WindowRequest,
)
from engine.performers.score_playing.expression import ColumnExpression
from models.performance.representation import ARTICULATION, VELOCITY
from models.performance.windows import overlap_notes

SCORE_CONTROLS = ("tempo", "tempo_from", "depth")  # mean nothing here: time is the sender's, and there is no reference
MOST_SHIFT_S, SHIFT_SHARE = 0.25, 1 / 8  # what a note is moved at most: this, and this share of the look-ahead
COMPUTING_SHARE = 1 / 4  # of the look-ahead, left for a window to be sampled in
DECIDED_SHARE = 3 / 8
MARGIN_SHARE = 1 / 32  # before a note may be due it is decided, come what may
END_SHARE = 1 / 2
CARRIED_SHARE = 1 / 8  # decided without a window that is late
CARRIED_NOTES = 16  # whose expression on average is carried forward
SHORTEST_NOTE_NS = 10_000_000
VARYING = 0  # in place of a velocity


@dataclass(eq=False)
class LiveNote:
    """A note-on; ``number`` counts all events. Its onset, ``onset_ns``, None until it is decided, lies from ``from_ns`` to ``until_ns``."""

    number: int
    event: Event
    heard: ClockReading
    from_ns: int
    until_ns: int | None = None
    release: Event | None = None
    release_number: int = 0
    place: Place | None = None
    onset_ns: int | None = None
    stretch: float = 1.0


@dataclass
class LiveState:
    """All of a stream that changes, but for its controls."""

    clock: MidiClock
    rubato: Rubato
    decided: deque[LiveNote]  # as many as the next window is told of
    undecided: deque[LiveNote] = field(default_factory=deque)
    held: HeldNotes[LiveNote] = field(default_factory=HeldNotes)
    request: WindowRequest | None = None
    asked: list[LiveNote] = field(default_factory=list)  # of the request, to be decided by it
    progress: Progress | None = None
    recent: deque[np.ndarray] = field(default_factory=lambda: deque(maxlen=CARRIED_NOTES))  # what sampled columns add to those played
    hurried: bool = False
    touch: int | None = None  # the velocity of all notes so far
    tracks: tuple[int, ...] = ()  # with notes, in order
    binding_ns: dict[int, int] = field(default_factory=dict)  # by channel: when what notes may not overtake is due
    pedalled: bool = False  # by the sender
    outgoing: Outgoing = field(default_factory=Outgoing)
    zones: Zones = field(default_factory=Zones)  # of MPE: their channels are one instrument
    events: int = 0
    notes: int = 0  # that are decided
    now_ns: int = 0


class LookaheadStream:
    """Follows the protocols ``PerformerStream`` and ``WindowedStream`` of ``engine.performers.protocol``."""

    def __init__(
        self,
        sampler: Sampler,
        window: int,
        past_notes: int,
        latency_ns: int,
        known: tuple[Control, ...],
        controls: Mapping[str, float],
    ):
        """``window`` is in notes; ``past_notes`` is how many decided ones the sampler is given.

        ``known`` are all controls, ``controls`` the values of those that are set.
        """
        self.counts = WindowCounts()
        self._sampler, self._known = sampler, known
        self._computer: WindowComputer = ImmediateComputer(sampler)
        self._past_notes = past_notes
        self._most_known = window - overlap_notes(window)
        self._latency_ns = latency_ns
        self._end_ns = round(latency_ns * END_SHARE)
        self._bound_ns = min(round(latency_ns * SHIFT_SHARE), round(MOST_SHIFT_S * 1e9))
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        self._expression = ColumnExpression(controls, self._known)
        self._state = LiveState(MidiClock(), Rubato(self._bound_ns / 1e9), deque(maxlen=self._past_notes))

    def work_ahead(self) -> None:
        self._computer = BackgroundComputer(self._sampler, self.counts.fail)
        self._sampler.warm_up()

    def close(self) -> None:
        self._computer.close()

    def follow_clock(self, event: Event) -> None:
        self._state.clock.follow(event)

    def follow_keyswitch(self, event: Event) -> None:
        state = self._state
        state.now_ns = max(state.now_ns, event.time_ns)
        self._bind_notes(channel_of(event.message), event.time_ns + self._latency_ns, event.time_ns + self._latency_ns - 1)

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """``late`` changes nothing: the look-ahead makes up for it."""
        state, message = self._state, event.message
        state.now_ns = max(state.now_ns, event.time_ns)
        state.events += 1
        if is_note_on(message):
            self._begin_note(event)
        elif is_note_off(message):
            if note := state.held.end(event):
                self._end_note(note, event)
        else:
            self._pass_on(event)
        return self._release()

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def next_due_ns(self) -> int | None:
        state = self._state
        due = []
        if state.undecided:
            due.append(self._collect_ns() if state.request else self._ask_ns())
        item_ns = state.outgoing.next_ns()
        if item_ns is not None and not (state.undecided and item_ns >= self._earliest_ns()):
            due.append(item_ns - self._end_ns)
        return min(due, default=None)

    def advance(self, now_ns: int) -> list[Event]:
        state = self._state
        state.now_ns = max(state.now_ns, now_ns)
        if state.undecided and state.request and self._collect_ns() <= state.now_ns:
            self._collect(state.request)
        if state.undecided and not state.request and self._ask_ns() <= state.now_ns:
            self._ask()
        return self._release()

    def finish(self) -> list[Event]:
        """Return nothing: what is held back comes out when it is due, as before."""
        return []

    def rest(self) -> bool:
        return False

    def set_control(self, name: str, value: float) -> None:
        self._expression.controls[name] = value

    def snapshot(self) -> Any:
        return copy.deepcopy((self._state, self._expression))

    def restore(self, snapshot: Any) -> None:
        self._state, self._expression = copy.deepcopy(snapshot)
        if self._state.request:
            self._computer.begin(self._state.request)

    def reset(self) -> None:
        self._begin(self._expression.controls)

    def _ask_ns(self) -> int:
        return self._collect_ns() - round(self._latency_ns * (COMPUTING_SHARE - MARGIN_SHARE))

    def _collect_ns(self) -> int:
        return self._earliest_ns() - round(self._latency_ns * MARGIN_SHARE)

    def _earliest_ns(self) -> int:
        """Return when the first undecided note may be due."""
        return self._state.undecided[0].event.time_ns + self._latency_ns - self._bound_ns

    def _begin_note(self, event: Event) -> None:
        state, channel, velocity = self._state, channel_of(event.message), event.message[2]
        note = LiveNote(state.events, event, state.clock.read(event.time_ns), state.binding_ns.get(channel, 0))
        state.undecided.append(note)
        if closed := state.held.begin(event, note):
            self._end_note(closed, event._replace(message=note_off(channel, event.message[1])))
        state.touch = velocity if state.touch in (None, velocity) else VARYING
        if event.track not in state.tracks:
            state.tracks = tuple(sorted((*state.tracks, event.track)))

    def _end_note(self, note: LiveNote, release: Event) -> None:
        note.release, note.release_number = release, self._state.events
        self._put_end(note)

    def _pass_on(self, event: Event) -> None:
        """Send a message that neither begins nor ends a note, a look-ahead after it came."""
        state, message = self._state, event.message
        due_ns = event.time_ns + self._latency_ns
        state.zones.observe(message)
        if is_control_change(message) and message[1] == SUSTAIN_PEDAL and message[2] and not state.pedalled:
            state.pedalled = True
            state.outgoing.take_pedal(state.events, due_ns)
        if ends_all_notes(message):
            for note in state.held.end_channel(channel_of(message)):
                self._end_note(note, event._replace(message=note_off(channel_of(message), note.event.message[1]), track=note.event.track))
        if changes_notes(message):
            self._bind_notes(channel_of(message), due_ns, due_ns, heard_ns=event.time_ns if ends_all_notes(message) else None)
        state.outgoing.put_message(state.events, event._replace(time_ns=due_ns))

    def _bind_notes(self, channel: int, from_ns: int, until_ns: int, heard_ns: int | None = None) -> None:
        """Let the notes to come on a channel begin at ``from_ns`` or later, those that are undecided at ``until_ns`` or before.

        ``heard_ns`` is when what ends them came: what has sounded until then is to be heard.
        """
        state = self._state
        state.binding_ns[channel] = from_ns
        for note in state.undecided:
            if note.until_ns is None and channel_of(note.event.message) == channel:
                sounded_ns = 0 if heard_ns is None else min(heard_ns - note.event.time_ns, SHORTEST_NOTE_NS)
                note.until_ns = until_ns - sounded_ns

    def _release(self) -> list[Event]:
        """Return what nothing to come can precede: no undecided note, and no note's end."""
        state = self._state
        until_ns = state.now_ns + self._end_ns
        return state.outgoing.pop(min(until_ns, self._earliest_ns() - 1) if state.undecided else until_ns)

    def _ask(self) -> None:
        """Ask for a window and choose the notes that it is to decide: those of the next share of the look-ahead, or as many as fit."""
        state = self._state
        room = self._most_known // 2 if state.hurried else self._most_known
        known = list(islice(state.undecided, room))
        until_ns = known[0].event.time_ns + round(self._latency_ns * DECIDED_SHARE)
        deciding = sum(note.event.time_ns <= until_ns for note in known)
        if len(known) < len(state.undecided):
            deciding = min(deciding, room * 2 // 3)  # the window is full, and what is decided must hear what follows
        settings = self._sampler.settings(self._expression.controls)
        if state.hurried and (quicker := self._sampler.quicker(settings)) != settings:
            settings = quicker
            self.counts.reduced += 1
        notes = tuple(self._heard(note) for note in (*state.decided, *known))
        touch = state.touch == VARYING
        state.request = WindowRequest(notes, len(state.decided), deciding, state.notes, touch, state.tracks, settings, state.progress)
        state.asked = known[:deciding]
        self._computer.begin(state.request)

    def _heard(self, note: LiveNote) -> IncomingNote:
        message, end_ns = note.event.message, note.release.time_ns if note.release else self._state.now_ns
        held_ns = end_ns - note.event.time_ns
        channel = self._state.zones.instrument_of(channel_of(message))
        return IncomingNote(note.heard, held_ns, message[1], channel, note.event.track, message[2], note.place)

    def _collect(self, request: WindowRequest) -> None:
        """Decide the notes of the window, or, if it is not ready, those that cannot wait any longer."""
        state = self._state
        answer = self._computer.take(request)
        state.hurried = answer is None
        if answer:
            self._decide_answered(answer)
        else:
            self._carry()

    def _decide_answered(self, answer: WindowAnswer) -> None:
        state = self._state
        self.counts.windows += 1
        self.counts.evaluations += answer.evaluations
        rows = [state.asked[index] for index in answer.order]
        waiting = [index for index, note in enumerate(rows) if note.onset_ns is None]
        notes, columns = [rows[index] for index in waiting], answer.columns[waiting]
        self._decide(notes, columns, [answer.places[index] for index in waiting])
        state.recent.extend(columns - state.rubato.as_played([note.event.message[2] for note in notes]))
        self._end_request(rows, answer.progress)

    def _carry(self) -> None:
        """Decide a few notes at once: the last notes' loudness and articulation go on, and the tempo is the sender's.

        When that exhausts the request, it decides enough of them that there is time for the next window.
        """
        state = self._state
        self.counts.carried += 1
        first_ns = state.undecided[0].event.time_ns
        exhausted = state.asked[-1].event.time_ns <= first_ns + self._latency_ns * CARRIED_SHARE
        until_ns = first_ns + self._latency_ns * (COMPUTING_SHARE if exhausted else CARRIED_SHARE)
        notes = list(takewhile(lambda note: note.event.time_ns <= until_ns, state.undecided))
        last = state.rubato.last
        places = place_notes(last, [note.heard for note in notes], last.beat_ns if last else DEFAULT_BEAT_NS)
        columns = state.rubato.as_played([note.event.message[2] for note in notes])
        if state.recent:
            for column in (VELOCITY, ARTICULATION):
                columns[:, column] += np.mean(state.recent, axis=0)[column]
        self._decide(notes, columns, places)
        if exhausted:
            asked = {note.number for note in state.asked}
            more = [note for note in notes if note.number not in asked]
            self._end_request([*state.asked, *more], state.progress and state.progress._replace(state=None))

    def _end_request(self, notes: list[LiveNote], progress: Progress | None) -> None:
        """Keep what the next window holds fixed."""
        state = self._state
        state.decided.extend(notes)
        state.notes += len(notes)
        state.request, state.progress, state.asked = None, progress, []

    def _decide(self, notes: list[LiveNote], columns: np.ndarray, places: list[Place]) -> None:
        """Decide notes, which are the first of the undecided, in the order of the score; ``columns`` (n, 8)."""
        state = self._state
        for _ in notes:
            state.undecided.popleft()
        played = [note.event.message[2] for note in notes]
        until_ns = state.undecided[0].event.time_ns if state.undecided else None
        performed, pedal = state.rubato.perform(columns, places, played, self._expression, until_ns)
        for note, place, new in zip(notes, places, performed, strict=True):
            note.place, note.stretch = place, new.stretch
            due_ns = note.event.time_ns + self._latency_ns
            onset_ns = max(due_ns + round(new.shift_s * 1e9), note.from_ns)
            note.onset_ns = onset_ns if note.until_ns is None else min(onset_ns, note.until_ns)
            pedalled = state.zones.instrument_of(channel_of(note.event.message))
            state.outgoing.put_note(note.number, note.event._replace(time_ns=note.onset_ns), new.velocity, pedalled)
            self._put_end(note)
        for step in pedal:
            state.outgoing.put_pedal(notes[0].number, step.later(self._latency_ns))

    def _put_end(self, note: LiveNote) -> None:
        """Place the end of a note, if both its onset and its release are known."""
        if note.onset_ns is None or note.release is None:
            return
        held_ns = note.release.time_ns - note.event.time_ns
        end_ns = note.onset_ns + max(round(note.stretch * held_ns), min(held_ns, SHORTEST_NOTE_NS))
        due_ns = note.release.time_ns + self._latency_ns
        end_ns = min(max(end_ns, due_ns - self._end_ns, note.onset_ns), due_ns + self._end_ns)
        self._state.outgoing.put_end(note.release_number, note.number, note.release._replace(time_ns=end_ns))
