"""What came of a fault: what was sent to perf-live and what an observer heard of it, what still sounds, and how the run stands."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.base.errors import PerfLiveError
from engine.bench.measuring.takes import NS_PER_S, live_pattern
from engine.bench.reliability.stage.between_ports import Ended, Stage, await_
from engine.midi.events import SUSTAIN_PEDAL, control_change, note_off, note_on

GOES_ON = None  # in place of an exit status
SILENCE_S = 5.0  # most that what sounds may take to be released
DEFECTS = ("Traceback", "this is a defect", "Exception ignored")

CHORD = [note_on(0, 60, 90), note_on(0, 64, 70), note_on(0, 67, 1), note_on(3, 48, 127), control_change(0, SUSTAIN_PEDAL, 127)]
RELEASE = [note_off(0, 60), note_off(0, 64), note_off(0, 67), note_off(3, 48), control_change(0, SUSTAIN_PEDAL, 0)]


@dataclass(frozen=True)
class Outcome:
    """``status``: the exit status, None while the run goes on. ``said``: what perf-live said on standard error meanwhile.

    ``wrong``: what else is not as it should be; "" where nothing is.
    """

    sent: int
    lost: int
    extra: int
    stuck: int
    pedals: int
    status: int | None
    said: tuple[str, ...]
    wrong: str = ""

    @property
    def survived(self) -> bool:
        return not (self.wrong or self.lost or self.extra or self.stuck or self.pedals)


Fault = Callable[[Stage], Outcome]


def lasting(inject: Callable[[Stage], None]) -> Fault:
    """Return a fault that the run outlives: ``inject`` does it to a run that plays to the observer and the module and keeps a take."""

    def survive(stage: Stage) -> Outcome:
        def play_through(stage: Stage) -> None:
            if not (stage.run and stage.run.running):
                stage.live("--record", stage.folder / "take.mid")
            stage.begin()
            stage.await_connection()
            inject(stage)
            play(stage, 0.5)

        return _judge(stage, play_through, GOES_ON)

    return survive


def ending(status: int, *fragments: str) -> Callable[[Callable[[Stage], None]], Fault]:
    """Return a decorator: ``inject`` starts a run of its own, which is then over with an exit status and ``fragments`` in its last line."""

    def decorate(inject: Callable[[Stage], None]) -> Fault:
        def survive(stage: Stage) -> Outcome:
            return _judge(stage, inject, status, fragments)

        return survive

    return decorate


def _judge(stage: Stage, inject: Callable[[Stage], None], status: int | None, fragments: tuple[str, ...] = ()) -> Outcome:
    wrong = ""
    stage.begin()
    try:
        inject(stage)
    except PerfLiveError as error:
        wrong = str(error)
    stage.await_heard(0 if wrong else SILENCE_S)
    stage.await_silence(SILENCE_S)
    ended = stage.said()
    delivered = stage.delivered()
    wrong = wrong or _wrong_ending(ended, status, fragments)
    return Outcome(delivered.sent, delivered.lost, delivered.extra, delivered.stuck, delivered.pedals, ended.status, ended.errors, wrong)


def _wrong_ending(ended: Ended, status: int | None, fragments: tuple[str, ...]) -> str:
    last = ended.errors[-1] if ended.errors else ""
    if defects := [line for line in ended.errors if any(defect in line for defect in DEFECTS)]:
        return defects[0]
    if ended.status != status:
        return f"status {ended.status} in place of {status}: {last}"
    missing = [fragment for fragment in fragments if fragment not in last]
    return f"{missing[0]!r} is not in the last line: {last!r}" if missing else ""


def play(stage: Stage, seconds: float, seed: int = 0) -> None:
    """Play densely for so long, until every note and pedal is released, and wait until all of it was heard."""
    for slot in live_pattern(seconds, seed):
        stage.keys.send(*slot.together)
        stage.keys.send(*slot.between)
        time.sleep(slot.duration_ns / NS_PER_S)
    stage.await_heard()


def hold_chord(stage: Stage) -> None:
    """Play a chord on two channels with the pedal, and wait until it sounds."""
    stage.keys.send(*CHORD)
    await_(lambda: stage.delivered().stuck >= len(CHORD) - 1, "the chord is not heard")


def release_chord(stage: Stage) -> None:
    stage.keys.send(*RELEASE)
