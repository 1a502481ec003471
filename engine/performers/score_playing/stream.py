"""One performance of a score in progress: notes are decided a little ahead of where it is, and sent when they are due.

There are two times. The performance's own, in seconds, is that of its tempo curve. The clock's, in nanoseconds, passes faster beside it the
lower the ``tempo`` control is, and goes on alone during a pause. All that is heard keeps its place in the first.
"""

import copy
import heapq
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.midi.events import Event, channel_of
from engine.midi.general_midi import Programs
from engine.midi.held import lets_keys_go
from engine.performers.controls import Control
from engine.performers.counts import WindowCounts
from engine.performers.score_playing.instruments.articulation import OVERLAP_S, followers
from engine.performers.score_playing.instruments.ensemble import instruments_of, named_programs
from engine.performers.score_playing.instruments.expression_controller import EXPRESSION, REST_S, ExpressionController
from engine.performers.score_playing.instruments.set_up import is_note, led_from, set_up
from engine.performers.score_playing.interpretation import Decided, Interpretation
from engine.performers.score_playing.keys import SHORTEST_NOTE_S
from engine.performers.score_playing.ornaments import PlayedNotes
from engine.performers.score_playing.playback import PERFORMED_DTYPE, Due, Item, Playback
from engine.performers.score_playing.positions import BarName, Place, Positions
from engine.score.piece import Piece
from models.performance.decoder import Anchor, DecodedEnd, DecodedNote, DecodedPedal

POLL_NS = 5_000_000
HEAD_START_NS = 50_000_000  # from when the first window has come to the first note: to decode it takes time that passes on the clock


class ScoreStream:
    """Follows the protocol of ``engine.performers.protocol``; it can also be started, paused and moved to another place."""

    def __init__(
        self, piece: Piece, interpretation: Interpretation, controls: Mapping[str, float], expression_controller: int | None = EXPRESSION
    ):
        """``expression_controller``: the MIDI controller of dynamics within notes, for instruments that hold their tone; None for none."""
        self.interpretation = interpretation
        self._piece = piece
        self.positions = Positions(piece.score)
        self._onsets = self.positions.onsets
        self._played = PlayedNotes(piece)
        channels, firsts = np.unique(piece.instrument_channels, return_index=True)
        self._channels = dict(zip(channels.tolist(), piece.tracks[firsts].tolist(), strict=True))
        self._led_from = led_from(piece)
        instruments = instruments_of(piece)
        self._named = named_programs(piece)
        self._followers = followers(piece.score, instruments)
        self._expression = ExpressionController(piece, instruments, expression_controller)
        self._given = dict(controls)
        self._due_ns: int | None = None
        self._due_known = False
        self.reset()

    def start(self, now_ns: int) -> None:
        """Begin to play, or go on after a pause."""
        if not self._changing().running:
            self._state.start(now_ns)

    def count_in(self, time_ns: int, quarters: float, seconds: float) -> None:
        """Begin or go on at a time that is yet to come; where it waits for its first notes, so fast that ``quarters`` last ``seconds``."""
        self._changing().counted_in = (quarters, seconds) if self._state.waiting else None
        self._state.start(time_ns)

    def meet(self, quarter: float, time_ns: int, now_ns: int) -> None:
        """Be at a place nearby at a time, and go on from there as the tempo control says."""
        self._changing().meet(self._state.time_of(quarter), time_ns, self.interpretation.value("tempo"), now_ns)

    def restart(self, now_ns: int) -> None:
        """Play from the beginning."""
        self._state.loop = None
        self._go(0.0, now_ns)
        self.start(now_ns)

    def pause(self, now_ns: int) -> None:
        """Stop where it is; what sounds is released."""
        state = self._changing()
        if state.running:
            if not state.waiting:
                state.set_speed(now_ns, state.speed)
            state.running, state.now_ns = False, now_ns
            state.outgoing += state.release(now_ns)

    def seek(self, bar: BarName, now_ns: int) -> None:
        """Go on from the beginning of a bar. Raises UsageError when there is none of that number."""
        begin = self.positions.bar(bar)[0]
        self._state.loop = None
        self._go(begin, now_ns)

    def loop(self, first_bar: BarName, last_bar: BarName, now_ns: int) -> None:
        """Play these bars, the last included, again and again, from their beginning. Raises UsageError when they are not in order."""
        begin, end = self.positions.bars(first_bar, last_bar)
        self._state.loop = begin, end
        self._go(begin, now_ns)

    def leave_loop(self) -> None:
        """Go on after the last bar of the loop when it is reached."""
        self._changing().loop = None
        self.interpretation.leave_loop(len(self._onsets))

    def direct(self, directions: Sequence[Any]) -> None:
        """Let these directions (see shaping/directions), and no others, hold for what is not decided yet. Raises UsageError."""
        self._changing()
        self.interpretation.direct(directions)

    def rest_controllers(self, time_ns: int) -> list[Event]:
        """Return what puts the expression controllers at rest."""
        return self._state.rest_levels(time_ns)

    def close(self) -> None:
        """Compute nothing more."""
        self.interpretation.close()

    @property
    def controls(self) -> tuple[Control, ...]:
        return self.interpretation.controls

    @property
    def counts(self) -> WindowCounts | None:
        """What became of windows that take time to compute; None if there are none."""
        return self.interpretation.counts

    @property
    def playback(self) -> Playback:
        """All that changes, to be read."""
        return self._state

    @property
    def running(self) -> bool:
        return self._state.running

    @property
    def ended(self) -> bool:
        return self._state.ended

    @property
    def notes(self) -> int:
        """How many notes have begun."""
        return self._state.notes

    @property
    def passed(self) -> list[tuple[float, int]]:
        """The tempo curve so far: positions in quarters, and when they were passed on the clock."""
        return self._state.passed

    @property
    def performed(self) -> np.ndarray:
        """What became of the notes of the score as it is played, ornaments written out (PERFORMED_DTYPE, M), on the clock."""
        return self._state.performed

    def place(self, now_ns: int) -> Place:
        """Return where it is now. Safe from any thread."""
        return self.positions.place(*self._state.position(now_ns))

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """Pass through what is played along; but All Notes Off must not cut off the score's notes, and the player's are ended already."""
        return [] if lets_keys_go(event.message) and channel_of(event.message) in self._channels else [event]

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def set_control(self, name: str, value: float) -> None:
        self._changing()
        self.interpretation.set_control(name, value)

    def next_due_ns(self) -> int | None:
        if not self._due_known:  # it is asked for several times between two changes
            self._due_ns, self._due_known = self._find_due_ns(), True
        return self._due_ns

    def _find_due_ns(self) -> int | None:
        state = self._state
        if state.outgoing:
            return state.now_ns
        if not state.running or state.ended:
            return None
        if state.waiting:
            return state.retry_ns
        due = [state.clock_at(state.items[0].time_sec)] if state.items else []
        if not self.interpretation.finished:
            due.append(max(self._decision_ns(), state.retry_ns))
        return min([*due, *state.tempo_due_ns(self.interpretation.value("tempo"))])

    def advance(self, now_ns: int) -> list[Event]:
        state = self._changing()
        state.now_ns = max(now_ns, state.now_ns)
        sent, state.outgoing = state.outgoing, []
        if not state.running or state.ended:
            return sent
        if state.waiting:
            self._begin_segment(now_ns)
        if not state.waiting:
            state.follow_tempo(now_ns, self.interpretation.value("tempo"))
            self._decide_ahead(now_ns)
            while state.items and not state.waiting and (due_ns := state.clock_at(state.items[0].time_sec)) <= now_ns:
                sent += self._emit(heapq.heappop(state.items), max(due_ns, state.clock_ns))
            state.ended = not (state.items or state.waiting) and self.interpretation.finished
        return sent

    def finish(self) -> list[Event]:
        return []

    def rest(self) -> bool:
        return False

    def snapshot(self) -> Any:
        return copy.deepcopy(self._state), self.interpretation.snapshot()

    def restore(self, snapshot: Any) -> None:
        self._due_known = False
        self._state, interpretation = copy.deepcopy(snapshot[0]), snapshot[1]
        self.interpretation.restore(interpretation)

    def reset(self) -> None:
        self._due_known = False
        self.interpretation.reset(self._given)
        performed = np.zeros(self._played.count, PERFORMED_DTYPE)
        tempo, programs, own = self.interpretation.value("tempo"), Programs(self._named), self._expression
        self._state = Playback(len(self._onsets), tempo, self._channels, programs, own.number, own.levels(), performed=performed)

    def _changing(self) -> Playback:
        """Return the state for a change; what is due is found out anew."""
        self._due_known = False
        return self._state

    def _go(self, quarter: float, now_ns: int) -> None:
        """Begin a segment elsewhere, as soon as its first window is there."""
        state = self._changing()
        state.outgoing += state.release(now_ns)
        state.first = self.positions.first_note(quarter)
        state.stop = self.positions.first_note(state.loop[1]) if state.loop else len(self._onsets)
        state.begin_quarter, state.waiting, state.retry_ns, state.now_ns = quarter, True, now_ns, now_ns
        state.pedal = 0
        state.forget()
        state.ended = state.first == len(self._onsets) > 0  # nothing but rests
        if not state.ended:
            self.interpretation.go(state.first, state.stop, loops=state.loop is not None)

    def _begin_segment(self, now_ns: int) -> None:
        """Decide the first notes of a segment, if they are ready; the performance's time begins with the first of them."""
        state = self._state
        if not self._start_deciding(0.0):
            state.retry_ns = now_ns + POLL_NS
            return
        state.time_sec, state.clock_ns = min([0.0, *(item.time_sec for item in state.items)]), now_ns + state.head_start_ns
        if speed := state.counted_speed(self.interpretation.time_at(1.0) - self.interpretation.time_at(0.0)):
            self.interpretation.set_control("tempo", speed)
        state.speed = self.interpretation.value("tempo")
        for event in set_up(self._piece.non_note_events, state.begin_quarter):
            state.put(state.time_sec, Due.SET_UPS, event)

    def _start_deciding(self, begin_sec: float) -> bool:
        """Decide the first group of notes of a segment that begins at ``begin_sec``, if it is ready."""
        state = self._state
        decided = self.interpretation.begin(state.first, state.stop, state.begin_quarter, begin_sec)
        state.waiting = decided is None
        if decided is None:
            state.head_start_ns = HEAD_START_NS
            return False
        state.next_non_note = 0
        self._place(decided)
        return True

    def _decision_ns(self) -> int:
        """Return when something is next to be decided."""
        state = self._state
        due_sec = self.interpretation.due_sec(state.speed)
        return state.now_ns + 1 if due_sec == -math.inf else state.clock_at(due_sec)

    def _decide_ahead(self, now_ns: int) -> None:
        state = self._state
        while not self.interpretation.finished:
            works = self.interpretation.due_sec(state.speed) == -math.inf
            if not works and self._decision_ns() > now_ns:
                return
            decided = self.interpretation.decide(state.time_at(now_ns), state.speed)
            if decided is None:
                state.retry_ns = now_ns + POLL_NS
                return
            if decided:
                self._place(decided)
            if works:
                return  # so that what is due is sent between

    def _place(self, decided: list[Decided]) -> None:
        """Place what has been decided among what is to come."""
        state, interpretation = self._state, self.interpretation
        self._place_notes([each for each in decided if isinstance(each, DecodedNote)])
        for note, time_sec in state.place_steps(self._known_quarter(), interpretation.time_at):
            self._place_end(note, time_sec)
        for each in decided:
            if isinstance(each, DecodedEnd):
                self._place_end(state.first + each.note, self._played.ended_sec(state.first, each, interpretation.time_at))
            elif isinstance(each, DecodedPedal):
                state.put(each.time_sec, Due.PEDALS, each.value)
            elif isinstance(each, Anchor):
                state.put(each.time_sec, Due.ANCHORS, each)
                state.curve_sec = each.time_sec
        self._place_non_note_events()
        state.put_levels(self._expression.follow(state.levels, self._known_quarter(), interpretation.time_at))
        if interpretation.finished:
            self._place_end_of_segment()

    def _place_end_of_segment(self) -> None:
        state, end = self._state, self._end_quarter()
        last = state.stop == len(self._onsets) and state.loop is None
        time_sec = max(self.interpretation.time_at(end), state.curve_sec)
        state.put(time_sec, Due.ANCHORS if last else Due.JOINS, Anchor(end, time_sec, math.inf))
        if last and self._expression.moves:
            state.put(time_sec + REST_S, Due.LEVELS, None)

    def _place_notes(self, decoded: list[DecodedNote]) -> None:
        """Place notes that begin at one position, and what their instruments' dynamics are."""
        if not decoded:
            return
        state, time_at = self._state, self.interpretation.time_at
        quarter = self._onsets[state.first + decoded[0].note]
        notes, levels = self._expression.begin(state.levels, state.first, decoded, time_at(quarter + 1) - time_at(quarter))
        state.put_levels(levels)
        for each in notes:
            self._place_note(each)

    def _place_note(self, decoded: DecodedNote) -> None:
        state, played, note = self._state, self._played, self._state.first + decoded.note
        row = played.first(note)
        led_sec = state.led_from_sec(played.keys[row][0], float(self._led_from[note]), self.interpretation.time_at)
        time_sec = max(played.begun_sec(note, decoded.time_sec, self.interpretation.time_at), led_sec)
        state.earliest_end[note] = time_sec + SHORTEST_NOTE_S
        state.put(time_sec, Due.BEGINS, (row, played.velocity(note, row, decoded.velocity)))
        state.steps += played.steps(note, time_sec - self.interpretation.time_at(played.quarter(note)), decoded.velocity)
        for joined in state.joined.pop(note, ()):
            state.put_end(joined, time_sec + OVERLAP_S, played.last(joined))

    def _place_end(self, note: int, time_sec: float) -> None:
        """Place the end of a note; for an ornament, the end of its last note once that is placed, for a slurred note when the next is."""
        state, follower = self._state, self._followers.get(note, -1)
        if any(step.note == note for step in state.steps):
            state.ends[note] = time_sec
        elif state.first + self.interpretation.next_note <= follower < state.stop:
            state.joined.setdefault(follower, []).append(note)
        else:
            state.put_end(note, time_sec, self._played.last(note))

    def _known_quarter(self) -> float:
        """Return up to where the tempo is known."""
        return math.inf if self.interpretation.finished else self._onsets[self._state.first + self.interpretation.next_note]

    def _end_quarter(self) -> float:
        """Return where the segment ends."""
        state = self._state
        return state.loop[1] if state.loop else self.positions.end_before(state.stop)

    def _place_non_note_events(self) -> None:
        """Place the messages that stand beside the notes, as far as the tempo is known."""
        state = self._state
        non_note_events = self._piece.non_note_events
        last = math.inf if state.stop == len(self._onsets) and not state.loop else self._end_quarter()
        known = min(self._known_quarter(), last)
        while state.next_non_note < len(non_note_events) and non_note_events[state.next_non_note].quarter < known:
            event = non_note_events[state.next_non_note]
            if event.quarter > state.begin_quarter or (event.quarter == state.begin_quarter and is_note(event.message)):
                state.put_non_note(self.interpretation.time_at(event.quarter), event)
            state.next_non_note += 1

    def _emit(self, item: Item, time_ns: int) -> list[Event]:
        state = self._state
        if item.kind == Due.BEGINS:
            row, velocity = item.content
            return state.begin_note(row, velocity, item.time_sec, time_ns, self._played.keys[row])
        if item.kind == Due.ENDS:
            return state.end_note(item.content, time_ns)
        if item.kind == Due.PEDALS:
            state.pedal = item.content
            return state.pedal_events(time_ns)
        if item.kind in (Due.SET_UPS, Due.NON_NOTES):
            return state.send_non_note(Event(time_ns, item.content.message, item.content.track))
        if item.kind == Due.LEVELS:
            return state.send_level(time_ns, item.content)
        state.pass_anchor(item.content, time_ns)
        return self._join(item, time_ns) if item.kind == Due.JOINS else []

    def _join(self, item: Item, time_ns: int) -> list[Event]:
        """Go on from the end of a segment that is not the last: with the loop again, or with what follows one that was left."""
        state = self._state
        sent = state.release(time_ns)
        state.forget()
        state.pedal = 0
        if state.loop:
            state.first, state.begin_quarter = self.positions.first_note(state.loop[0]), state.loop[0]
        else:
            state.first, state.begin_quarter, state.stop = state.stop, item.content.quarter, len(self._onsets)
        if not self._start_deciding(item.time_sec):
            state.retry_ns = time_ns + POLL_NS
        return sent
