"""Faults on purpose, against the real perf-live at a real JACK server: no note is lost, none hangs, and the run ends as it should.

What is done stands in ``engine.bench.reliability.harm``, and perf-bench faults does it too. An observer, a sound module of its own, says
what came through.
"""

import os
import shutil
from pathlib import Path

import pytest

from engine.bench.measuring.programs import SERVER, start_jack_server, stop_jack_server
from engine.bench.reliability.faults import FAULTS
from engine.bench.reliability.stage.between_ports import Peer, Stage

pytestmark = pytest.mark.jack

LEFT_OUT = ("10 s", "30 s", "for 5 s", "standard")  # long, or much like another: perf-bench faults does these as well
JACKS_PLACES = 8
STALLED = [name for name in FAULTS if "stalls" in name]


@pytest.fixture(scope="module")
def stage(jack_server, tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("faults"), "faults") as stage:
        yield stage


def survive(stage, name):
    outcome = FAULTS[name](stage)
    if not outcome.survived and stage.run:
        stage.run.end()  # the next fault has a new run
    assert outcome.wrong == "", outcome.said
    assert (outcome.lost, outcome.extra, outcome.stuck, outcome.pedals) == (0, 0, 0, 0), outcome.said
    assert outcome.sent > 0


@pytest.mark.parametrize("name", [name for name in FAULTS if not any(each in name for each in (*LEFT_OUT, *STALLED))])
def test_a_fault_costs_no_note_and_leaves_none_sounding(stage, name):
    survive(stage, name)


@pytest.mark.trace
@pytest.mark.sound
@pytest.mark.parametrize("name", STALLED)
def test_a_stalled_disk_costs_no_note_and_leaves_none_sounding(stage, name):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    survive(stage, name)


def test_a_server_whose_clients_were_killed_gives_up_its_place(jack_server, tmp_path, monkeypatch):
    """JACK has eight places for servers in all; one that has died keeps its own, and then no other can be started."""
    name = f"perf-live-place-{os.getpid()}"
    monkeypatch.setenv(SERVER, jack_server)  # put back in the end
    server = start_jack_server(name)
    peers = [Peer(kind, f"killed-{kind}", tmp_path, os.environ) for kind in ("keys", "synth")]
    places = Path("/dev/shm/jack-shm-registry")  # noqa: S108
    assert name.encode() in places.read_bytes()
    for peer in peers:
        peer.kill(notice_s=0)
    stop_jack_server(server)
    assert name.encode() not in places.read_bytes()


def test_servers_that_were_killed_leave_room_for_another(jack_server, monkeypatch):
    monkeypatch.setenv(SERVER, jack_server)  # put back in the end
    for number in range(JACKS_PLACES):
        server = start_jack_server(f"perf-live-killed-{number}")
        server.kill()
        server.wait()
    stop_jack_server(start_jack_server("perf-live-one-more"))
