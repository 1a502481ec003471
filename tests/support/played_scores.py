"""A score that is played in this process and shown on a page."""

import threading
from contextlib import ExitStack, contextmanager

from engine_runs import ObservedSink
from opened_pages import opened_page
from viewed_runs import LIMIT_S, Keyboard, Run

from engine.base.clock import MonotonicClock
from engine.output.endpoints import Opened
from engine.output.viewing.channel import Channel
from engine.output.viewing.page.address import bind
from engine.output.viewing.page.program import served
from engine.performers.setup import Setup
from engine.runtime.following.performer import accompanying
from engine.runtime.steering.conductor import ConductedSource
from engine.session import Session, open_performance
from engine.systems.dexter import DexterRequest


class ScoreRun(Run):
    """A run that plays a score; ``address`` is that of its page."""

    def __init__(self, session, channel, sink, address, keyboard=None):
        super().__init__(session, channel, keyboard)
        self.sink, self.address = sink, address
        self.stream = session.performance.stream


@contextmanager
def score_on_page(performer, path, controls=None, request=None, following=None):
    """Play a score from its beginning, or accompany who plays a part of it, and serve its page while the block runs."""
    clock, setup = MonotonicClock(), Setup(performer, 0, controls=controls or {}, request=request or DexterRequest())
    keyboard = Keyboard(clock) if following else None
    setup = accompanying(setup, following) if following else setup
    performance = open_performance(setup, path, live=True)
    source, sink = ConductedSource(performance.stream, clock, keyboard), ObservedSink(clock)
    session = Session(setup, source, [sink], clock, performance)
    channel = Channel(session.rig, Opened(source, str(path), [sink], ["Module"]), performance)
    player = threading.Thread(target=session.run)
    with ExitStack() as stack:
        address = bind(0)
        stack.enter_context(address.endpoint)
        stack.enter_context(channel.opened())
        player.start()
        try:
            with served(channel, session.steering, address):
                yield ScoreRun(session, channel, sink, address, keyboard)
        finally:
            session.stop()
            player.join(LIMIT_S)
    assert not player.is_alive()


@contextmanager
def engraved_page(browser, run, **options):
    """Open the page of a run and wait until its score is engraved."""
    with opened_page(browser, run.address.url, **options) as opened:
        opened.wait_for("() => document.querySelector('#score .page svg')")
        yield opened
