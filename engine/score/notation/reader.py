"""Which of two readers is right about a score.

partitura gives the markings that the networks have learnt from, verovio hears repeats, jumps, transposition and ties as players do. Where
both hear the same notes at the same places the score is partitura's. Where they do not, the notes are verovio's.
"""

import gc
import io
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.limited_process import LimitedProcess
from engine.base.partitura_loader import load_partitura
from engine.score.notation.mei.documents import XML_ID, normal_mei
from engine.score.notation.musicxml import (
    identified,
    note_key,
    open_musicxml,
    percussion_keys,
    printed_swing,
    uncompressed,
)
from engine.score.notation.partitura_scores import PartituraReading, read_mei
from engine.score.notation.verovio_markings import verovio_markings, verovio_words
from engine.score.notation.verovio_measures import VerovioScore, read_with_verovio, start_verovio
from engine.score.notation.verovio_scores import percussion_notes, play_order, verovio_score
from engine.score.notation.verovio_texts import annotations
from engine.score.notation.written_times import NOTHING_WRITTEN, WrittenTimes, written_times
from engine.score.realisation.swing import swing_of_words
from engine.score.tables import Score, Swing

_IS_SCORE = re.compile(rb"<score-(part|time)wise|<(\w+:)?mei\b|^\*\*kern|^X:", re.MULTILINE)
LOOKED_AT_BYTES = 100_000
ALTERNATIVES = ("{*}rdg", "{*}sic", "{*}orig", "{*}del", "{*}ossia")  # beside which the text that is played stands
MOST_SAID = 3  # of what is left out of one file
SAME_PLACE_QUARTERS = 1.5


class _Reading(NamedTuple):
    """What partitura makes of a document, or why it does not take it, and the document that verovio has begun to read.

    ``named`` has (part, staff, id) of notes by verovio's ids, ``keys`` verovio's ids of partitura's notes by part and id, and
    ``percussion`` the keys that the document gives to unpitched notes, by verovio's ids. ``left_out`` takes what is not read, ``swing``
    goes by the index of its measure, ``pitched`` counts the notes that the document has, where that is known, ``times`` are
    ``written_times`` of MusicXML.
    """

    partitura: PartituraReading | None
    refusal: Exception | None
    document: str
    verovio: LimitedProcess
    named: dict[str, tuple[int, int, str]]
    keys: dict[tuple[int, str], str]
    percussion: dict[str, int]
    left_out: list[str]
    swing: Sequence[tuple[int, Swing]] = ()
    pitched: int = 0
    times: WrittenTimes = NOTHING_WRITTEN


def read_notation(path: Path, repeats: str) -> Score:
    """Read a file that is known to exist. Raises PerfLiveError for one that neither reader can read."""
    with warnings.catch_warnings(), _without_collection():
        warnings.simplefilter("ignore")  # partitura warns of every sign it leaves out
        try:
            reading = _READERS[path.suffix.lower()](path)
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
    """Read a file by partitura alone: what the networks' tables were made of. Raises whatever partitura does."""
    reading = _READERS[path.suffix.lower()](path)
    if reading.partitura is None:
        raise reading.refusal or PerfLiveError("partitura does not read its format")
    return reading.partitura.score(repeats)


def _choose(reading: _Reading, repeats: str) -> Score:
    ours, refusal = None, reading.refusal
    heard = _heard(reading)
    if reading.partitura is not None:
        if heard is not None:
            _mark_tremolos(reading.partitura, reading.keys, heard)
        try:
            ours = reading.partitura.score(repeats)
        except Exception as error:  # partitura's unfolding meets what its parser let through
            refusal = error
    if heard is None:
        if ours is None:
            raise refusal or PerfLiveError("it has no parts; give a score with notes")
        return ours
    theirs = _verovio_score(heard, reading, repeats)
    if ours is None or not sounds_alike(ours, theirs):
        reading.left_out.extend(_unread(heard, reading.pitched))
        chosen = theirs if len(theirs.notes) or ours is None else ours
    else:
        modulates = any(tempo.follows for tempo in heard.tempos)
        chosen = ours if len(ours.tempos) and not modulates else replace(ours, tempos=theirs.tempos)
    places = play_order(heard, repeats)
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
        percussion=percussion_notes(heard, places, reading.named, reading.percussion),
    )


def _mark_tremolos(partitura: PartituraReading, keys: dict[tuple[int, str], str], heard: VerovioScore) -> None:
    """Add the tremolos that verovio hears to partitura's markings, which have none."""
    found = {note.printed: note for measure in heard.measures for note in measure.notes if note.tremolo}
    for number, rows in enumerate(partitura.markings if found else ()):
        for identifier, row in rows.items():
            if note := found.get(keys.get((number, identifier), identifier)):
                row["tremolo"], row["tremolo_pair"] = float(note.tremolo), note.tremolo_pair


def _unread(heard: VerovioScore, pitched: int) -> list[str]:
    """Say which notes verovio does not read, and which of those that it reads stand where none is looked for."""
    unread = []
    found = 0
    for measure in heard.measures:
        read = {note.printed for note in measure.notes}
        notes = [note for note in measure.element.iter("{*}note") if next(note.iterancestors(*ALTERNATIVES), None) is None]
        found += len(notes)
        if missing := sum(note.get(XML_ID) not in read for note in notes):
            unread.append(f"measure {measure.number}: {missing} note{'s' * (missing > 1)}")
    return [*unread, *([f"{pitched - found} of its {pitched} notes, which verovio does not read"] if found < pitched else [])]


def _heard(reading: _Reading) -> VerovioScore | None:
    try:
        heard = read_with_verovio(reading.verovio, reading.document)
        heard.put_at(reading.times)
    except Exception:  # partitura's reading is left
        return None
    return heard if heard.played else None


def _verovio_score(heard: VerovioScore, reading: _Reading, repeats: str) -> Score:
    if reading.partitura is None:
        return verovio_score(heard, repeats, verovio_markings(heard), reading.named, None, verovio_words(heard))
    markings = {
        reading.keys.get((number, identifier), identifier): row
        for number, rows in enumerate(reading.partitura.markings)
        for identifier, row in rows.items()
    }
    named = dict(reading.named)
    for (number, identifier), key in reading.keys.items():
        if key in named:
            named[key] = (number, named[key][1], identifier)
    return verovio_score(heard, repeats, markings, named, reading.partitura.score("printed"), verovio_words(heard))


def sounds_alike(one: Score, other: Score) -> bool:
    """Say whether two scores have the same notes in about the same places; of grace notes only which.

    Places may stray: where bars are fuller or emptier than their metre, partitura goes by the durations of the file. What is looked for is
    other notes, and notes that come in another order.
    """
    pairs = []
    for score in (one, other):
        plain = score.notes[~score.notes["is_grace"]]
        order = np.lexsort((plain["onset_quarter"], plain["pitch"]))
        pairs.append((plain["pitch"][order], plain["onset_quarter"][order], np.sort(score.notes["pitch"][score.notes["is_grace"]])))
    (pitches, onsets, graces), (other_pitches, other_onsets, other_graces) = pairs
    if not np.array_equal(pitches, other_pitches) or not np.array_equal(graces, other_graces):
        return False
    return not len(onsets) or bool(np.abs(onsets - other_onsets).max() < SAME_PLACE_QUARTERS)


def _read_musicxml(path: Path) -> _Reading:
    # As bytes: a name that is an address, or that libxml2 would unescape, stays a name.
    source, arpeggios, root, left_out = open_musicxml(path)
    document, named = identified(root)
    pitched = sum(1 for _ in root.iterfind("part/measure/note/pitch"))
    percussion = percussion_keys(root)
    verovio = start_verovio(document)  # beside partitura: both take as long
    try:
        times = written_times(root)
    except ValueError:  # durations that are no numbers
        times = NOTHING_WRITTEN
    swing = printed_swing(root)
    del root  # partitura makes a tree of its own
    partitura, refusal = _tried(lambda: load_partitura().load_musicxml(source, force_note_ids="keep").parts, arpeggios)
    keys: dict[tuple[int, str], str] = {}
    if partitura is not None:
        for number, part in enumerate(partitura.parts):
            keys |= {(number, note.id): note_key(part.id, note.doc_order) for note in part.notes}
    return _Reading(partitura, refusal, document, verovio, named, keys, percussion, left_out, swing, pitched, times)


def _read_mei(path: Path) -> _Reading:
    from lxml import etree

    root = normal_mei(path.read_bytes())
    if next(root.iter("{*}note"), None) is None:
        raise PerfLiveError("it has no notes; give a score with notes")
    document = etree.tostring(root, encoding="unicode")
    verovio = start_verovio(document)
    try:
        with redirect_stdout(io.StringIO()):  # where partitura prints what it leaves out
            parts, arpeggios = read_mei(root)
        partitura, refusal = _tried(lambda: parts, arpeggios)
    except Exception as error:  # partitura refuses much that is valid
        partitura, refusal = None, ValueError(str(error))
    return _Reading(partitura, refusal, document, verovio, {}, {}, {}, [])


def _read_with_verovio_alone(path: Path) -> _Reading:
    """Of Humdrum partitura reads the notes of some files and no dynamics, of ABC nothing."""
    document = _text(path)
    return _Reading(None, ValueError("verovio does not take it"), document, start_verovio(document), {}, {}, {}, [])


def _tried(load: Any, arpeggios: Any) -> tuple[PartituraReading | None, Exception | None]:
    try:
        return PartituraReading(load(), arpeggios), None
    except Exception as error:  # verovio's reading is left
        return None, error


def _text(path: Path) -> str:
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
    ".krn": _read_with_verovio_alone,
    ".kern": _read_with_verovio_alone,
    ".abc": _read_with_verovio_alone,
}
