"""Scores from files: MusicXML, MEI, Humdrum and ABC through partitura and verovio, MIDI by the engine's own reader.

MIDI does not go through partitura, which drops what a notation program wrote into a MIDI score beside the notes: velocities (its
dynamics), gate lengths (its articulations) and the tempo map.
"""

import os
import zipfile
from pathlib import Path
from typing import Literal

from engine.base.errors import PerfLiveError
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES, TEXT_SUFFIXES
from engine.base.on_demand import load_object
from engine.score.tables import Score

# "play" follows the repeat signs, "skip" plays everything once (of several endings the last), "printed" is the page from left to right,
# all endings included: the ids of its notes are the file's own.
Repeats = Literal["play", "skip", "printed"]

NOTATION_READER = "engine.score.notation.reader:read_notation"  # by name: its parsers are heavy, and it knows this package's tables
SUFFIXES = (*NOTATION_SUFFIXES, *MIDI_SUFFIXES)
LARGEST_BYTES = 40_000_000  # unpacked; ten times the longest piano sonata
LARGEST_OF_TEXT_BYTES = 4_000_000  # of Humdrum and ABC, which say a note in a few bytes
LONGEST_QUARTERS = 1_000_000.0  # a week


def read_score(path: str | os.PathLike[str], repeats: Repeats = "play") -> Score:
    """Read a score. Raises PerfLiveError, in one line, for a file that is none, that is too large, or that has no notes.

    A MIDI score has its repeats played already; ``repeats`` changes nothing there.
    """
    path = Path(os.path.abspath(path))  # a name like "http://..." must not be taken for an address
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise PerfLiveError(f"cannot read {str(path)!r} as a score: its name ends in {suffix!r}; allowed: {', '.join(SUFFIXES)}")
    check_size(path)
    if suffix in MIDI_SUFFIXES:
        from engine.score.midi import read_midi_score

        score = read_midi_score(path)
    else:
        score = load_object(NOTATION_READER)(path, repeats)
    return checked(score, path)


def checked(score: Score, path: Path) -> Score:
    """Return a score that has notes to perform. Raises PerfLiveError, which names ``path``, for one that has none."""
    if not len(score.notes) and not len(score.percussion):
        raise PerfLiveError(f"cannot perform {str(path)!r}: it has no notes; give a score with notes")
    if not score.end_quarter <= LONGEST_QUARTERS:
        longest = f"it lasts {score.end_quarter:.3g} quarters; a score may have at most {LONGEST_QUARTERS:.0f}"
        raise PerfLiveError(f"cannot perform {str(path)!r}: {longest}; look for a length that is wrong in it")
    return score


def check_size(path: Path) -> None:
    """Raise PerfLiveError for a file that cannot be opened or that is too large to be a score."""
    try:
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = max(size, sum(entry.file_size for entry in archive.infolist()))
        elif path.suffix.lower() == ".mxl":
            raise PerfLiveError(f"cannot read {str(path)!r}: it is not a compressed MusicXML file; give it the suffix of its format")
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise PerfLiveError(f"cannot read {str(path)!r}: {reason}; give the name of a score") from None
    if not size:
        raise PerfLiveError(f"cannot read {str(path)!r}: it is empty; give the name of a score")
    largest = LARGEST_OF_TEXT_BYTES if path.suffix.lower() in TEXT_SUFFIXES else LARGEST_BYTES
    if size > largest:
        raise PerfLiveError(
            f"cannot read {str(path)!r}: it has {size / 1e6:.0f} MB; a score of this kind may have at most {largest / 1e6:.0f}; split it"
        )
