"""Each file is read in a process of its own, which may take long, print, or end itself."""

import multiprocessing
import os
import signal
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path

from engine.base.errors import PerfLiveError
from training.evaluation.reading.agreement import Note

ENGINE, MUSIC21, PARTITURA = "engine", "music21", "partitura"
# Imported once: each process is forked from one that has it.
PRELOADED = "training.evaluation.reading.preloaded"


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a file: notes, or ``refused``, the reason in one line."""

    notes: list[Note] = field(default_factory=list)
    refused: str = ""
    seconds: float = 0.0


def read_apart(reader: str, path: Path, limit_s: float) -> Reading:
    """Read a file with ENGINE, MUSIC21 or PARTITURA in a process that is ended, with its children, after ``limit_s``."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_read, args=(reader, path, sender))
    process.start()
    sender.close()
    try:
        if receiver.poll(limit_s):
            return receiver.recv()
        return Reading(refused=f"takes more than {limit_s:g} s", seconds=limit_s)
    except EOFError:
        process.join(1.0)
        return Reading(refused=f"its process ended with {process.exitcode}")
    finally:
        if process.is_alive():
            _end(process.pid)
        process.join()


def _end(group: int | None) -> None:
    """End a process and those that it has started; it may have ended itself meanwhile."""
    try:
        os.killpg(group or 0, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _read(reader: str, path: Path, sender: Connection) -> None:
    os.setsid()
    started = time.perf_counter()
    notes: list[Note] = []
    refused = ""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            notes = _notes(reader, path)
        except PerfLiveError as error:
            refused = str(error).removeprefix(f"cannot read {str(path)!r}: ").removeprefix(f"cannot perform {str(path)!r}: ")
        except Exception as error:  # whatever a reader meets
            refused = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"
    sender.send(Reading(notes, refused, time.perf_counter() - started))
    sender.close()


def _notes(reader: str, path: Path) -> list[Note]:
    if reader == MUSIC21:
        from training.evaluation.reading.music21_reader import read_with_music21

        return read_with_music21(path)
    from engine.score.files import read_score
    from engine.score.notation.reader import read_with_partitura

    score = read_score(path) if reader == ENGINE else read_with_partitura(path)
    return [tuple(row) for row in score.notes[["onset_quarter", "pitch", "is_grace"]].tolist()]
