"""The channel from a run to those who look on: a thread of its own makes a snapshot thirty times a second, and viewers take them.

The threads that play do nothing for it but leave each event in a ring (engine/runtime/event_ring.py), whether somebody looks or not.
"""

import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from typing import TypeVar

from engine.base.saying import overheard, say
from engine.midi.clock.messages import LONGEST_CLOCK_NS, MidiClock
from engine.midi.events import LINK_TRACK, SUSTAIN_PEDAL, Event, channel_of, is_control_change, is_note_off, is_note_on
from engine.output.endpoints import Opened, Performance
from engine.output.viewing.snapshot import (
    INTERVAL_S,
    KEPT,
    Bar,
    Beat,
    Counts,
    Description,
    Duo,
    Note,
    Port,
    ScoreFile,
    ScorePlace,
    ShownBeat,
    ShownCommand,
    ShownControl,
    ShownDirection,
    Snapshot,
)
from engine.performers.score_playing.shaping.directions import KNOWN, Said
from engine.runtime.event_ring import EventRing
from engine.runtime.following.stream import DuoStream
from engine.runtime.real_time import real_time
from engine.runtime.steering.rig import Rig
from engine.runtime.steering.tempo import beats_a_minute

MOST_SAID = 100  # lines between two snapshots


class _Stream:
    """What passes one place of the run: which notes, how many, and how deep the pedals are."""

    def __init__(self, ring: EventRing):
        self._ring = ring
        self._place = 0
        self._pedals: dict[int, int] = {}  # by channel
        self.notes = 0

    @property
    def pedal(self) -> int:
        return max(self._pedals.values(), default=0)

    def look(self) -> tuple[tuple[Note, ...], list[Event], bool]:
        """Return the notes that have passed since the last look, the system messages, and whether these are all."""
        passed, self._place, missing = self._ring.read(self._place)
        notes, system = [], []
        for time_ns, event in passed:
            message = event.message
            if is_note_on(message) or is_note_off(message):
                velocity = message[2] if is_note_on(message) else 0
                notes.append(Note(time_ns, channel_of(message), message[1], velocity, max(time_ns - event.time_ns, 0)))
                self.notes += velocity > 0
            elif is_control_change(message) and message[1] == SUSTAIN_PEDAL:
                self._pedals[channel_of(message)] = message[2]
            elif message[0] >= 0xF0:
                system.append(event)
        return tuple(notes), system, not missing


class _BeatHeard:
    """The beat that is heard: that of a Link session, once there is one, and no other."""

    def __init__(self) -> None:
        self._clock = MidiClock()
        self._last_ns: int | None = None
        self._linked = False

    def look(self, system: list[Event], now_ns: int) -> Beat | None:
        for event in system:
            if event.track == LINK_TRACK and not self._linked:
                self._clock, self._linked = MidiClock(), True
            if self._linked == (event.track == LINK_TRACK):
                self._clock.follow(event)
                self._last_ns = event.time_ns
        if self._last_ns is None or now_ns - self._last_ns > LONGEST_CLOCK_NS:
            return None
        reading = self._clock.read(max(now_ns, self._last_ns))
        quarter = None if math.isnan(reading.song_quarter) else reading.song_quarter
        return Beat(60e9 / reading.beat_ns if reading.beat_ns else 0.0, quarter)


Shown = TypeVar("Shown")


class Viewer:
    """One who looks on, from the moment on that he came."""

    def __init__(self, channel: "Channel", since: int):
        self._channel, self._since = channel, since

    def look(self, timeout_s: float = 0) -> Snapshot | None:
        """Return all that has happened since the last look, as one snapshot. Waits for it until the time is up; None: nothing is new."""
        snapshots = self._channel.since(self._since, timeout_s)
        if not snapshots:
            return None
        last = snapshots[-1]
        missed = snapshots[0].sequence > self._since + 1
        self._since = last.sequence
        return replace(
            last,
            complete=not missed and all(each.complete for each in snapshots),
            notes_in=_joined([each.notes_in for each in snapshots]),
            notes_out=_joined([each.notes_out for each in snapshots]),
            said=_joined([each.said for each in snapshots]),
        )


def _joined(parts: Sequence[tuple[Shown, ...]]) -> tuple[Shown, ...]:
    """Return what is in all parts, in order.

    A list says how long it is. Tuples that are made without knowing that and shortened in the end pile up, up to 2,000 of each length,
    where Python keeps them for later ones: megabytes in an hour of thirty looks a second.
    """
    return tuple(list(chain.from_iterable(parts)))


class Channel:
    """The snapshots of one run. Everything may be called from any thread."""

    def __init__(self, rig: Rig, opened: Opened, performance: Performance | None = None):
        """``performance`` is of a score."""
        self._rig, self._opened, self._performance = rig, opened, performance
        self._heard, self._sent = _Stream(rig.engine.heard), _Stream(rig.engine.sent)
        self._beat = _BeatHeard()
        self._said: deque[str] = deque(maxlen=MOST_SAID)
        planned = performance.stream.interpretation.plan() if performance else ()  # at once: later it would take time from the music
        self._plan = tuple(ShownBeat(*each) for each in planned)
        self._described: tuple[object, ...] = ()  # what the description was made of
        self.description = self._describe(1)
        self._snapshots: deque[Snapshot] = deque(maxlen=KEPT)
        self._changed = threading.Condition()
        self._over = threading.Event()

    @property
    def over(self) -> bool:
        """Whether no more snapshots will come."""
        return self._over.is_set()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make snapshots while the block runs, and a last one at its end."""
        thread = threading.Thread(target=self._run, name="viewing", daemon=True)
        with overheard(self._said.append):
            thread.start()
            try:
                yield
            finally:
                self._over.set()
                thread.join()

    def viewer(self, since: int | None = None) -> Viewer:
        """Return a new viewer, who is shown what happens from now on, or after the snapshot ``since`` where that is remembered."""
        with self._changed:
            last = self._snapshots[-1].sequence if self._snapshots else 0
        return Viewer(self, last if since is None else min(since, last))

    def since(self, sequence: int, timeout_s: float = 0) -> list[Snapshot]:
        """Return the snapshots after one. Waits for the next until the time is up, or the run is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.over or (self._snapshots and self._snapshots[-1].sequence > sequence), timeout_s)
            return [each for each in self._snapshots if each.sequence > sequence]

    def _run(self) -> None:
        numbers = count(1)
        try:
            with real_time():  # else it would hold Python's lock while other programs run, and who plays would wait for it
                while not self._over.wait(INTERVAL_S):
                    self._add(self._make(next(numbers)))
                self._add(self._make(next(numbers)))
        except Exception as error:  # the thread must not die in silence, nor the music with it
            say(f"what is shown stands still: {type(error).__name__}: {error}; this is a defect, please report it")

    def _add(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._snapshots.append(snapshot)
            self._changed.notify_all()

    def _make(self, number: int) -> Snapshot:
        rig, now_ns = self._rig, self._rig.engine.now_ns()
        if self._described != self._described_by():
            self.description = self._describe(self.description.number + 1)
        notes_in, system, all_in = self._heard.look()
        notes_out, _, all_out = self._sent.look()
        said = tuple(self._said.popleft() for _ in range(len(self._said)))
        settings, place = dict(rig.engine.settings), self._performance and self._performance.stream.place(now_ns)
        return Snapshot(
            sequence=number,
            time_ns=now_ns,
            description=self.description.number,
            complete=all_in and all_out,
            notes_in=notes_in,
            notes_out=notes_out,
            said=said,
            pedal_in=self._heard.pedal,
            pedal_out=self._sent.pedal,
            counts=self._count(),
            controls={control.name: settings.get(control.name, control.default) for control in rig.engine.performer.controls},
            ports=tuple(Port(each.name, each.direction, not (each.lost or each.link.ended)) for each in self._opened.ports),
            muted=rig.muted,
            recording=rig.recording,
            replaying=rig.replaying.name,
            place=ScorePlace(*place, self._performance.stream.running) if place and self._performance else None,
            beats_per_minute=_beats_per_minute(self._performance, now_ns),
            beat=self._beat.look(system, now_ns),
            duo=_duo(self._performance),
        )

    def _count(self) -> Counts:
        report, audio = self._rig.report(), self._opened.audio
        windows = report.windows
        return Counts(
            notes_in=self._heard.notes,
            notes_out=self._sent.notes,
            events_in=report.events_in,
            events_out=report.events_out,
            late=report.late,
            most_late_ns=report.most_lateness_ns,
            degraded=report.degraded,
            windows=windows.windows if windows else 0,
            windows_short=windows.reduced + windows.carried if windows else 0,
            failures=report.failures,
            passed=report.passed,
            standstills=report.standstills,
            longest_standstill_ns=report.longest_standstill_ns,
            underruns=audio.underruns if audio else 0,
        )

    def _described_by(self) -> tuple[object, ...]:
        return id(self._rig.setup), dict(self._rig.mapped), len(self._rig.steering.commands), self._directions()

    def _directions(self) -> tuple[Said, ...]:
        return tuple(self._performance.stream.interpretation.directions) if self._performance else ()

    def _describe(self, number: int) -> Description:
        self._described = self._described_by()
        rig, opened = self._rig, self._opened
        performer, mapped = rig.engine.performer, dict(rig.mapped)
        controls = [
            ShownControl(
                name=each.name,
                minimum=each.minimum,
                maximum=each.maximum,
                default=each.default,
                unit=each.unit,
                help=each.help,
                choices=each.choices,
                words=dict(each.words),
                controllers=tuple(sorted(controller for controller, name in mapped.items() if name == each.name)),
            )
            for each in performer.controls
        ]
        return Description(
            number=number,
            performer=performer.name,
            plays=performer.plays.value,
            seed=rig.setup.seed,
            lookahead_ns=performer.latency_ns,
            source=opened.source_name,
            outputs=tuple(opened.sink_names),
            controls=tuple(controls),
            commands=tuple(ShownCommand(each.usage, each.help) for each in list(rig.steering.commands.values())),
            bars=_shown_bars(self._performance),
            score=_score_file(self._performance),
            directions=tuple(ShownDirection(str(each), *(each.bars or (None, None))) for each in self._directions()),
            plan=self._plan,
            known_directions=KNOWN if "direct" in rig.steering.commands else (),
        )


def _shown_bars(performance: Performance | None) -> tuple[Bar, ...]:
    if performance is None:
        return ()
    return tuple(Bar(number, begin, length) for begin, length, number in performance.piece.score.measures.tolist())


def _beats_per_minute(performance: Performance | None, now_ns: int) -> float | None:
    if performance is None or isinstance(performance.stream, DuoStream):
        return None
    return beats_a_minute(performance.stream, now_ns)


def _duo(performance: Performance | None) -> Duo | None:
    if performance is None or not isinstance(performance.stream, DuoStream):
        return None
    part, place, *how = performance.stream.together()
    return Duo(part, ScorePlace(*place, performance.stream.running) if place else None, *how)


def _score_file(performance: Performance | None) -> ScoreFile | None:
    if performance is None or performance.path is None:
        return None
    return ScoreFile(str(performance.path.absolute()), performance.piece.repeats)
