"""MIDI clock through a real JACK server whose period is longer than the time between two clocks."""

import subprocess
import sys
from statistics import median

import pytest

LISTEN = """
import os, sys, time
import rtmidi
from engine.base.clock import MonotonicClock
from engine.bench.measuring.programs import start_jack_server, stop_jack_server
from engine.midi import ports
from engine.midi.clock.messages import MidiClock

TEMPO, CLOCKS = 140, 300
server = start_jack_server(f"perf-live-clock-{os.getpid()}", period_frames=1024)
try:
    port = ports.open_input("clock", MonotonicClock(), api="jack", virtual=True)
    sender = ports.new_client(rtmidi.MidiOut, "jack", "sender")
    names = sender.get_ports()
    sender.open_port(next(index for index, name in enumerate(names) if "clock" in name))
    begin = time.perf_counter()
    for number in range(CLOCKS):
        time.sleep(max(begin + number * 60 / TEMPO / 24 - time.perf_counter(), 0))
        sender.send_message([0xF8])
    time.sleep(0.3)
    clock, gaps, last_ns = MidiClock(), [], None
    while not port.inbox.empty():
        event = port.inbox.get()
        if event is not None and event.message == b"\\xf8":
            clock.follow(event)
            beat_ns = clock.read(event.time_ns).beat_ns
            gap_ms = 0 if last_ns is None else (event.time_ns - last_ns) / 1e6
            last_ns = event.time_ns
            print(f"{60e9 / beat_ns if beat_ns else 0} {gap_ms}")
    port.close()
finally:
    stop_jack_server(server)
"""


@pytest.mark.jack
def test_140_quarters_a_minute_are_heard_through_periods_of_1024_frames(jack_server):
    """A clock comes every 17.9 ms, a period lasts 21.3 ms: every sixth clock or so comes together with the one before it."""
    told = subprocess.run([sys.executable, "-c", LISTEN], capture_output=True, text=True, timeout=60, check=True).stdout
    tempos, gaps_ms = zip(*((float(word) for word in line.split()) for line in told.splitlines()), strict=True)
    assert len(tempos) > 250
    assert max(gaps_ms) > 20, "nothing came later than it was sent"
    assert median(tempos[192:]) == pytest.approx(140, rel=0.01)
    near = [tempo == pytest.approx(140, rel=0.03) for tempo in tempos[192:]]  # but for a machine that stands still meanwhile
    assert sum(near) > 0.9 * len(near)
