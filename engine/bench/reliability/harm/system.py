"""What the machine does: it stops the process, has no processor, no descriptors, no disk or a slow one; models that answer NaN; signals."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from engine.base.errors import PerfLiveError
from engine.bench.reliability.harm.nan_model import write_nan_model
from engine.bench.reliability.stage.between_ports import PATIENCE_S, Stage, await_
from engine.bench.reliability.stage.outcome import Fault, ending, hold_chord, lasting, play, release_chord

STDIN, STDOUT, STDERR = 0, 1, 2
LEAST_LIMIT_BYTES = 1024  # what perf-live says in a file of ours still fits
STALL_S = 3
HOG = "while True: pass"


def stop_process(stage: Stage, seconds: float) -> None:
    """Stop perf-live (SIGSTOP) in mid-chord for so long."""
    stage.await_heard()
    stage.live_run.send(signal.SIGSTOP)
    sleep(seconds)
    stage.live_run.send(signal.SIGCONT)
    stage.await_connection()


@contextmanager
def hogs() -> Iterator[None]:
    """Keep every core busy while the block runs."""
    started = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(os.cpu_count() or 1)]  # noqa: S603
    try:
        yield
    finally:
        for hog in started:
            hog.kill()
            hog.wait()


@lasting
def stopped_for_a_moment(stage: Stage) -> None:
    hold_chord(stage)
    stop_process(stage, 0.4)
    release_chord(stage)


@lasting
def stopped_for_long(stage: Stage) -> None:
    hold_chord(stage)
    stop_process(stage, 5.0)
    release_chord(stage)


@lasting
def hog_on_every_core(stage: Stage) -> None:
    with hogs():
        play(stage, 2.0)


def signalled(number: int) -> Fault:
    """Return the fault that a signal comes in mid-chord."""

    @ending(0)
    def inject(stage: Stage) -> None:
        run = stage.live("--record", stage.folder / f"signal-{number}.mid")
        hold_chord(stage)
        run.send(number)
        run.await_end()

    return inject


def descriptor_closed(*descriptors: int) -> Fault:
    """Return the fault that perf-live is started with closed descriptors."""
    closed = " ".join(f"{descriptor}>&-" for descriptor in descriptors)

    @ending(0)
    def inject(stage: Stage) -> None:
        run = stage.live("--record", stage.folder / "closed.mid", before=["sh", "-c", f'exec "$@" {closed}', "sh"], ready=False)
        stage.await_connection()
        play(stage, 0.5)
        hold_chord(stage)
        run.stop()

    return inject


@ending(1, "recording")
def full_disk_of_a_take(stage: Stage) -> None:
    """The process may write no more to any file. The music goes on, and the end says which take is incomplete."""
    take = stage.folder / "full.mid"
    run = stage.live("--record", take)
    play(stage, 0.5)
    partial = take.with_name("full.partial.mid")
    limit = max(LEAST_LIMIT_BYTES, partial.stat().st_size + 100)
    resource.prlimit(run.process_id, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    play(stage, 2.0)
    hold_chord(stage)
    sleep(1.0)
    if not run.running:
        raise PerfLiveError("a full disk ends the music")
    resource.prlimit(run.process_id, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run.stop()


@lasting
def stalled_disk_of_a_take(stage: Stage) -> None:
    with stalled_files(stage.live_run.process_id):
        play(stage, 1.0)
        hold_chord(stage)
        release_chord(stage)


@ending(0)
def stalled_disk_of_a_sound_file(stage: Stage) -> None:
    run = stage.live("--out", stage.folder / "stalled.wav")
    play(stage, 1.0)
    with stalled_files(run.process_id):
        play(stage, 1.5)
        hold_chord(stage)
        release_chord(stage)
        stage.await_heard(1.0)
        if stage.delivered().lost:
            raise PerfLiveError("the port waits for the disk")
    run.stop()


@contextmanager
def stalled_files(process_id: int) -> Iterator[None]:
    """While the block runs, every write to a regular file and every flush of one takes seconds, by strace. Raises PerfLiveError."""
    opened = [os.readlink(link) for link in Path(f"/proc/{process_id}/fd").iterdir() if stat.S_ISREG(link.stat().st_mode)]
    paths = [word for path in opened for word in ("-P", path)]
    delay = f"inject=write,fsync,pwrite64:delay_enter={STALL_S}s"
    call = ["strace", "-f", "-qq", "-o", os.devnull, "-p", str(process_id), *paths, "-e", "trace=write,fsync,pwrite64", "-e", delay]
    try:
        tracer = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        raise PerfLiveError(f"strace is needed to stall a disk: {error.strerror}; install strace with apt") from None
    try:
        await_(lambda: _is_traced(process_id) or tracer.poll() is not None, "strace does not attach")
        if tracer.poll() is not None:
            raise PerfLiveError("strace may not trace here; allow ptrace, or run as root")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE_S)


def _is_traced(process_id: int) -> bool:
    status = Path(f"/proc/{process_id}/status").read_text()
    return not status.partition("TracerPid:")[2].lstrip().startswith("0")


@ending(0)
def nan_model(stage: Stage) -> None:
    """The network answers NaN from the first note on; the notes pass through."""
    run = stage.live("--model", write_nan_model(stage.folder), "--record", stage.folder / "nan.mid")
    play(stage, 1.0)
    hold_chord(stage)
    release_chord(stage)
    stage.await_heard()
    run.stop()
