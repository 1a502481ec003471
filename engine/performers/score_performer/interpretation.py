"""ScorePerformer's interpretation of a score: each onset is decided shortly before it is heard.

The decoder's own performance goes on in its own time. What is heard follows it with as much of the expression as the controls ask for. An
onset is decoded as soon as the one before it is decided, and decided LEAD_S before its first note: until then a changed control decodes it
anew. The pedal between two onsets follows the later one's time, and so is decided as it comes.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from engine.performers.controls import Control
from engine.performers.counts import WindowCounts
from engine.performers.score_performer.controls import DECIDING
from engine.performers.score_performer.decoding import OnsetDecoder
from engine.performers.score_performer.score import ScoreReading
from engine.performers.score_performer.style import StylePlan
from engine.performers.score_performer.style_curve import style_curve
from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.interpretation import Decided, PlannedBeat, planned_onsets
from engine.performers.score_playing.shaping.directions import Said
from engine.performers.score_playing.shaping.shaping import Shaping
from engine.performers.score_playing.shaping.tempo import TempoDrift, TempoRule
from engine.performers.score_playing.style_curve import StyleCurve
from engine.score.realisation.ornaments import roll_chords
from models.layers.sampling import SamplingOptions
from models.performance.decoder import Anchor, DecodedEnd, DecodedNote, DecodedPedal, beat_period
from models.performance.pedal import span_steps
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    GRACE_NOTE_QUARTERS,
    LAST_SPAN_QUARTERS,
    LONGEST_BEAT_PERIOD_S,
    PEDAL,
    SHORTEST_BEAT_PERIOD_S,
    TIMING,
)
from models.performance.representation import VELOCITY as VELOCITY_COLUMN
from models.score_performer.vocabulary import PEDAL_FIELDS, PERFORMED_DURATION, TEMPO, VELOCITY, to_value

LEAD_S = 0.2  # of the clock


@dataclass(frozen=True)
class _Heard:
    """An onset as it would be heard: ``anchor`` is the tempo curve's point, ``onsets`` and ``durations`` are the notes' in seconds.

    ``pedal`` has depth, between, change and return, of models.performance.representation; ``steps`` of the pedal lead to the onset.
    """

    anchor: Anchor
    onsets: list[float]
    durations: list[float]
    velocities: list[int]
    pedal: list[float]
    steps: list[tuple[float, float]]
    begin_sec: float  # of its first note


@dataclass
class _Pedal:
    """The pedal from one onset to the next: ``sent`` counts the steps that were sent, ``value`` is the last one's."""

    span: list[float] | None = None
    sent: int = 0
    value: int = 0


@dataclass
class _State:
    """All that changes, but for the decoder; ``heard`` is the onset that is decoded and not yet decided."""

    expression: ColumnExpression
    first: int = 0
    stop: int = 0
    begin: tuple[float, float] = (0.0, 0.0)  # quarters, seconds
    anchor: Anchor | None = None  # of the last onset decided
    drift: TempoDrift = field(default_factory=TempoDrift)
    model_s: float = 0.0  # when the decoder played it
    heard: _Heard | None = None
    pedal: _Pedal = field(default_factory=_Pedal)
    finished: bool = False


class ScorePerformerInterpretation:
    """Follows the protocol of ``engine.performers.score_playing.interpretation``."""

    def __init__(
        self,
        decoder: OnsetDecoder,
        reading: ScoreReading,
        make_plan: Callable[[Sequence[Said]], StylePlan],
        plan: StylePlan,
        read_tempo: Callable[[], TempoRule],
        shaping: Shaping,
        controls: tuple[Control, ...],
        counts: WindowCounts,
        waits: bool,
    ):
        """``make_plan`` returns the plan with other directions.

        ``read_tempo`` returns the tempo's rule, and waits until what that needs is read.

        With ``waits``, for files, a segment begins when it is asked for; without, when its first notes are read.
        """
        self.controls, self.counts, self._waits = controls, counts, waits
        self._decoder, self._read_tempo, self._shaping = decoder, read_tempo, shaping
        self._reading, self._make_plan, self._given_plan = reading, make_plan, plan
        self._notes = reading.score.notes
        durations = self._notes["duration_quarter"]
        # Of one note at a time, so that lists are quicker than arrays.
        self._quarters: list[float] = self._notes["onset_quarter"].tolist()
        self._lengths: list[float] = np.where(durations > 0, durations, GRACE_NOTE_QUARTERS).tolist()
        self._written, self._before = reading.written(), reading.before.tolist()

    def reset(self, controls: Mapping[str, float]) -> None:
        self._state = _State(ColumnExpression(controls, self.controls))
        self._follow_plan(self._given_plan)
        for name, value in controls.items():
            self._turn(name, value)
        self._follow_controls()
        self.go(0, len(self._notes), loops=False)

    def value(self, control: str) -> float:
        return self._state.expression.controls[control]

    def set_control(self, name: str, value: float) -> None:
        state = self._state
        state.expression.controls[name] = value
        if self._turn(name, value) or name in DECIDING:
            self._follow_controls()
            self._decoder.take_back()
            state.heard = None

    @property
    def directions(self) -> Sequence[Said]:
        return self._plan.said

    def direct(self, directions: Sequence[Said]) -> None:
        self._follow_plan(replace(self._make_plan(directions), knobs=self._plan.knobs))
        self._follow_controls()
        self._decoder.take_back()
        self._state.heard = None

    def go(self, first: int, stop: int, loops: bool) -> None:
        self._state.finished, self._state.anchor = False, None

    def leave_loop(self, stop: int) -> None:
        pass

    def begin(self, first: int, stop: int, begin_quarter: float, begin_sec: float) -> list[Decided] | None:
        if not (self._waits or (self._decoder.is_ready(first) and self._reading.is_expected)):
            return None
        state = self._state
        state.first, state.stop, state.begin = first, stop, (begin_quarter, begin_sec)
        state.anchor, state.heard, state.pedal, state.drift, state.finished = None, None, _Pedal(), TempoDrift(), False
        self._decoder.begin(first, stop)
        while state.heard is None:
            self._work()
        return self._settle(state.heard, -math.inf)

    @cached_property
    def _tempo(self) -> TempoRule:
        return self._read_tempo()

    @property
    def next_note(self) -> int:
        return self._decoder.rows.start - self._state.first

    @property
    def finished(self) -> bool:
        return self._state.finished

    def time_at(self, quarter: float) -> float:
        anchor = self._state.anchor
        return anchor.time_sec + anchor.period * (quarter - anchor.quarter) if anchor else 0.0

    def due_sec(self, speed: float) -> float:
        heard, sent = self._state.heard, self._state.pedal.sent
        if heard is None:
            return -math.inf
        decision_sec = heard.begin_sec - LEAD_S * speed
        return min(decision_sec, heard.steps[sent][0]) if sent < len(heard.steps) else decision_sec

    def decide(self, now_sec: float, speed: float) -> list[Decided]:
        heard, pedal = self._state.heard, self._state.pedal
        if heard is None:
            self._work()
            return []
        if pedal.sent < len(heard.steps) and heard.steps[pedal.sent][0] < heard.begin_sec - LEAD_S * speed:
            pedal.sent += 1
            return self._move_pedal(*heard.steps[pedal.sent - 1])
        return self._settle(heard, now_sec)

    def style_curve(self) -> StyleCurve | None:
        score, expected = self._reading.score, self._reading.expected
        return style_curve(score, self._plan.styles(slice(0, len(expected)), expected), self._plan.space)

    def plan(self) -> Sequence[PlannedBeat]:
        """Return the tempo that is expected; how loud it plays it decides note by note."""
        periods, expression, planned = self._reading.expected_periods(), self._state.expression, []
        for begin in (rows.start for rows in planned_onsets(self._notes["onset_quarter"])):
            heard = self._tempo.heard(float(periods[begin]), begin, expression, TempoDrift())
            faster = expression.tempo_amount * self._plan.directed_octaves(begin)
            planned.append(PlannedBeat(self._quarters[begin], 60 / beat_period(heard - faster) * self.value("tempo"), None))
        return planned

    def close(self) -> None:
        pass

    def snapshot(self) -> Any:
        return copy.deepcopy(self._state), self._plan, self._decoder.snapshot()

    def restore(self, snapshot: Any) -> None:
        state, plan, decoder = snapshot
        self._follow_plan(plan)
        self._state = copy.deepcopy(state)
        self._follow_controls()
        self._decoder.restore(decoder)

    def _follow_plan(self, plan: StylePlan) -> None:
        self._plan = plan
        self._arpeggios: list[int] = np.where(plan.arpeggios != 0, plan.arpeggios, self._reading.score.markings["arpeggio"]).tolist()

    def _turn(self, name: str, value: float) -> bool:
        """Turn the knob of the style that a control is; return whether it is one."""
        if name not in self._plan.space.knobs:
            return False
        self._plan = self._plan.turned(name, value)
        return True

    def _follow_controls(self) -> None:
        self._decoder.ask(self._plan.styles, self._plan.tempos)
        self._decoder.notes.sampling = SamplingOptions(self.value("temperature"), self.value("top_p"))

    def _work(self) -> None:
        """Decode a note of the next onset; when the onset is complete, compute how it would be heard."""
        self._decoder.work()
        if self._decoder.complete:
            self._state.heard = self._hear()

    def _hear(self) -> _Heard:
        state, rows, notes = self._state, self._decoder.rows, self._decoder.played
        first, quarter, expression = notes[0], self._quarters[rows.start], state.expression
        local = math.log2(60 / to_value(TEMPO, first[TEMPO]))
        onset_s, pedal = self._decoder.onset_s, [to_value(each, first[each]) for each in PEDAL_FIELDS]
        chosen = []
        for note, time_s in zip(notes, self._decoder.times_s, strict=True):
            length = math.log2(to_value(PERFORMED_DURATION, note[PERFORMED_DURATION]))
            chosen.append([local, to_value(VELOCITY, note[VELOCITY]) / 127, onset_s - time_s, length, *pedal])
        heard = self._shaping.heard(np.array(chosen), self._written[rows], rows.start, self._tempo_heard(local, rows.start), expression)
        played: list[list[float]] = heard.tolist()
        period = beat_period(played[0][BEAT_PERIOD])
        begun = beat_period(self._tempo_heard(self._period(quarter), self._before[rows.start])) if state.anchor else period
        time_sec = self._time_of(quarter, begun)
        velocities = [min(max(round(127 * note[VELOCITY_COLUMN]), 1), 127) for note in played]
        durations = [2.0 ** note[ARTICULATION] * length * period for note, length in zip(played, self._lengths[rows], strict=True)]
        timings = [note[TIMING] for note in played]
        if any(self._arpeggios[rows]):
            timings = self._rolled(rows, timings, durations)
        onsets = [time_sec - timing for timing in timings]
        pedal = [min(max(value, 0.0), 1.0) for value in played[0][PEDAL:]]
        steps = self._steps(time_sec, pedal[0])
        return _Heard(Anchor(quarter, time_sec, period), onsets, durations, velocities, pedal, steps, min(onsets))

    def _tempo_heard(self, period: float, note: int) -> float:
        """Return log2 of the seconds a quarter that are heard after a note, given the decoder's; directions are not bounded."""
        directed, expression = self._plan.directed_octaves(self._decoder.rows.start), self._state.expression
        heard = self._tempo.heard(period + directed, note, expression, self._state.drift, self._decoder.pace)
        return heard - expression.tempo_amount * directed

    def _pass_tempo(self, anchor: Anchor) -> None:
        """Let the time since the last onset be over."""
        state, before, first = self._state, self._state.anchor, self._decoder.rows.start
        if before:
            directed = state.expression.tempo_amount * self._plan.directed_octaves(first)
            elapsed_s = (anchor.time_sec - before.time_sec) * 2.0**directed
            quarters = anchor.quarter - before.quarter
            self._tempo.passed(state.drift, self._before[first], quarters, elapsed_s, state.expression, self._decoder.pace)

    def _rolled(self, rows: slice, timings: list[float], durations: list[float]) -> list[float]:
        """Return the onset's timings, seconds ahead of the tempo curve, with chords under arpeggio signs rolled."""
        rolled = roll_chords(self._notes[rows], np.array(self._arpeggios[rows]), -np.array(timings), np.array(durations))
        return (-rolled).tolist()

    def _period(self, quarter: float) -> float:
        """Return how long the decoder took for a quarter since the onset before, in log2 of seconds."""
        assert self._state.anchor is not None  # noqa: S101
        period_s = (self._decoder.onset_s - self._state.model_s) / (quarter - self._state.anchor.quarter)
        return math.log2(min(max(period_s, SHORTEST_BEAT_PERIOD_S), LONGEST_BEAT_PERIOD_S))

    def _time_of(self, quarter: float, period: float) -> float:
        """Return when an onset is heard: ``period`` seconds a quarter after the one before, or after the segment's beginning."""
        anchor = self._state.anchor
        before, before_sec = (anchor.quarter, anchor.time_sec) if anchor else self._state.begin
        return before_sec + period * (quarter - before)

    def _settle(self, heard: _Heard, now_sec: float) -> list[Decided]:
        """Decide the onset that is decoded, and go on to the next."""
        state, decoder = self._state, self._decoder
        if state.anchor and state.expression.pass_time(heard.anchor.time_sec - state.anchor.time_sec):
            heard = self._hear()
        depth, between, change, back = heard.pedal
        decided = self._finish_span(heard.steps, heard.anchor.time_sec, between if change == 0 < back else depth)
        notes = zip(heard.onsets, heard.durations, heard.velocities, strict=True)
        for note, (onset, duration, velocity) in enumerate(notes, decoder.rows.start - state.first):
            onset = max(onset, now_sec)
            decided += [DecodedNote(onset, note, velocity), DecodedEnd(onset + duration, note)]
        self._pass_tempo(heard.anchor)
        state.anchor, state.model_s, state.heard = heard.anchor, decoder.onset_s, None
        state.pedal.span, state.pedal.sent = heard.pedal[1:], 0
        decoder.next_onset()
        decided.append(heard.anchor)
        if decoder.rows.start == decoder.rows.stop:
            state.finished = True
            return decided + self._finish_piece()
        while self._waits and state.heard is None:  # nothing is due meanwhile
            self._work()
        return decided

    def _steps(self, end_sec: float, after: float) -> list[tuple[float, float]]:
        """Return the pedal's moves, when and to which depth, from the last onset to before the next, at ``end_sec`` with ``after``."""
        span, anchor = self._state.pedal.span, self._state.anchor
        if span is None or anchor is None:
            return []
        between, change, back = span
        length = max(end_sec - anchor.time_sec, 0.0)
        placed = span_steps(between, change, back, after)[0 if back > change else 1 :]  # of two moves at one time the last stands
        return [(anchor.time_sec + share * length, depth) for share, depth in placed if share < 1]

    def _finish_span(self, steps: list[tuple[float, float]], end_sec: float, after: float) -> list[Decided]:
        """Decide the pedal's remaining ``steps`` up to ``end_sec``, and its depth there."""
        decided: list[Decided] = []
        for step in steps[self._state.pedal.sent :]:
            decided += self._move_pedal(*step)
        return decided + self._move_pedal(end_sec, after)

    def _finish_piece(self) -> list[Decided]:
        state = self._state
        assert state.anchor is not None  # noqa: S101 (an onset was decided)
        notes = self._notes[state.first : state.stop]
        end = max(float((notes["onset_quarter"] + notes["duration_quarter"]).max()), state.anchor.quarter + LAST_SPAN_QUARTERS)
        return self._finish_span(self._steps(self.time_at(end), 0.0), self.time_at(end), 0.0)

    def _move_pedal(self, time_sec: float, depth: float) -> list[Decided]:
        pedal, value = self._state.pedal, round(127 * depth)
        if value == pedal.value:
            return []
        pedal.value = value
        return [DecodedPedal(time_sec, value)]
