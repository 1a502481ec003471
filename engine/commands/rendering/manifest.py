"""The account of a batch, one JSON object a line, from which a later run goes on where this one ended."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.base.errors import PerfLiveError
from engine.commands.rendering.jobs import Job
from engine.commands.rendering.work import Outcome, Work
from engine.performers.setup import Wanted
from engine.systems import System
from models.pretrained import pretrained

MODEL_SUFFIXES = (".onnx", ".safetensors")


class Manifest:
    """The file at ``path``. What it says was done with the same settings, models and input is not done again."""

    def __init__(self, path: Path, work: Work):
        """Read what is there. Raises PerfLiveError for a file that is no manifest or cannot be written."""
        self._path = path
        self._settings = {is_score: _described(wanted) for is_score, wanted in work.wanted.items()}
        self._common = {"score": _described(work.score), "sound": _described(work.sound), "made_by": _made_by(work)}
        self._done = {_key(line) for line in _read(path) if not line["error"]}
        _cut_off(path)

    def left(self, jobs: Iterable[Job]) -> list[Job]:
        """Return what is still to be done: what failed, has changed or is not there any more is done again."""
        return [job for job in jobs if not self._is_done(job)]

    def add(self, outcome: Outcome) -> None:
        """Write what became of a file; the line is on the disk when this returns. Raises PerfLiveError."""
        result = {"notes": outcome.notes, "seconds": round(outcome.seconds, 3), "error": outcome.error}
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**self._asked(outcome.job), **result}) + "\n")
        except OSError as error:
            raise PerfLiveError(f"cannot write {str(self._path)!r}: {error.strerror or error}; make room, and start again") from None

    def _is_done(self, job: Job) -> bool:
        return all(path.exists() for path in job.outputs) and _key(self._asked(job)) in self._done

    def _asked(self, job: Job) -> dict[str, Any]:
        return {
            "input": str(job.input),
            "sha256": _digest(job.input),
            "outputs": [str(path) for path in job.outputs],
            "seed": job.seed,
            "settings": self._settings[job.is_score],
            **self._common,
        }


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a manifest; the last one of a run that was killed may be cut off. Raises PerfLiveError."""
    try:
        texts = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
    except (OSError, UnicodeError) as error:
        raise PerfLiveError(f"cannot read {str(path)!r}: {error}; give --manifest another file") from None
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
            _key(line), line["error"]
            lines.append(line)
        except (ValueError, TypeError, KeyError):
            if text and number < len(texts) - 1:
                raise PerfLiveError(f"{str(path)!r} is no manifest: line {number} is {text[:40]!r}; give --manifest another file") from None
    return lines


def _cut_off(path: Path) -> None:
    """Remove the part of a line at the end, that a run which was killed has left. Raises PerfLiveError where nothing may be written."""
    try:
        with path.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
    except OSError as error:
        raise PerfLiveError(f"cannot write {str(path)!r}: {error.strerror or error}; give --manifest another file") from None


def _key(line: dict[str, Any]) -> str:
    """Return what a file was asked for, without what became of it."""
    asked = ("input", "sha256", "outputs", "seed", "settings", "score", "sound", "made_by")
    return json.dumps([line[name] for name in asked], sort_keys=True)


def _described(options: Any) -> Any:
    """Return options as JSON has them. The seed is each file's own."""
    if isinstance(options, System):
        return options.name
    if is_dataclass(options):
        named = {field.name: getattr(options, field.name) for field in fields(options)}
        return {name: _described(value) for name, value in named.items() if not (isinstance(options, Wanted) and name == "seed")}
    if isinstance(options, dict):
        return {str(name): _described(value) for name, value in options.items()}
    if isinstance(options, list | tuple | set | frozenset):
        return [_described(each) for each in options]
    return options if options is None or isinstance(options, bool | int | float | str) else str(options)


def _made_by(work: Work) -> str:
    """Return the version of the program, and a digest of the models that it may play by."""
    given = [wanted.model for wanted in work.wanted.values() if wanted.model]
    folders = [pretrained("velocity.onnx").parent, *(path for path in given if path.is_dir())]
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in MODEL_SUFFIXES]
    models = "".join(_digest(path) for path in [*files, *(path for path in given if path.is_file())])
    return f"perf-live {version('perf-live')}, models {hashlib.sha256(models.encode()).hexdigest()[:16]}"


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file's content; "" where it cannot be read, which is said when it is performed."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
