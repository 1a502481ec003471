"""Signals while a session runs: the first one stops it, the second waits for no file, the third one for nothing."""

import os
import signal

import pytest

from engine.commands.signals import stop_on_signals


class StandIn:
    """A session that keeps what it is asked for."""

    def __init__(self):
        self.asked = []

    def stop(self):
        self.asked.append("stop")

    def hurry(self):
        self.asked.append("hurry")


@pytest.mark.skipif(not hasattr(signal, "SIGQUIT"), reason="this system has not all of these signals")
def test_whatever_signals_come_the_first_stops_the_second_hurries_and_the_third_interrupts():
    session, before = StandIn(), signal.getsignal(signal.SIGQUIT)
    with pytest.raises(KeyboardInterrupt), stop_on_signals(session):
        for number, asked in ((signal.SIGQUIT, ["stop"]), (signal.SIGHUP, ["stop", "hurry"]), (signal.SIGTERM, [])):
            os.kill(os.getpid(), number)
            assert session.asked == asked
    assert session.asked == ["stop", "hurry"]
    assert signal.getsignal(signal.SIGQUIT) is before
