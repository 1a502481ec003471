"""The engine: events from a source through a performer's stream to sinks, live, in tests and offline alike."""

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from typing import Any

from engine.base.clock import Clock, VirtualClock
from engine.midi.events import ALL_SOUND_OFF, LINK_TRACK, Event, is_channel_message, is_control_change, is_note_on
from engine.midi.held import ends_all_notes
from engine.midi.mpe import configures
from engine.midi.routing import DEFAULT_ROUTING, Router, Routing, Way
from engine.performers.controls import Control
from engine.performers.protocol import ControllerStream, Performer, PerformerStream, WindowedStream
from engine.runtime.event_ring import EventRing
from engine.runtime.guarding.guard import GuardedStream, PlainStream
from engine.runtime.guarding.succession import Pedals, Succession
from engine.runtime.isolation import IsolatedSink
from engine.runtime.real_time import one_core, prompt_threads, real_time
from engine.runtime.relay import Standstills, Watched, relay
from engine.runtime.report import Report
from engine.runtime.sender import Sender, ThreadSender
from engine.runtime.sinks import Outputs, Sink
from engine.runtime.sources import Source
from engine.systems import Kind

CHORD_NS = 10_000_000  # a note that follows another within this belongs to its chord
UNWATCHED_STEPS = 64  # of a stream that nothing can come between, until it is looked for what else there is to do
REST_NS = 2_000_000  # what a stream does meanwhile may take as long: when something is due sooner, the engine waits for that
DEADLINE_NS = 10_000_000  # an event that has waited longer is performed in the performer's degraded way


class Engine:
    """One run. Everything that is not a note-on goes through untouched and in order.

    What the ``routing`` leaves alone and system messages bypass the performer, delayed by its look-ahead. A control change in
    ``controller_map`` sets the control, and goes through as well unless it is ``consumed``. What ``steer`` does changes the run while
    it plays, on the loop's own thread.
    """

    def __init__(
        self,
        source: Source,
        performer: Performer,
        stream: PerformerStream,
        sinks: Sequence[Sink],
        clock: Clock,
        controller_map: Mapping[int, Control] | None = None,
        routing: Routing = DEFAULT_ROUTING,
        deadline_ns: int = DEADLINE_NS,
        keep_incomplete: bool = True,
        score: bool = False,
        consumed: Collection[int] = (),
    ):
        """Raises UsageError for a track of the routing that the source does not have.

        ``keep_incomplete`` decides whether a run that is stopped or fails completes its outputs (live) or abandons them (offline).
        ``score``: whether a score is performed, and not what comes from the source."""
        self._source = source
        self.performer = performer
        self._clock = clock
        self.controller_map, self.consumed = dict(controller_map or {}), frozenset(consumed)
        self.settings: dict[str, float] = {}  # what controls were set to while it runs
        self.learn: Callable[[int], None] | None = None  # is told the number of the next controller that is moved
        self.steer: Callable[[], None] = lambda: None  # is called between two events, and may change the run
        self._router = Router(routing, source.track_names)
        self._announcement = routing.announcement
        self._deadline_ns = math.inf if score else deadline_ns  # no model performs what comes from the source of a score
        self._keep_incomplete = keep_incomplete
        self._latency_ns = performer.latency_ns
        self._windowed = stream if isinstance(stream, WindowedStream) else None
        self._live = not isinstance(clock, VirtualClock)
        self._outputs = Outputs(sinks, self._live)
        self._patient = score  # whether nothing waits for the performer
        self._defers = self._live or not score  # who performs a file's score has computed what is due
        self._unattended = not self._live and source.silent
        self._performed = Succession(stream, self._guard(stream), self._put_pedals)
        self._standstills = Standstills()
        self._stack = ExitStack()  # what holds while the present thread plays
        self._sender = self._create_sender()
        self.heard = EventRing()  # what came, and when it did
        self._failure: BaseException | None = None
        self._stopping = self._finished = False  # finished: the stream was told that the input has ended
        self._events_in = self._notes = self._degraded = 0
        self._last_note_ns = -CHORD_NS
        self._linked = False  # whether there is a Link session
        self._in_hand: deque[Event] = deque()  # that came and are not through
        self._resting = True  # whether the stream may have deferred work
        self._quiet_until_ns = 0.0  # until then nothing becomes certain by time alone, as far as is known

    def run(self) -> Report:
        """Play until the input has ended and everything is sent, or until ``stop``.

        However it ends, what sounds is released and every sink is closed. Raises the first failure: PerfLiveError, one line.
        """
        with prompt_threads() if self._live else nullcontext():
            return self._run()

    def _run(self) -> Report:
        started = False
        try:
            self._start()
            started = True
            if self._live:
                watched = Watched(self._performed, self._clock, lambda: self._latency_ns, self._patient, lambda: self._stopping, self.stop)
                relay(self._play_live, watched, self._standstills)
            else:
                self._play()
        except BaseException as error:  # even a keyboard interrupt must not leave a note sounding
            self._failure = self._failure or error
            self._sender.abandon()
        self._attempt(self._sender.finish)
        complete = started and (self._keep_incomplete or not (self._failure or self._stopping))
        self._release()
        self._close(complete)
        if self._failure:
            raise self._failure
        return self.report()

    def stop(self) -> None:
        """End the run now. Safe from any thread and from a signal handler."""
        self._stopping = True
        self._sender.abandon()
        self._source.wake()

    def hurry(self) -> None:
        """After ``stop``, wait for no file: what is written is left as it is. For a signal handler; a run on files is interrupted."""
        if not self._live:
            raise KeyboardInterrupt
        for file in self.files:
            file.hurry()

    @property
    def files(self) -> list[IsolatedSink]:
        """What is written live."""
        return [sink for sink in self._outputs.sinks if isinstance(sink, IsolatedSink)]

    def fail(self, failure: BaseException) -> None:
        """End the run now and let ``run`` raise ``failure``. Safe from any thread."""
        self._failure = self._failure or failure
        self.stop()

    @property
    def sent(self) -> EventRing:
        """What was sent, and when it was."""
        return self._sender.scheduler.passed

    def now_ns(self) -> int:
        """Return the time on the clock that events are due on."""
        return self._clock.now_ns()

    def set_control(self, name: str, value: float) -> None:
        """Change a control from the next event on."""
        self._performed.set_control(name, value)
        self.settings[name] = value

    def exchange(self, performer: Performer, stream: PerformerStream, drums: bool) -> None:
        """Let another performer play from now on, ``drums`` or not. What was played before comes as it would have; notes end as they began.
        """
        self._router.let_drums(drums)
        before, now_ns = self.performer, self._clock.now_ns()
        self.performer, self._latency_ns = performer, performer.latency_ns
        guarded, improvises = self._guard(stream), before.plays is Kind.IMPROVISES
        self._sender.put(self._performed.exchange(stream, guarded, now_ns, before.latency_ns, improvises))
        self._windowed = stream if isinstance(stream, WindowedStream) else None
        if self._live and bool(before.latency_ns) != bool(self._latency_ns):
            sender, self._sender = self._sender, self._create_sender()
            self._sender.take_over(sender)
            self._hasten()
            if self._stopping:
                self._sender.abandon()

    def panic(self) -> None:
        """End every sound, drop all that was planned, and begin anew."""
        self._performed.begin_anew(self._clock.now_ns())
        self._sender.panic()

    def mute(self, muted: bool) -> None:
        """Let the performance go on unheard."""
        self._sender.mute(muted)

    def send_past(self, events: Sequence[Event]) -> None:
        """Send events, each with its due time, that the performer does not hear."""
        self._sender.put(events)

    def withdraw(self, track: int) -> None:
        """Send nothing more of a track, and end what sounds of it."""
        self._sender.withdraw(track)

    def add_sink(self, sink: Sink) -> None:
        """Send to one more, which was started."""
        self._sender.do(lambda: self._outputs.sinks.append(sink))

    def remove_sink(self, sink: Sink, then: Callable[[list[Event]], None]) -> None:
        """Send no more to one of the sinks; ``then`` is told what would end all that sounds, on the thread that sends, and closes it."""

        def remove() -> None:
            self._outputs.sinks.remove(sink)
            then(self._sender.scheduler.ledger.releases(self._clock.now_ns()))

        self._sender.do(remove)

    def report(self) -> Report:
        scheduler, performed, standstills = self._sender.scheduler, self._performed, self._standstills
        counts = self._windowed.counts if self._windowed else None
        late = scheduler.late, scheduler.most_lateness_ns, self._stopping, self._sender.real_time, counts
        guarded = performed.failures, performed.passed, standstills.count, standstills.longest_ns
        return Report(self._events_in, scheduler.sent, self._notes, self._degraded, *late, *guarded)

    def _start(self) -> None:
        if self._windowed and self._live:
            self._performed.work_ahead()
        start_ns = self._clock.now_ns()
        for sink in self._outputs.sinks:
            sink.start(start_ns + self._latency_ns)
        self._sender.start()
        self._source.start(start_ns)

    def _guard(self, stream: PerformerStream) -> GuardedStream | PlainStream:
        """Return the stream of the present performer as the loop calls it."""
        name = self.performer.name
        return GuardedStream(stream, name, self._latency_ns, self._clock, self._patient) if self._live else PlainStream(stream, name)

    def _create_sender(self) -> Sender:
        sends_alone = self._live and self._latency_ns
        return ThreadSender(self._outputs, self._clock, self.fail) if sends_alone else Sender(self._outputs, self._clock)

    def _put_pedals(self, player: Pedals) -> None:
        self._sender.put_pedals(player)

    def _play_live(self, first: bool) -> None:
        """Play in this thread, the first or one that goes on where the performer has kept another one."""
        with ExitStack() as self._stack:
            self._hasten(first)
            self._play()

    def _hasten(self, alone: bool = True) -> None:
        """Let this thread, where a note waits for it, run before all others; ``alone``: its core is not taken by another that plays."""
        if self._live and not self._latency_ns:
            self._sender.real_time = self._stack.enter_context(real_time())
            if alone:
                self._stack.enter_context(one_core())

    def _play(self) -> None:
        performed = self._performed
        self._quiet_until_ns = 0
        self._take_in_hand()
        while not self._stopping:
            self.steer()
            self._foresee(self._source.upcoming())
            due_ns, now_ns = self._next_due_ns(), self._clock.now_ns()
            if self._finished and due_ns is None and not self._resting:
                return
            rests = self._resting and (due_ns is None or due_ns - now_ns > REST_NS)
            until_ns = now_ns if rests else due_ns
            event = self._source.receive(until_ns)
            if event is not None:
                self._in_hand.append(event)
                self._in_hand.extend(self._source.receive_waiting())
                self._take_in_hand()
                self._resting = True
            elif self._source.exhausted and not self._finished:
                self._finished, self._resting = True, False
                self._sender.put(performed.finish())
            elif not self._stopping and until_ns is not None:
                advanced = self._advance(min(until_ns, self._clock.now_ns()))
                self._resting = advanced and self._defers or (performed.rest() if rests else self._resting)
            self._sender.send_due()

    def _next_due_ns(self) -> int | None:
        ours, streams = self._sender.next_due_ns(), self._performed.next_due_ns()
        self._quiet_until_ns = math.inf if streams is None else streams
        if ours is None or streams is None:
            return streams if ours is None else ours
        return min(ours, streams)

    def _take_in_hand(self) -> None:
        """Put events that have come together through the performer, or past it. One that is taken leaves the hand when it is through.

        Those up to a chord's first note are taken at once; the stream foresees the others, the rest of the chord, together.
        """
        events = self._in_hand
        if len(events) > 1:  # by far the most frequent is one, and it is waited for
            begun = 0
            if events[0].time_ns - self._last_note_ns > CHORD_NS:
                begun = next((index for index, event in enumerate(events, 1) if is_note_on(event.message)), len(events))
            while begun and not self._stopping:
                self._take(events[0])
                events.popleft()
                begun -= 1
            if len(events) > 1:
                self._foresee(list(events))
        while events and not self._stopping:
            self._take(events[0])
            events.popleft()

    def _foresee(self, events: list[Event]) -> None:
        """Let the stream think of two notes or more together, unless a message between them would change how they are performed."""
        performed = [event for event in events if self._router.way(event) is Way.PERFORMED]
        notes = sum(is_note_on(event.message) for event in performed)
        changing = self._announcement or any(configures(event.message) or ends_all_notes(event.message) for event in performed)
        if notes > 1 and not changing and not any(self._mapped_control(event.message) for event in performed):
            self._quiet_until_ns = 0
            self._performed.foresee(performed)

    def _take(self, event: Event) -> None:
        if self._announcement:
            self._announce(event.time_ns)
        message, performed = event.message, self._performed
        self._router.zones.observe(message)
        if event.time_ns > self._quiet_until_ns:
            self._advance(event.time_ns - 1)
        self._quiet_until_ns = 0
        way = self._router.way(event)
        if is_control_change(message) and self._obey_controller(message):
            pass
        elif way is Way.PERFORMED:
            late = self._clock.now_ns() - event.time_ns > self._deadline_ns
            self._sender.put(performed.feed(event, late))
            self._degraded += late
            if is_note_on(message):
                self._notes += 1
                self._last_note_ns = event.time_ns
        else:
            if not is_channel_message(message):
                self._follow_clock(event)
            elif way is Way.KEYSWITCH:
                performed.follow_keyswitch(event)
            if event.track != LINK_TRACK:
                self._sender.put((performed.follow_past(event, self._latency_ns),))
        self._events_in += 1
        self.heard.put(event.time_ns, event)

    def _follow_clock(self, event: Event) -> None:
        """Let the performer hear a clock: that of a Link session, once there is one, and no other."""
        self._linked = self._linked or event.track == LINK_TRACK
        if self._linked == (event.track == LINK_TRACK):
            self._performed.follow_clock(event)

    def _mapped_control(self, message: bytes) -> Control | None:
        return self.controller_map.get(message[1]) if is_control_change(message) else None

    def _obey_controller(self, message: bytes) -> bool:
        """Set the control that a controller moves, if there is one. Return whether the message goes no further."""
        if self.learn and message[1] < ALL_SOUND_OFF:
            learn, self.learn = self.learn, None
            learn(message[1])
        if control := self.controller_map.get(message[1]):
            self.set_control(control.name, control.from_controller(message[2]))
        return control is not None and message[1] in self.consumed

    def _announce(self, time_ns: int) -> None:
        """Take, with the first event, what the sender left out before it."""
        announcement, self._announcement = self._announcement, ()
        for message in announcement:
            self._take(Event(time_ns, message))

    def _advance(self, until_ns: int) -> bool:
        """Take from the stream what became certain up to ``until_ns``, step by step, so that it does not matter when this is called.

        Where nothing can come between, on a virtual clock, some more steps are taken. Return whether there was anything.
        """
        steps = 0
        while (due_ns := self._performed.next_due_ns()) is not None:
            if due_ns > until_ns:
                if not self._unattended or not 0 < steps < UNWATCHED_STEPS or self._sender.next_due_ns() is not None:
                    break
                self._clock.sleep_until(due_ns)
            self._sender.put(self._performed.advance(due_ns))
            steps += 1
        return steps > 0

    def _release(self) -> None:
        """End every sounding note, lift the pedals and rest controllers on every sink that still takes anything; nothing else begins."""
        ended_by_itself = not (self._failure or self._stopping)  # then the time is the music's, so that a file comes out the same live
        time_ns = self._sender.scheduler.last_due_ns if ended_by_itself else self._clock.now_ns()
        events = self._sender.scheduler.ledger.release_all(time_ns)
        if isinstance(self._performed.stream, ControllerStream):
            events += self._performed.stream.rest_controllers(time_ns)
        for sink in self._outputs.sinks:
            for event in events:
                self._attempt(sink.send, event)

    def _close(self, complete: bool) -> None:
        """Close the sinks, then the source: closing a JACK input first would take the last messages from their receivers."""
        self._attempt(self._performed.close)
        for sink in self._outputs.sinks:
            self._attempt(sink.close if complete else sink.abort)
        for sink, failure in self._outputs.lost:
            self._attempt(sink.abort)
            self._failure = self._failure or failure
        self._attempt(self._source.close)

    def _attempt(self, action: Callable[..., None], *arguments: Any) -> None:
        """Call ``action``; a failure is kept (the first one counts) and stops nothing."""
        try:
            action(*arguments)
        except Exception as error:
            self._failure = self._failure or error
