"""Programs that are killed in mid-chord, and ports that go away and come back."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

from engine.bench.measuring.programs import SERVER, start_jack_server, stop_jack_server, use_server
from engine.bench.reliability.stage.between_ports import Stage, await_
from engine.bench.reliability.stage.log import sounding
from engine.bench.reliability.stage.outcome import SILENCE_S, Fault, Outcome, hold_chord, lasting, release_chord


def take_keyboard_away(stage: Stage, seconds: float) -> None:
    """Close the keyboard's port when all that it sent was heard, open it again, and wait until it is heard again."""
    stage.await_heard()
    stage.keys.ask("close")
    sleep(seconds)
    stage.keys.ask("open")
    stage.await_connection()


def kill_keyboard(stage: Stage) -> None:
    """Kill the keyboard's program and start it again, as ``take_keyboard_away``."""
    stage.await_heard()
    stage.keys.kill()
    stage.keys.start()
    stage.await_connection()


def take_module_away(stage: Stage, seconds: float) -> None:
    """Close a module's port, open it again, and wait until something comes there; another module hears all the time."""
    stage.module.ask("close")
    sleep(seconds)
    stage.module.ask("open")
    stage.await_connection(stage.module)


def kill_module(stage: Stage) -> None:
    """Kill the module's program and start it again, as ``take_module_away``."""
    stage.module.kill()
    stage.module.start()
    stage.await_connection(stage.module)


def without_keyboard(harm: Callable[[Stage], None]) -> Fault:
    """Return the fault that the keyboard goes in mid-chord: nobody knows what is let go meanwhile, so all is released."""

    @lasting
    def inject(stage: Stage) -> None:
        hold_chord(stage)
        harm(stage)
        await_(lambda: not any(sounding(stage.heard())), "what sounded when the keyboard went is not released", SILENCE_S)

    return inject


def without_module(harm: Callable[[Stage], None]) -> Fault:
    """Return the fault that a module goes in mid-chord: it has nothing that hangs when it is back."""

    @lasting
    def inject(stage: Stage) -> None:
        hold_chord(stage)
        harm(stage)
        release_chord(stage)
        await_(lambda: not any(sounding(message for _, message in stage.module.entries())), "the module that is back hangs", SILENCE_S)

    return inject


def server_killed(stage: Stage) -> Outcome:
    """Kill a JACK server of its own in mid-chord, and start it and everything at it again, but for perf-live, which goes on by itself."""
    with _server_of_its_own(f"{stage.name}-server") as (kill, start, environment):
        with Stage(stage.folder, f"{stage.name}-on-server", environment) as own:

            @lasting
            def inject(own: Stage) -> None:
                hold_chord(own)
                kill()
                for peer in own.peers:
                    peer.kill()
                start()
                for peer in own.peers:
                    peer.start()
                own.await_connection()
                own.await_connection(own.module)
                release_chord(own)

            return inject(own)


@contextmanager
def _server_of_its_own(name: str) -> Iterator[tuple[Callable[[], None], Callable[[], None], dict[str, str]]]:
    """Give what kills it, what starts it again, and the environment of its clients."""
    usual = os.environ.get(SERVER)
    servers = []

    def start() -> None:
        servers.append(start_jack_server(name))
        use_server(usual)

    def kill() -> None:
        servers[-1].send_signal(signal.SIGKILL)
        servers[-1].wait()

    start()
    try:
        yield kill, start, {**os.environ, SERVER: name}
    finally:
        os.environ[SERVER] = name
        stop_jack_server(servers[-1])
        use_server(usual)
