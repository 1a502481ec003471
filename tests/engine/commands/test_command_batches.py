"""perf-render with many files: several processes at once, an account to go on from, and what is killed in the middle."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import PRELUDE

from engine.commands.rendering.cores import core_of
from engine.commands.rendering.jobs import Job
from engine.commands.rendering.processes import Processes, do_here
from engine.commands.rendering.work import Outcome, Work
from engine.commands.signals import stop_on_signals
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import write_midi_file
from engine.performers.setup import Wanted
from engine.session import ScoreOptions, Session
from engine.sound.options import SoundOptions
from engine.systems import find_system

PERF_RENDER = Path(sys.executable).with_name("perf-render")
PATIENCE_S = 60


@pytest.fixture
def catalogue(tmp_path):
    """A folder with scores' worth of work: some files of different length, one of them broken."""
    (tmp_path / "in" / "more").mkdir(parents=True)
    for name in ("a", "b", "more/c"):
        shutil.copy(PRELUDE, tmp_path / "in" / f"{name}.mid")
    notes = [each for i in range(3000) for each in (Event(i * 10**8, note_on(0, 60, 64)), Event(i * 10**8 + 10**7, note_off(0, 60)))]
    write_midi_file(tmp_path / "in" / "long.mid", notes)
    (tmp_path / "in" / "broken.mid").write_bytes(b"nothing")
    return tmp_path


def begin(folder, *arguments):
    call = [PERF_RENDER, "in", "-o", *map(str, arguments)]
    return subprocess.Popen(call, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def render(folder, *arguments):
    process = begin(folder, *arguments)
    output, error = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output, error


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def account(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_at_a_time_write_what_one_writes_and_name_what_is_broken(catalogue):
    alone = render(catalogue, "one", "--jobs", 1)
    status, output, error = render(catalogue, "two", "--jobs", 2, "--manifest", "made.jsonl")
    assert (status, output, error) == (1, alone[1].replace("one", "two"), alone[2])
    assert "performed 4 of 5 files" in output and "broken.mid" in error and error.count("\n") == 1
    assert content(catalogue / "one") == content(catalogue / "two") and len(content(catalogue / "two")) == 4
    lines = account(catalogue / "made.jsonl")
    assert sorted(Path(line["input"]).name for line in lines) == ["a.mid", "b.mid", "broken.mid", "c.mid", "long.mid"]
    assert [line["input"] for line in lines if line["error"]] == [os.path.join("in", "broken.mid")]
    assert {line["notes"] for line in lines} == {0, 549, 3000}


def test_files_that_would_write_the_same_are_named_and_the_others_performed(catalogue):
    """In whichever of them it would be; once one is renamed both are performed."""
    twin = catalogue / "in" / "a.midi"
    (catalogue / "in" / "broken.mid").unlink()
    shutil.copy(catalogue / "in" / "b.mid", twin)
    arguments = ("out", "--performer", "passthrough", "--manifest", "made.jsonl", "--jobs", 2)
    status, output, error = render(catalogue, *arguments)
    assert status == 1 and output.startswith("performed 3 of 5 files")
    one, other, out = (os.path.join(*path) for path in (("in", "a.mid"), ("in", "a.midi"), ("out", "a.mid")))
    for line, mine, theirs in zip(error.splitlines(), (one, other), (other, one), strict=True):
        assert f"cannot perform {mine!r}: {out!r} would be written for {theirs!r} as well" in line
    assert sorted(content(catalogue / "out")) == sorted(["b.mid", "long.mid", os.path.join("more", "c.mid")])
    assert {line["input"] for line in account(catalogue / "made.jsonl") if line["error"]} == {one, other}
    twin.rename(twin.with_stem("twin"))
    status, output, _ = render(catalogue, *arguments)
    assert status == 0 and output == "3 of 5 files are done already, as 'made.jsonl' says\nperformed 2 of 2 files, 1098 notes: out\n"


def test_what_the_account_says_is_done_is_left_out_unless_something_has_changed(catalogue):
    (catalogue / "in" / "broken.mid").unlink()
    arguments = ("out", "--performer", "passthrough", "--manifest", "made.jsonl")
    assert render(catalogue, *arguments)[1].startswith("performed 4 of 4 files")
    before = content(catalogue / "out")
    assert render(catalogue, *arguments) == (0, "4 of 4 files are done already, as 'made.jsonl' says\n", "")
    (catalogue / "out" / "a.mid").unlink()
    shutil.copy(catalogue / "in" / "a.mid", catalogue / "in" / "long.mid")
    with (catalogue / "made.jsonl").open("a") as file:
        file.write('{"input": "cut o')
    assert "2 of 4 files are done already" in (said := render(catalogue, *arguments)[1]) and "performed 2 of 2 files" in said
    after = content(catalogue / "out")
    assert {name for name in before if before[name] != after[name]} == {"long.mid"}
    assert len(account(catalogue / "made.jsonl")) == 6
    assert render(catalogue, *arguments, "--seed", 1)[1].startswith("performed 4 of 4 files")


def test_a_file_that_is_no_account_is_left_as_it_is(catalogue):
    (catalogue / "notes.txt").write_text("my notes\nof today\n")
    status, output, error = render(catalogue, "out", "--manifest", "notes.txt")
    assert (status, output, error.count("\n")) == (1, "", 1) and "is no manifest: line 1 is 'my notes'" in error
    assert (catalogue / "notes.txt").read_text() == "my notes\nof today\n" and not (catalogue / "out").exists()


def workers_of(process):
    listed = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line]


def wait_until(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_worker_that_is_killed_costs_no_file(catalogue):
    undisturbed = render(catalogue, "undisturbed")
    process = begin(catalogue, "out", "--jobs", 2)
    wait_until(lambda: len(workers_of(process)) == 2)
    for worker in workers_of(process):
        os.kill(worker, signal.SIGKILL)
    output, error = process.communicate(timeout=PATIENCE_S)
    assert (output, error) == (undisturbed[1].replace("undisturbed", "out"), undisturbed[2])
    assert content(catalogue / "out") == content(catalogue / "undisturbed")


@pytest.fixture
def endless(catalogue):
    """A perf-render whose catalogue has a file that takes for ever, a named pipe; all others are done when it is given."""
    (catalogue / "in" / "broken.mid").unlink()
    os.mkfifo(catalogue / "endless.mid")
    process = subprocess.Popen(
        [PERF_RENDER, "in", "endless.mid", "-o", "out", "--jobs", "2"],
        cwd=catalogue, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: len(list((catalogue / "out").rglob("[!.]*.mid"))) == 4)  # what is half written has a dot before its name
    yield process
    process.kill()
    process.communicate()


def test_a_file_that_kills_its_worker_twice_is_named_and_the_others_are_done(endless):
    killed = set()
    while endless.poll() is None:
        for worker in set(workers_of(endless)) - killed:
            os.kill(worker, signal.SIGKILL)
            killed.add(worker)
        time.sleep(0.3)
    output, error = endless.communicate(timeout=PATIENCE_S)
    assert (endless.returncode, error.count("\n")) == (1, 1) and "performed 4 of 5 files" in output
    assert "cannot perform 'endless.mid'" in error and "status -9, 2 times" in error


def test_a_batch_that_is_killed_goes_on_to_the_same_files(catalogue):
    (catalogue / "in" / "broken.mid").unlink()
    render(catalogue, "undisturbed")
    arguments = ("out", "--jobs", 2, "--manifest", "made.jsonl")
    for done in (1, 2):
        process = begin(catalogue, *arguments)
        wait_until(lambda: (catalogue / "made.jsonl").exists() and len(account(catalogue / "made.jsonl")) >= done)  # noqa: B023
        process.kill()
        process.communicate()
    status, output, _ = render(catalogue, *arguments)
    assert status == 0 and "files are done already" in output
    assert content(catalogue / "out") == content(catalogue / "undisturbed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_workers_and_leaves_no_half_written_file(catalogue, endless, number):
    workers = workers_of(endless)
    endless.send_signal(number)
    output, error = endless.communicate(timeout=PATIENCE_S)
    assert (endless.returncode, output) == (1, "")
    assert error == "perf-render: stopped before the end; what was not finished was not written\n"
    assert workers and not any(os.path.exists(f"/proc/{worker}") for worker in workers)
    assert len(content(catalogue / "out")) == 4


@pytest.mark.parametrize("worker", ["of its own", "this process"])
def test_nothing_of_a_file_is_left_in_memory_when_it_is_done(catalogue, worker):
    """Automatic garbage collection is off, as it may come late: what is left of a run would add up over thousands of files."""
    wanted = {False: Wanted(find_system("passthrough"))}
    work = Work(wanted, ScoreOptions(), SoundOptions(), stop_on_signals)
    jobs = [Job(catalogue / "in" / "a.mid", (catalogue / f"{number}.mid",)) for number in range(4)]
    gc.collect()
    gc.disable()
    try:
        done = do_here(work, jobs, 1) if worker == "this process" else map(work.load_in_bounds().do, jobs)
        assert [(outcome.notes, outcome.error) for outcome in done] == [(549, "")] * 4
        assert not [each for each in gc.get_objects() if issubclass(type(each), Session)]
        assert bool(gc.get_freeze_count()) == (worker == "of its own")  # what a worker has loaded it does not look through again
    finally:
        gc.unfreeze()
        gc.enable()


def test_as_many_processes_as_cores_keep_to_one_each_and_fewer_to_none(catalogue):
    work = Work({False: Wanted(find_system("passthrough"))}, ScoreOptions(), SoundOptions(), stop_on_signals)
    cores = os.sched_getaffinity(0)
    crew = Processes(work, len(cores))
    workers = [crew.hire(place) for place in range(len(cores))]
    workers[0].end()  # and another takes its core
    workers[0] = crew.hire(0)
    try:
        assert sorted(worker.core for worker in workers) == sorted(cores)
        for worker in workers:
            worker.begin(Job(catalogue / "in" / "a.mid", (catalogue / f"{worker.core}.mid",)))
            assert isinstance(worker.receive(), Outcome)
            assert os.sched_getaffinity(worker._process.pid) == {worker.core}
    finally:
        for worker in workers:
            worker.end()
    assert core_of(0, len(cores) + 1) is None
