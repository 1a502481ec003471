"""Programs that are killed in mid-chord, and ports that go away and come back."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

from engine.bench.measuring.programs import SERVER, start_jack_server, stop_jack_server
from engine.bench.reliability.log import sounding
from engine.bench.reliability.outcome import SILENCE_S, Fault, Outcome, hold_chord, lasting, play, release_chord
from engine.bench.reliability.stage import Stage, await_
from engine.midi.file import read_midi_file

SERVER_LINE = "the JACK server has ended"


@lasting
def keyboard_killed(stage: Stage) -> None:
    hold_chord(stage)
    stage.keys.kill()
    _expect_silence(stage)
    stage.keys.start()
    stage.await_connection()


@lasting
def module_killed(stage: Stage) -> None:
    hold_chord(stage)
    stage.module.kill()
    release_chord(stage)
    play(stage, 0.5)
    stage.module.start()
    stage.await_connection(stage.module)


def keyboard_away(seconds: float) -> Fault:
    """Return the fault that the keyboard's port is closed in mid-chord and is back after ``seconds``."""

    def inject(stage: Stage) -> None:
        hold_chord(stage)
        stage.keys.ask("close")
        sleep(seconds)
        stage.keys.ask("open")
        stage.await_connection()
        _expect_silence(stage)  # nobody knows what was let go meanwhile

    return lasting(inject)


def module_away(seconds: float) -> Fault:
    """Return the fault that a module's port is closed in mid-chord and is back after ``seconds``; another module hears everything."""

    def inject(stage: Stage) -> None:
        hold_chord(stage)
        stage.module.ask("close")
        play(stage, 0.0)
        sleep(seconds)
        stage.module.ask("open")
        stage.await_connection(stage.module)
        release_chord(stage)
        stage.await_silence(SILENCE_S, stage.module)

    return lasting(inject)


def server_killed(stage: Stage) -> Outcome:
    """Kill a JACK server of its own in mid-chord. No observer outlives it, so the recording says what was sent and released."""
    take = stage.folder / "server_killed.mid"
    with _server_of_its_own(f"{stage.name}-server") as (kill, environment):
        with Stage(stage.folder, f"{stage.name}-on-server", environment) as own:
            run = own.live("--record", take)
            hold_chord(own)
            kill()
            ended = run.await_end()
            sent = own.delivered().sent
    messages = [event.message for event in read_midi_file(take).events] if take.exists() else []
    kept = sum(message[0] & 0xF0 == 0x90 and message[2] > 0 for message in messages)
    notes, pedals = sounding(messages)
    expected = ended.status == 1 and len(ended.errors) == 1 and SERVER_LINE in ended.errors[0]
    wrong = "" if expected else f"status {ended.status}: {' | '.join(ended.errors)}"
    return Outcome(sent, sent - kept, 0, len(notes), len(pedals), ended.status, ended.errors, wrong)


@contextmanager
def _server_of_its_own(name: str) -> Iterator[tuple[Callable[[], None], dict[str, str]]]:
    """Give what kills it, and the environment of its clients. Started once more in the end, as one that is killed keeps its place."""
    usual = os.environ.get(SERVER)

    def start() -> "subprocess.Popen[bytes]":
        try:
            return start_jack_server(name)
        finally:
            os.environ.pop(SERVER, None)
            if usual is not None:
                os.environ[SERVER] = usual

    server = start()

    def kill() -> None:
        server.send_signal(signal.SIGKILL)
        server.wait()

    try:
        yield kill, {**os.environ, SERVER: name}
    finally:
        kill()
        stop_jack_server(start())


def _expect_silence(stage: Stage) -> None:
    """Raise PerfLiveError when what sounds is not released in a few seconds."""
    await_(lambda: not any(sounding(stage.heard())), "what sounded when the keyboard went is not released", SILENCE_S)
