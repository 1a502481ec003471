"""Documents given to partitura, which reads them in a process of its own: some it reads for ever, and its objects take much memory."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.limited_process import KeptProcess
from engine.score.tables import Score

LONGEST_S, LONGEST_S_A_MEGABYTE = 30.0, 15.0  # of processor time; a score of a hundred pages, 5 MB, takes five seconds
MOST_BYTES = 4_000_000_000  # it takes a quarter of a gigabyte
KEPT_UP_TO_BYTES = 1_000_000  # a process that has read more gives its memory back
_idle: list[KeptProcess] = []

# part id -> index of a note among all <note> elements of the part -> 1 for a chord rolled upwards, -1 for one rolled downwards
Arpeggios = Mapping[str, Mapping[int, int]]


class DamagedNotes(PerfLiveError):
    """The document has notes that no reader can read, such as one without a step: what is left of it would not be the score."""


class Request(NamedTuple):
    """Of MusicXML, ``arpeggios`` go by part and place in the document; of MEI, ``ornaments`` and ``rolls`` by the ids of notes.

    Ornaments have MusicXML's names, rolls are arpeggios' directions as the values of ``arpeggios`` are.
    """

    form: Literal["musicxml", "mei"]
    document: bytes
    repeats: str
    arpeggios: Arpeggios = {}
    ornaments: Mapping[str, str] = {}
    rolls: Mapping[str, int] = {}

    @property
    def most_s(self) -> float:
        """Processor time that reading may take."""
        return LONGEST_S + LONGEST_S_A_MEGABYTE * len(self.document) / 1e6


@dataclass(frozen=True)
class PartituraReading:
    """``markings`` (M,) MARKING_DTYPE are those of the printed notes ``identifiers``, (part, id) of each that begins to sound.

    ``played`` has repeats as asked for and no markings of its own: ``rows`` (N,) has for each of its notes the row of its markings, -1 for
    none. It is None where partitura cannot play the parts, and ``refusal`` says why. ``printed`` has the words, tempos and measures of the
    page. ``places`` has by (part, id) of each printed note its part's id and its place among all notes of the part.
    """

    identifiers: list[tuple[int, str]]
    markings: np.ndarray
    played: Score | None
    rows: np.ndarray
    printed: Score
    places: dict[tuple[int, str], tuple[str, int]]
    refusal: Exception | None = None

    def score(self) -> Score:
        """Return the score with its markings. Raises why there is none."""
        if self.played is None:
            raise self.refusal or ValueError("partitura does not play it")
        table = np.append(self.markings, np.zeros(1, self.markings.dtype))
        return replace(self.played, markings=table[self.rows])


class Asked(NamedTuple):
    process: KeptProcess
    size: int
    most_s: float


def ask_partitura(request: Request) -> Asked:
    """Let partitura begin to read a document, beside what is done in the meantime."""
    process = next((process for process in _taken() if process.is_ready()), None)
    process = process or KeptProcess(Path(__file__).with_name("process.py"), MOST_BYTES)
    process.ask(pickle.dumps(request))
    return Asked(process, len(request.document), request.most_s)


def answer_of(asked: Asked) -> PartituraReading:
    """Return what partitura has read. Raises what it raises, and ProcessFailed when it takes more than its time or memory."""
    answer: Any = pickle.loads(asked.process.answer(asked.most_s))  # noqa: S301  # our own
    if asked.size <= KEPT_UP_TO_BYTES and not _idle:
        _idle.append(asked.process)
    if isinstance(answer, Exception):
        raise answer
    reading: PartituraReading = answer
    return reading


def _taken() -> list[KeptProcess]:
    """Return the processes that wait, which wait no longer."""
    taken = _idle[:]
    _idle.clear()
    return taken
