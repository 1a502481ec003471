"""The performer's stream as the loop calls it.

Offline a failure of the performer ends the run. Live it must cost neither a note nor the music: the performer is left out, notes go out as
they came, and after a while it is tried again.
"""

from collections.abc import Callable, Sequence
from typing import Any

from engine.base.clock import Clock
from engine.base.errors import PerfLiveError, one_line
from engine.base.saying import say
from engine.midi.events import Event, is_note_on
from engine.performers.counts import WindowCounts
from engine.performers.protocol import PerformerStream
from engine.runtime.guarding.passage import Passage

FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 2_000_000_000, 60_000_000_000  # until it is tried again; each time twice as long
STEADY_NS = 10_000_000_000  # without a failure for so long, it plays again


class Overtaken(BaseException):
    """The performer has kept this thread so long that another one goes on in its place. It ends the thread's part in the run."""


class _LeftOut(Exception):
    """The performer has just failed, or is left out."""


class PlainStream:
    """A stream whose failures are raised as the performer's, in one line."""

    failures = passed = 0

    def __init__(self, stream: PerformerStream, name: str):
        self._stream, self._name = stream, name

    def feed(self, event: Event, late: bool) -> list[Event]:
        return self._call(self._stream.feed, event, late)

    def foresee(self, events: Sequence[Event]) -> None:
        self._call(self._stream.foresee, events)

    def advance(self, now_ns: int) -> list[Event]:
        return self._call(self._stream.advance, now_ns)

    def next_due_ns(self) -> int | None:
        return self._call(self._stream.next_due_ns)

    def finish(self) -> list[Event]:
        return self._call(self._stream.finish)

    def rest(self) -> bool:
        return self._call(self._stream.rest)

    def set_control(self, name: str, value: float) -> None:
        self._call(self._stream.set_control, name, value)

    def tell(self, method: Callable[..., None], *arguments: Any) -> None:
        """Call another method of the stream, which returns nothing."""
        self._call(method, *arguments)

    def begin_anew(self) -> None:
        self._call(self._stream.reset)

    def retire(self) -> None:
        pass

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except PerfLiveError:
            raise
        except Exception as error:
            raise PerfLiveError(describe_failure(self._name, error)) from error


class GuardedStream:
    """A stream that is left out when it fails, or when it keeps its thread for too long and ``overtake`` is called.

    While it is left out its events go out as they came. Then it begins anew, unless it ``resumes``, as a score does. One thread at a time
    calls all methods but ``is_kept`` and ``overtake``, which are for another.
    """

    def __init__(self, stream: PerformerStream, name: str, latency_ns: int, clock: Clock, resumes: bool):
        self._stream, self._name, self._resumes = stream, name, resumes
        self._clock = clock
        self._passage = Passage(latency_ns)
        self._windows: WindowCounts | None = getattr(stream, "counts", None)  # which may fail while the stream goes on without them
        self._outgoing: list[Event] = []  # what is to be sent because it was left out
        self._controls: dict[str, float] = {}  # that were set while it was left out
        self.failures = 0  # how often it was left out
        self.passed = 0  # notes that went out as they came
        self._left_out = self._said = self._windows_said = self._finished = False
        self._pause_ns = FIRST_PAUSE_NS
        self._retry_ns = self._steady_ns = 0
        self._calls = self._seen = self._looks = 0  # calls so far; the one that was seen at the last look, and at how many before
        self._in_call: dict[int, bool] = {}  # the number of the call that is made now; whoever takes it out first has its place
        self._kept: set[int] = set()  # calls whose place another thread has taken, and which have not returned

    def feed(self, event: Event, late: bool) -> list[Event]:
        if not self._left_out and not self._passage.ends_stranger(event):
            try:
                sent = self._call(self._stream.feed, event, late)
            except _LeftOut:
                pass
            else:
                return self._put_out(sent, event.time_ns, event)
        self._passage.follow(event)
        self.passed += is_note_on(event.message)
        return [*self._take_outgoing(), *self._passage.pass_on(event)]

    def foresee(self, events: Sequence[Event]) -> None:
        self._try(None, self._stream.foresee, events)

    def advance(self, now_ns: int) -> list[Event]:
        if self._left_out and self._retry_ns <= now_ns:
            self._retry(now_ns)
        return self._put_out(self._try([], self._stream.advance, now_ns), now_ns)

    def next_due_ns(self) -> int | None:
        due_ns: int | None = self._try(None, self._stream.next_due_ns)
        if self._outgoing:
            return 0  # at once
        return due_ns if not self._left_out else None if self._finished else self._retry_ns

    def finish(self) -> list[Event]:
        self._finished = True
        return self._put_out(self._try([], self._stream.finish), self._clock.now_ns())

    def rest(self) -> bool:
        return self._try(False, self._stream.rest)

    def set_control(self, name: str, value: float) -> None:
        self._try(None, self._stream.set_control, name, value)
        if self._left_out:
            self._controls[name] = value

    def tell(self, method: Callable[..., None], *arguments: Any) -> None:
        """Call another method of the stream, which returns nothing."""
        self._try(None, method, *arguments)

    def begin_anew(self) -> None:
        """Forget what came, and what was put out."""
        self._try(None, self._stream.reset)
        self._passage = Passage(self._passage.latency_ns)
        self._outgoing.clear()

    def retire(self) -> None:
        """Begin no more notes; if it is left out it is not tried again."""
        self._finished = True

    def is_kept(self, most_looks: int) -> bool:
        """Look whether the stream is in the same call as at the last ``most_looks`` looks."""
        number = self._calls if self._in_call else 0
        self._looks = self._looks + 1 if number and number == self._seen else 0
        self._seen = number
        return self._looks >= most_looks

    def overtake(self) -> bool:
        """Leave the stream out, if it still is in the call that was seen last: the thread that called it will raise Overtaken.

        Return whether another thread is to go on in its place.
        """
        self._kept.add(self._seen)
        if not self._in_call.pop(self._seen, False):
            self._kept.discard(self._seen)
            return False
        self._seen = 0
        self._leave_out(f"performer {self._name!r} does not answer")
        return True

    def _put_out(self, sent: list[Event], now_ns: int, came: Event | None = None) -> list[Event]:
        if self._said and not self._left_out and now_ns >= self._steady_ns:
            self._said, self._pause_ns = False, FIRST_PAUSE_NS
            say(f"performer {self._name!r} plays again")
        if self._windows and self._windows.failure and not self._windows_said:
            self._windows_said = True
            say(f"{describe_failure(self._name, self._windows.failure)}; the music goes on without, and it is tried again each time")
        self._passage.follow(came, sent)
        return [*self._take_outgoing(), *sent] if self._outgoing else sent

    def _take_outgoing(self) -> list[Event]:
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def _try(self, otherwise: Any, method: Callable[..., Any], *arguments: Any) -> Any:
        if self._left_out:
            return otherwise
        try:
            return self._call(method, *arguments)
        except _LeftOut:
            return otherwise

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call the stream. Raises _LeftOut when it fails, and Overtaken when it took too long."""
        failure = answer = None
        self._calls = number = self._calls + 1
        self._in_call[number] = True
        try:
            answer = method(*arguments)
        except Exception as error:
            failure = error
        if not self._in_call.pop(number, False):
            self._kept.discard(number)
            raise Overtaken
        if failure:
            self._leave_out(describe_failure(self._name, failure))
            raise _LeftOut
        return answer

    def _leave_out(self, reason: str) -> None:
        now_ns = self._clock.now_ns()
        self._left_out = True
        self.failures += 1
        self._outgoing += self._passage.leave_out(now_ns)
        self._retry_ns = now_ns + self._pause_ns
        if not self._said:
            self._said = True
            meanwhile = "the score waits" if self._resumes else "notes go out as they came"
            say(f"{reason}; {meanwhile}, and it is tried again in {self._pause_ns / 1e9:g} s")
        self._pause_ns = min(2 * self._pause_ns, LONGEST_PAUSE_NS)

    def _retry(self, now_ns: int) -> None:
        """Let the stream play again, from its beginning and with what has been set meanwhile."""
        if self._kept:
            self._retry_ns = self._clock.now_ns() + self._pause_ns
            return
        self._left_out, self._steady_ns = False, now_ns + STEADY_NS
        try:
            if not self._resumes:
                self._call(self._stream.reset)
                for event in self._passage.standing(now_ns):
                    self._call(self._stream.feed, event)  # what it answers has been sent long ago
            for name in list(self._controls):
                self._call(self._stream.set_control, name, self._controls[name])
                del self._controls[name]
        except _LeftOut:
            return


def describe_failure(name: str, error: Exception) -> str:
    """Return one line that says how a performer failed."""
    detail = one_line(error)
    return f"performer {name!r} failed: {detail if isinstance(error, PerfLiveError) else f'{type(error).__name__}: {detail}'}"
