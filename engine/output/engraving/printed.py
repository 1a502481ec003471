"""What is printed of a score, to be engraved: a document that verovio takes, and where the notes of its measures are."""

import warnings
from collections.abc import Callable
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
    """``document`` is the whole score in a format of verovio's, ``heard`` what verovio reads in it: ids of notes are those of both."""

    document: str
    heard: VerovioScore


class _Documents(NamedTuple):
    """A score in one document, and in the documents that verovio reads it in."""

    whole: str
    read: list[str]
    times: WrittenTimes = NOTHING_WRITTEN


def read_printed(path: Path) -> Printed:
    """Read what is printed in a score. Raises PerfLiveError for one that verovio does not take."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole, documents, times = _OPENED[path.suffix.lower()](path)
        return Printed(whole, read_with_verovio(start_verovio(documents), documents, times))
    except PerfLiveError:
        raise
    except Exception as error:  # whatever a parser meets in what another one has read
        raise PerfLiveError((str(error).strip().splitlines() or [type(error).__name__])[0]) from error


def _musicxml(data: bytes) -> _Documents:
    root = open_musicxml(data).root
    identified(root)
    return _Documents(_text_of(root), verovio_documents(root), written_times(root))


def _mei(path: Path) -> _Documents:
    document = _text_of(normal_mei(path.read_bytes()))
    return _Documents(document, [document])


def _humdrum(path: Path) -> _Documents:
    document = with_lasting_spines(text_of(path))
    return _Documents(document, [document])


def _text_of(root: object) -> str:
    from lxml import etree

    return str(etree.tostring(root, encoding="unicode"))


_OPENED: dict[str, Callable[[Path], _Documents]] = {
    **dict.fromkeys((".xml", ".musicxml", ".mxl"), lambda path: _musicxml(uncompressed(path))),
    ".mei": _mei,
    **dict.fromkeys((".krn", ".kern"), _humdrum),
    **dict.fromkeys(MIDI_SUFFIXES, lambda path: _musicxml(musicxml_of_midi(read_midi_score(path)))),
    ".abc": lambda path: _musicxml(musicxml_of(text_of(path))[0]),
}
