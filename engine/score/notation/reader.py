"""Which of two readers is right about a score.

partitura gives the markings that the networks have learnt from, verovio hears repeats, jumps, transposition and ties as players do. Where
both hear the same notes at the same places the score is partitura's. Where they do not, the notes are verovio's.
"""

import gc
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.limited_process import LimitedProcess, ProcessFailed
from engine.score.notation.humdrum import documents as humdrum
from engine.score.notation.mei.documents import XML_ID, mei_signs, normal_mei
from engine.score.notation.mei.documents import written_notes as notes_of_mei
from engine.score.notation.musicxml.abc.writing import musicxml_of
from engine.score.notation.musicxml.documents import (
    identified,
    note_key,
    open_musicxml,
    percussion_keys,
    printed_swing,
    uncompressed,
    written_notes,
)
from engine.score.notation.musicxml.single_parts import verovio_documents
from engine.score.notation.musicxml.written_times import NOTHING_WRITTEN, WrittenTimes, written_times
from engine.score.notation.partitura_reading.asking import Asked, DamagedNotes, PartituraReading, Request, answer_of, ask_partitura
from engine.score.notation.verovio_markings import verovio_markings
from engine.score.notation.verovio_measures import VerovioScore, read_with_verovio, start_verovio
from engine.score.notation.verovio_scores import (
    StruckNote,
    percussion_notes,
    play_order,
    sounding_notes,
    verovio_score,
    words_and_tempos,
)
from engine.score.notation.verovio_texts import annotations
from engine.score.realisation.swing import swing_of_words
from engine.score.tables import Score, Swing

_IS_SCORE = re.compile(rb"<score-(part|time)wise|<(\w+:)?mei\b|^\*\*kern|^X:", re.MULTILINE)
LOOKED_AT_BYTES = 100_000
ALTERNATIVES = ("{*}rdg", "{*}sic", "{*}orig", "{*}del", "{*}ossia")  # beside which the text that is played stands
MOST_SAID = 3  # of what is left out of one file
SAME_PLACE_QUARTERS = 1.5


class _Reading(NamedTuple):
    """A document that partitura, where it takes its format, and verovio have begun to read, and what the document itself says.

    ``named`` has (part, staff, id) of notes by verovio's ids and ``percussion`` the keys that the document gives to unpitched notes, by
    verovio's ids. ``left_out`` takes what is not read, ``swing`` goes by the index of its measure, ``written`` has by verovio's ids
    the measure and the part of each note that the document has, where that is known, ``times`` are ``written_times`` of MusicXML.
    """

    asked: Asked | None
    documents: list[str]
    verovio: LimitedProcess
    named: dict[str, tuple[int, int, str]]
    percussion: dict[str, int]
    left_out: list[str]
    swing: Sequence[tuple[int, Swing]] = ()
    written: Mapping[str, tuple[str, str]] = MappingProxyType({})
    times: WrittenTimes = NOTHING_WRITTEN


def read_notation(path: Path, repeats: str) -> Score:
    """Read a file that is known to exist. Raises PerfLiveError for one that neither reader can read."""
    with warnings.catch_warnings(), _without_collection():
        warnings.simplefilter("ignore")
        try:
            reading = _READERS[path.suffix.lower()](path, repeats)
            score = _choose(reading, repeats)
        except PerfLiveError as error:
            raise PerfLiveError(f"cannot read {str(path)!r}: {error}") from None
        except Exception as error:  # whatever a parser meets in a damaged file: key, index, type, syntax and recursion errors
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            damaged = isinstance(error, SyntaxError | OSError) or not _looks_like_score(path)
            what = "damaged or of another format" if damaged else "it has something that neither partitura nor verovio reads"
            raise PerfLiveError(f"cannot read {str(path)!r}: {what} ({reason}); give a valid score") from error
    if reading.left_out:
        said = [*reading.left_out[:MOST_SAID], *([f"{len(reading.left_out) - MOST_SAID} more"] if reading.left_out[MOST_SAID:] else [])]
        print(f"left out of {str(path)!r}: {'; '.join(said)}", file=sys.stderr, flush=True)
    return score


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the collector of cycles away: it looks at each of a million new objects again and again, and none can go before the end."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _looks_like_score(path: Path) -> bool:
    try:
        return bool(_IS_SCORE.search(uncompressed(path)[:LOOKED_AT_BYTES].replace(b"\0", b"")))  # of UTF-16, too
    except Exception:  # an archive that is damaged itself
        return False


def read_with_partitura(path: Path, repeats: str = "play") -> Score:
    """Read a file by partitura alone: what the networks' tables were made of. Raises what partitura does."""
    reading = _READERS[path.suffix.lower()](path, repeats)
    if reading.asked is None:
        raise PerfLiveError("partitura does not read its format")
    return answer_of(reading.asked).score()


def _choose(reading: _Reading, repeats: str) -> Score:
    heard = _heard(reading)
    ours = partitura = None
    refusal: Exception = ValueError("verovio does not take it")
    keys: dict[tuple[int, str], str] = {}
    try:
        if reading.asked is not None:
            partitura = answer_of(reading.asked)
            if reading.named:
                keys = {note: note_key(*place) for note, place in partitura.places.items()}
            if heard is not None:
                _mark_tremolos(partitura, keys, heard)
            ours = partitura.score()
    except DamagedNotes:
        raise
    except ProcessFailed as failed:
        refusal = failed
        reading.left_out.append(f"markings that partitura reads ({failed})")
    except Exception as error:  # partitura refuses much that is valid, and its unfolding meets what its parser let through
        refusal = error
    if heard is None:
        if ours is None:
            raise refusal
        if partitura is not None and reading.named:
            reading.left_out.extend(_missing(set(keys.values()), reading.written))
        return ours
    reading.left_out.extend(_unread(heard, reading.written))
    places = play_order(heard, repeats)
    struck = sounding_notes(heard, places)
    printed = None if partitura is None else partitura.printed
    if ours is None or not sounds_alike(ours, struck):
        named, markings = _names_and_markings(heard, reading, partitura, keys)
        theirs = verovio_score(heard, struck, places, repeats, markings, named, printed)
        chosen = theirs if len(theirs.notes) or ours is None else ours
    elif len(ours.tempos) and not any(tempo.follows for tempo in heard.tempos):
        chosen = ours
    else:
        chosen = replace(ours, tempos=words_and_tempos(heard, places, printed)[1])
    swing = [
        each._replace(onset_quarter=float(start) + each.onset_quarter)
        for number, start in places
        for measure, each in reading.swing
        if measure == number
    ]
    return replace(
        chosen,
        swing=tuple(swing) or swing_of_words(chosen.words),
        annotations=annotations(heard, places, reading.named),
        percussion=percussion_notes(heard, struck, reading.named, reading.percussion),
    )


def _mark_tremolos(partitura: PartituraReading, keys: dict[tuple[int, str], str], heard: VerovioScore) -> None:
    """Add the tremolos that verovio hears to partitura's markings, which have none."""
    found = {note.printed: note for measure in heard.measures for note in measure.notes if note.tremolo}
    for row, name in enumerate(partitura.identifiers if found else ()):
        if note := found.get(keys.get(name, name[1])):
            partitura.markings["tremolo"][row], partitura.markings["tremolo_pair"][row] = float(note.tremolo), note.tremolo_pair


def _unread(heard: VerovioScore, written: Mapping[str, tuple[str, str]]) -> list[str]:
    """Say which of the document's notes verovio does not read, and which of those that it reads stand where none is looked for."""
    unread = []
    known = {note.printed for measure in heard.measures for note in measure.notes}
    for measure in heard.measures:
        notes = [note for note in measure.element.iter("{*}note") if note.get(XML_ID) not in known]
        if missing := [note.get(XML_ID) for note in notes if next(note.iterancestors(*ALTERNATIVES), None) is None]:
            unread.append(f"measure {measure.number}: {len(missing)} note{'s' * (len(missing) > 1)}")
            known.update(missing)
    return [*unread, *_missing(known, written)]


def _missing(known: set[str], written: Mapping[str, tuple[str, str]]) -> list[str]:
    """Say how many notes of each part are not among those that are ``known``, and from which measure on."""
    places = [place for name, place in written.items() if name not in known]
    said = []
    for part in dict.fromkeys(part for _, part in places):
        measures = [measure for measure, other in places if other == part]
        said.append(f"{len(measures)} note{'s' * (len(measures) > 1)} of {part}, from measure {measures[0]}")
    return said


def _heard(reading: _Reading) -> VerovioScore | None:
    try:
        heard = read_with_verovio(reading.verovio, reading.documents, reading.times)
    except Exception:  # partitura's reading is left
        return None
    return heard if heard.played else None


def _names_and_markings(
    heard: VerovioScore, reading: _Reading, partitura: PartituraReading | None, keys: dict[tuple[int, str], str]
) -> tuple[dict[str, tuple[int, int, str]], Mapping[str, np.void]]:
    """Return (part, staff, id to show) and the markings, MARKING_DTYPE, of notes by verovio's ids: partitura's where it read any."""
    if partitura is None:
        return reading.named, verovio_markings(heard)
    named = dict(reading.named)
    for (number, identifier), key in keys.items():
        if key in named:
            named[key] = (number, named[key][1], identifier)
    return named, {keys.get(name, name[1]): row for name, row in zip(partitura.identifiers, partitura.markings, strict=True)}


def sounds_alike(score: Score, struck: Sequence[StruckNote]) -> bool:
    """Say whether a score has the same notes as are struck in about the same places; of grace notes only which.

    Places may stray: where bars are fuller or emptier than their metre, partitura goes by the durations of the file. What is looked for is
    other notes, and notes that come in another order.
    """
    other = np.array(
        [(note.pitch, float(onset), note.is_grace) for _, onset, _, note in struck if note.pitch is not None],
        dtype=[("pitch", "i4"), ("onset_quarter", "f8"), ("is_grace", "?")],
    )
    pairs = []
    for notes in (score.notes, other):
        plain = notes[~notes["is_grace"]]
        order = np.lexsort((plain["onset_quarter"], plain["pitch"]))
        pairs.append((plain["pitch"][order], plain["onset_quarter"][order], np.sort(notes["pitch"][notes["is_grace"]])))
    (pitches, onsets, graces), (other_pitches, other_onsets, other_graces) = pairs
    if not np.array_equal(pitches, other_pitches) or not np.array_equal(graces, other_graces):
        return False
    return not len(onsets) or bool(np.abs(onsets - other_onsets).max() < SAME_PLACE_QUARTERS)


def _read_musicxml(path: Path, repeats: str) -> _Reading:
    return _begin_musicxml(uncompressed(path), repeats)


def _begin_musicxml(data: bytes, repeats: str) -> _Reading:
    source, arpeggios, root, left_out = open_musicxml(data)
    asked = ask_partitura(Request("musicxml", source, repeats, arpeggios))  # beside verovio: both take as long
    named = identified(root)
    documents = verovio_documents(root)
    try:
        times = written_times(root)
    except ValueError:  # durations that are no numbers
        times = NOTHING_WRITTEN
    verovio = start_verovio(documents, "never" if times.are_complete else "needed")
    return _Reading(asked, documents, verovio, named, percussion_keys(root), left_out, printed_swing(root), written_notes(root), times)


def _read_mei(path: Path, repeats: str) -> _Reading:
    from lxml import etree

    root = normal_mei(path.read_bytes())
    if next(root.iter("{*}note"), None) is None:
        raise PerfLiveError("it has no notes; give a score with notes")
    ornaments, rolls = mei_signs(root)
    data = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    asked = ask_partitura(Request("mei", data, repeats, ornaments=ornaments, rolls=rolls))
    written = notes_of_mei(root)
    documents = [etree.tostring(root, encoding="unicode")]
    return _Reading(asked, documents, start_verovio(documents), {}, {}, [], written=written)


def _read_humdrum(path: Path, repeats: str) -> _Reading:
    """Of Humdrum partitura reads the notes of some files and no dynamics."""
    document = humdrum.with_lasting_spines(text_of(path))
    return _Reading(None, [document], start_verovio([document]), {}, {}, [], written=humdrum.written_notes(document))


def _read_abc(path: Path, repeats: str) -> _Reading:
    """ABC is written as MusicXML: verovio's own reader of it knows neither voices nor voltas."""
    data, left_out = musicxml_of(text_of(path))
    reading = _begin_musicxml(data, repeats)
    reading.left_out.extend(left_out)
    return reading


def text_of(path: Path) -> str:
    """Return a document in UTF-8, UTF-16 or Latin-1 without its byte-order mark."""
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


_READERS = {
    ".xml": _read_musicxml,
    ".musicxml": _read_musicxml,
    ".mxl": _read_musicxml,
    ".mei": _read_mei,
    ".krn": _read_humdrum,
    ".kern": _read_humdrum,
    ".abc": _read_abc,
}
