"""What listeners answered: files that the page saved, or tables typed from paper, one a listener."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from engine.base.configuration import validate_config
from engine.base.errors import UsageError
from training.evaluation.listening.key import Key, read_json

QUESTIONS = ("lifelike", "liking")  # from 1, like a machine, to 5, like a person; from 1, not at all, to 5, very much
COLUMNS = ("kit", "listener", "years_of_training", "excerpt", "clip", *QUESTIONS, "person")  # the last is how sure, in one row an excerpt


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RatedClip(_Strict):
    clip: str
    lifelike: int = Field(ge=1, le=5)
    liking: int = Field(ge=1, le=5)


class RatedExcerpt(_Strict):
    """``clips`` in the order in which they were shown; ``person`` is the one that is taken for a human."""

    excerpt: int
    clips: tuple[RatedClip, ...]
    person: str
    confidence: int = Field(ge=1, le=5)


class Answers(_Strict):
    """All answers of a listener; ``excerpts`` in the order in which they were heard."""

    kit: str
    listener: str = Field(min_length=1)
    years_of_training: float = Field(ge=0, le=100)
    device: Literal["headphones", "loudspeakers", "unknown"] = "unknown"
    excerpts: tuple[RatedExcerpt, ...]


class Results(NamedTuple):
    """Answers of L listeners about E excerpts by S sources: ``ratings`` of each question (L, E, S), ``person`` (L, E), the number of the
    source that was taken for the human, and ``confidence`` (L, E).
    """

    sources: tuple[str, ...]
    listeners: tuple[str, ...]
    years_of_training: np.ndarray
    ratings: dict[str, np.ndarray]
    person: np.ndarray
    confidence: np.ndarray


def read_results(paths: Sequence[Path], key: Key) -> Results:
    """Raises UsageError that names the file that is not of the key's test, not complete, or of a listener who has answered already."""
    known: dict[str, Path] = {}
    every = []
    for path in paths:
        answers = read_answers(path)
        _check(path, answers, key)
        if other := known.get(answers.listener):
            raise UsageError(f"{str(path)!r}: listener {answers.listener!r} is in {str(other)!r} too; leave one of them out")
        known[answers.listener] = path
        every.append(answers)
    return _arrange(every, key)


def read_answers(path: Path) -> Answers:
    """Raises UsageError for a file that holds no answers."""
    content = _read_table(path) if path.suffix.lower() == ".csv" else read_json(path)
    if "listener" not in content:
        raise UsageError(f"{str(path)!r}: no answers of a listener; give files that the page of perf-eval listen saved")
    return validate_config(repr(str(path)), content, Answers)


def _read_table(path: Path) -> dict[str, object]:
    """Return the content of a table typed from paper as the page would have saved it."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{str(path)!r}: {getattr(error, 'strerror', None) or 'not a table'}; expected a CSV file") from None
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise UsageError(f"{str(path)!r}: expected the columns {', '.join(COLUMNS)}; copy answers_template.csv and fill it in")
    excerpts: dict[str, dict[str, Any]] = {}
    for row in rows:
        excerpt = excerpts.setdefault(row["excerpt"], {"excerpt": row["excerpt"], "clips": []})
        excerpt["clips"].append({name: row[name] for name in ("clip", *QUESTIONS)})
        if row["person"]:
            if "person" in excerpt:
                raise UsageError(f"{str(path)!r}: excerpt {row['excerpt']} has two rows with a number in 'person'; leave one")
            excerpt |= {"person": row["clip"], "confidence": row["person"]}
    said = {name: rows[0][name] for name in ("kit", "listener", "years_of_training")}
    return {**said, "excerpts": list(excerpts.values())}


def _check(path: Path, answers: Answers, key: Key) -> None:
    """Raise UsageError where answers are not about all clips of the key's test, each once."""
    if answers.kit != key.kit:
        raise UsageError(f"{str(path)!r}: of the test {answers.kit!r}, and the key is of {key.kit!r}; give the key that was made with it")
    for name in sorted({each.excerpt for each in answers.excerpts} - {each.excerpt for each in key.excerpts}):
        raise UsageError(f"{str(path)!r}: the test has no excerpt {name}; it has 1 to {len(key.excerpts)}")
    for excerpt in key.excerpts:
        rated = [each for each in answers.excerpts if each.excerpt == excerpt.excerpt]
        clips = [clip.clip for each in rated for clip in each.clips]
        if missing := sorted(set(excerpt.clips) - set(clips)):
            raise UsageError(f"{str(path)!r}: no answer about {', '.join(missing)}; leave the file out, or complete it")
        if unknown := sorted(set(clips) - set(excerpt.clips)):
            raise UsageError(f"{str(path)!r}: excerpt {excerpt.excerpt} has no clip {unknown[0]!r}; it has {', '.join(excerpt.clips)}")
        if len(rated) > 1 or len(clips) > len(excerpt.clips):
            raise UsageError(f"{str(path)!r}: two answers about excerpt {excerpt.excerpt}; leave one")
        if rated[0].person not in excerpt.clips:
            raise UsageError(f"{str(path)!r}: excerpt {excerpt.excerpt} has no clip {rated[0].person!r}; it has {', '.join(excerpt.clips)}")


def _arrange(every: Sequence[Answers], key: Key) -> Results:
    shape = len(every), len(key.excerpts)
    ratings = {question: np.zeros((*shape, len(key.sources))) for question in QUESTIONS}
    person, confidence = np.zeros(shape, dtype=int), np.zeros(shape)
    number = {source: index for index, source in enumerate(key.sources)}
    for row, answers in enumerate(every):
        rated = {each.excerpt: each for each in answers.excerpts}
        for column, excerpt in enumerate(key.excerpts):
            given = rated[excerpt.excerpt]
            person[row, column], confidence[row, column] = number[excerpt.clips[given.person]], given.confidence
            for clip in given.clips:
                for question, values in ratings.items():
                    values[row, column, number[excerpt.clips[clip.clip]]] = getattr(clip, question)
    years = np.array([each.years_of_training for each in every])
    return Results(key.sources, tuple(each.listener for each in every), years, ratings, person, confidence)
