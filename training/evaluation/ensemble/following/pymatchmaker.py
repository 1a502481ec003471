"""pymatchmaker's followers on our takes, run by another Python: it pins versions of its own."""

import json
import subprocess  # noqa: S404 (another Python, which the user names)
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from training.evaluation.ensemble.following.takes import Take

WORKER = Path(__file__).with_name("pymatchmaker_worker.py")
FOLLOWERS = ("OLTW (Arzt)", "OuterProductHMM", "PitchHMM", "PitchIOIHMM")


class Matchmaker:
    """A program that follows takes, one after the other. ``python`` is that of an environment in which pymatchmaker is installed."""

    def __init__(self, python: Path):
        self._python = python
        try:
            self._worker = subprocess.Popen([python, WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        except OSError as error:
            raise PerfLiveError(f"--matchmaker {python}: not a program ({error.strerror}); give the Python of its environment") from error

    def __enter__(self) -> "Matchmaker":
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._worker.stdin, self._worker.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        self._worker.wait()

    def follow(self, name: str, take: Take) -> tuple[np.ndarray, list[float]]:
        """Return the position of each stroke, in quarters, and the milliseconds of each step. Raises PerfLiveError where it fails."""
        notes = take.score.notes[take.solo]
        said: dict[str, Any] = {"follower": name}
        said |= {key: notes[key].tolist() for key in ("onset_quarter", "pitch")}
        said |= {"onset_sec": take.strokes["onset_sec"].tolist(), "stroke_pitch": take.strokes["pitch"].tolist()}
        try:
            print(json.dumps(said), file=self._worker.stdin, flush=True)
            answer = json.loads(self._worker.stdout.readline() if self._worker.stdout else "")
        except (OSError, json.JSONDecodeError) as error:
            raise PerfLiveError(f"--matchmaker {self._python}: {name} gave no answer; what it said stands above") from error
        return np.array(answer["quarters"]), answer["step_ms"]
