"""perf-render on a Ray cluster of this machine's own, and within bounds of memory: real actors, real files, one actor killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from command_line import PRELUDE

from engine import session
from engine.base.errors import PerfLiveError, UsageError
from engine.commands.rendering.cluster import LOCAL, do_on_cluster
from engine.commands.rendering.flags import BatchFlags
from engine.commands.rendering.jobs import Job
from engine.commands.rendering.work import Work
from engine.commands.signals import stop_on_signals
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import write_midi_file
from engine.performers.setup import Wanted
from engine.session import ScoreOptions
from engine.sound.options import SoundOptions
from engine.systems import find_system
from models.pretrained import pretrained

PERF_RENDER = Path(sys.executable).with_name("perf-render")
PATIENCE_S = 300


@pytest.fixture
def catalogue(tmp_path):
    (tmp_path / "in").mkdir()
    for name in "abcdef":
        shutil.copy(PRELUDE, tmp_path / "in" / f"{name}.mid")
    write_take(tmp_path / "in" / "long.mid", 4000)
    (tmp_path / "in" / "broken.mid").write_bytes(b"nothing")
    return tmp_path


def write_take(path, notes):
    write_midi_file(path, [each for i in range(notes) for each in (on(i), note_end(i))])


def on(number):
    return Event(number * 10**8, note_on(0, 60, 64))


def note_end(number):
    return Event(number * 10**8 + 10**7, note_off(0, 60))


def begin(folder, *arguments):
    call = [PERF_RENDER, "in", "-o", *map(str, arguments)]
    return subprocess.Popen(call, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def account(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def actors_of(folder):
    """Return the processes that perform files of this catalogue: Ray names a process by what it is, and they work in the folder."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    named = [int(line.split()[0]) for line in listed.splitlines() if "ray::" in line and "_Performer" in line]
    return [process for process in named if is_in(process, folder)]


def is_in(process, folder):
    try:
        return os.readlink(f"/proc/{process}/cwd") == str(folder)
    except OSError:
        return False


def wait_until(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_an_actor_that_is_killed_costs_no_file_and_none_is_done_twice(catalogue):
    alone = begin(catalogue, "alone", "--jobs", 1).communicate(timeout=PATIENCE_S)
    process = begin(catalogue, "out", "--jobs", 2, "--ray", LOCAL, "--manifest", "made.jsonl")
    actors = []
    wait_until(lambda: actors.extend(actors_of(catalogue)) or actors)
    os.kill(actors[0], signal.SIGKILL)
    output, error = process.communicate(timeout=PATIENCE_S)
    assert (output, error) == (alone[0].replace("alone", "out"), alone[1])
    assert content(catalogue / "out") == content(catalogue / "alone") and len(content(catalogue / "out")) == 7
    lines = account(catalogue / "made.jsonl")
    assert sorted(Path(line["input"]).name for line in lines) == sorted(path.name for path in (catalogue / "in").iterdir())
    assert not actors_of(catalogue)


def test_as_many_actors_as_cores_keep_to_one_each(catalogue):
    allowed = os.sched_getaffinity(0)
    cores = sorted(allowed)[:2]
    os.sched_setaffinity(0, cores)  # as will what is begun now
    try:
        process = begin(catalogue, "out", "--jobs", len(cores), "--ray", LOCAL)
    finally:
        os.sched_setaffinity(0, allowed)
    wait_until(lambda: kept_to(catalogue) == [{core} for core in cores] or process.poll() is not None)
    assert process.poll() is None
    process.communicate(timeout=PATIENCE_S)


def kept_to(folder):
    """Return the cores of each actor."""
    return sorted((os.sched_getaffinity(actor) for actor in actors_of(folder)), key=min)


def test_models_that_travel_are_removed_when_they_are_loaded_and_an_actor_that_is_killed_leaves_none(catalogue, monkeypatch):
    (catalogue / "in" / "broken.mid").unlink()
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as temporary:  # Ray's sockets below it need short names
        monkeypatch.setenv("TMPDIR", temporary)
        model = pretrained("velocity.onnx")
        process = begin(catalogue, "out", "--jobs", 2, "--ray", LOCAL, "--performer", "velocity", "--model", model)
        seen = set()
        wait_until(lambda: seen.update(Path(temporary).rglob("velocity.onnx")) or len(seen) == 2)  # each actor's
        wait_until(lambda: not list(Path(temporary).glob("perf-render-*")))
        for actor in actors_of(catalogue):
            os.kill(actor, signal.SIGKILL)
        _, error = process.communicate(timeout=PATIENCE_S)
        assert error == "" and len(content(catalogue / "out")) == 7
        assert not list(Path(temporary).glob("perf-render-*"))


def test_a_cluster_that_is_not_there_is_named_at_once():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(PerfLiveError, match=f"--ray '{address}': no cluster answers there"):
            next(do_on_cluster(None, [None], address, None))
    for nonsense in ("nonsense", "host:port", ":"):
        with pytest.raises(UsageError, match="HOST:PORT"):
            next(do_on_cluster(None, [None], nonsense, None))


def test_ray_that_is_not_installed_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'perf-live\[ray\]'"):
        next(do_on_cluster(None, [None], LOCAL, None))


BOUNDED = """
from engine.commands.rendering.memory import bound_memory
bound_memory(0.25)
bytearray(10 * 2**20)
try:
    bytearray(2**29)
except MemoryError:
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="--memory is for Linux, and refused elsewhere")
def test_a_bounded_process_gets_no_more_memory():
    assert subprocess.run([sys.executable, "-c", BOUNDED], capture_output=True, text=True).stdout == "refused\n"


def test_a_file_that_needs_more_memory_is_named(monkeypatch, tmp_path):
    def greedy(*_):
        raise MemoryError

    monkeypatch.setattr(session, "render_file", greedy)
    wanted = {False: Wanted(find_system("passthrough"))}
    job = Job(tmp_path / "huge.mid", (tmp_path / "out.mid",))
    error = Work(wanted, ScoreOptions(), SoundOptions(), stop_on_signals, memory_gib=2).load().do(job).error
    assert error == f"cannot perform {str(job.input)!r}: it needs more memory than the 2 GiB of --memory; give more"


def test_memory_is_not_bounded_where_nothing_would_hold_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UsageError, match="--memory 2"):
        BatchFlags(memory_gib=2).check()
