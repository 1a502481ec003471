"""What is printed of a score, to be engraved: a document that verovio takes, and where the notes of its measures are."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.base.errors import PerfLiveError
from engine.base.files import MIDI_SUFFIXES
from engine.output.engraving.midi_notation import musicxml_of_midi
from engine.score.midi import read_midi_score
from engine.score.notation.humdrum.documents import with_lasting_spines
from engine.score.notation.mei.documents import normal_mei
from engine.score.notation.musicxml.abc.writing import musicxml_of
from engine.score.notation.musicxml.documents import identified, open_musicxml, uncompressed
from engine.score.notation.musicxml.single_parts import verovio_documents
from engine.score.notation.musicxml.written_times import NOTHING_WRITTEN, WrittenTimes, written_times
from engine.score.notation.reader import text_of
from engine.score.notation.verovio_measures import VerovioScore, read_with_verovio, start_verovio


class Printed(NamedTuple):
    """A score in one document, ``whole``, and in the documents that verovio reads it in: ids of notes are the same in both.

    It is not ``complete`` where it holds the first bars only.
    """

    whole: str
    read: list[str]
    times: WrittenTimes = NOTHING_WRITTEN
    complete: bool = True


def open_printed(path: Path, first: int | None = None) -> Printed:
    """Return what is printed in a score, or in its ``first`` bars where it is MusicXML, or becomes it. Raises PerfLiveError for one that is
    damaged.
    """
    suffix = path.suffix.lower()
    with warnings.catch_warnings(), _one_line():
        warnings.simplefilter("ignore")
        return _musicxml(_AS_MUSICXML[suffix](path), first) if suffix in _AS_MUSICXML else _OPENED[suffix](path)


def hear(printed: Printed) -> VerovioScore:
    """Return what verovio reads in it. Raises PerfLiveError for what it does not take."""
    with _one_line():
        return read_with_verovio(start_verovio(printed.read), printed.read, printed.times)


@contextmanager
def _one_line() -> Iterator[None]:
    """Let whatever a parser meets in what another one has read be said in one line."""
    try:
        yield
    except PerfLiveError:
        raise
    except Exception as error:
        raise PerfLiveError((str(error).strip().splitlines() or [type(error).__name__])[0]) from error


def _musicxml(data: bytes, first: int | None) -> Printed:
    root = open_musicxml(data).root
    identified(root)
    later = [measure for part in root.findall("part") for measure in part.findall("measure")[first:]] if first else []
    for measure in later:
        measure.getparent().remove(measure)
    return Printed(_text_of(root), verovio_documents(root), written_times(root), not later)


def _mei(path: Path) -> Printed:
    document = _text_of(normal_mei(path.read_bytes()))
    return Printed(document, [document])


def _humdrum(path: Path) -> Printed:
    document = with_lasting_spines(text_of(path))
    return Printed(document, [document])


def _text_of(root: object) -> str:
    from lxml import etree

    return str(etree.tostring(root, encoding="unicode"))


_AS_MUSICXML: dict[str, Callable[[Path], bytes]] = {
    **dict.fromkeys((".xml", ".musicxml", ".mxl"), uncompressed),
    **dict.fromkeys(MIDI_SUFFIXES, lambda path: musicxml_of_midi(read_midi_score(path))),
    ".abc": lambda path: musicxml_of(text_of(path))[0],
}
_OPENED: dict[str, Callable[[Path], Printed]] = {".mei": _mei, **dict.fromkeys((".krn", ".kern"), _humdrum)}
