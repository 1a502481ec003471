"""ATEPP: transcribed performances of piano music by virtuosos, about half with scores (CC BY 4.0).

Source: Zhang, Tang, Rafee, Dixon, Fazekas, "ATEPP: A Dataset of Automatically Transcribed Expressive Piano Performance", ISMIR 2022.
Layout, versions 1.1 and 1.2: ``ATEPP-metadata-*.csv`` and, beside it or in a folder ``ATEPP-*`` beside it, Composer/Work/Movement with
performances ``00020.mid`` and a score. The release has no alignments. Those published with DExter are added to it, folders ``00020``
with parangonada's tables beside each performance; so are match files of one's own, ``00020.match`` (perf-align), which come first.
"""

import csv
import hashlib
import json
import unicodedata
from pathlib import Path

from engine.base.errors import PerfLiveError
from training.datasets.aligned import Alignment
from training.datasets.asap import Split

LICENCE = "CC BY 4.0"
UNFIT = ("low quality", "background noise", "corrupted")  # the release's own advice: transcriptions of these have errors
VALIDATION_SHARE = 15  # percent of the compositions


def atepp_alignments(root: Path, split: Split, splits: Path | None = None) -> list[Alignment]:
    """Return the performances of the split in the order of the metadata; those that cannot be used say why.

    ``splits`` is a JSON file {"train": [...], "validation": [...]} of movements' folders (Composer/Work/Movement). Without one a fixed
    hash of the composition decides: validation are the ids whose SHA-256 is below 15 modulo 100. Neither knows the other corpora: a
    movement that is validation in (n)ASAP may be training here, so give a splits file when models learn from both. Raises PerfLiveError
    when ``root`` is not ATEPP, or ``splits`` cannot be read.
    """
    metadata = sorted(root.glob("ATEPP-metadata*.csv"))
    if not metadata:
        raise PerfLiveError(f"{root}: not an ATEPP folder with ATEPP-metadata-*.csv; give the folder that has it")
    chosen = _read_splits(splits, split) if splits else None
    folders = [folder for folder in sorted(root.glob("ATEPP-*")) if folder.is_dir()]
    base = folders[-1] if folders else root
    try:
        with metadata[-1].open(encoding="utf-8", newline="") as file:
            return [
                _alignment(base, row)
                for row in csv.DictReader(file)
                if (_piece(row) in chosen if chosen is not None else hash_split(row["composition_id"]) == split)
            ]
    except (OSError, ValueError, KeyError) as error:
        raise PerfLiveError(f"{metadata[-1]}: cannot be read as ATEPP's metadata ({type(error).__name__}: {error})") from error


def hash_split(composition: str) -> Split:
    """Return the split of a composition id: the same in every release, whatever else is in it."""
    number = int(hashlib.sha256(composition.encode()).hexdigest(), 16)
    return "validation" if number % 100 < VALIDATION_SHARE else "train"


def _read_splits(path: Path, split: Split) -> set[str]:
    try:
        return set(json.loads(path.read_text(encoding="utf-8"))[split])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PerfLiveError(f"{path}: not a splits file with {split!r} ({type(error).__name__}: {error})") from error


def _piece(row: dict[str, str]) -> str:
    return row["midi_path"].rpartition("/")[0]


def _alignment(base: Path, row: dict[str, str]) -> Alignment:
    midi = _existing(base, row["midi_path"])
    own, published = midi.with_suffix(".match"), midi.with_suffix("") / "align.csv"
    match = own if own.exists() else published
    score = _existing(base, row["score_path"])
    reason = ""
    if any(word in (row.get("quality") or "") for word in UNFIT):
        reason = f"the metadata calls it: {row['quality']}"
    elif not row["score_path"] or not score.exists():
        reason = "it has no score"
    elif not midi.exists():
        reason = "its MIDI file is missing"
    elif not match.exists():
        reason = "it is not aligned to its score (perf-align makes a match file to lay beside it)"
    return Alignment(row["midi_path"], _piece(row), match, score, reason)


def _existing(base: Path, name: str) -> Path:
    """Return the file of that name; the archives spell accents in two ways (Unicode NFC and NFD), and colons as underscores."""
    spellings = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    candidates = [base / name, *(base / spelling for spelling in spellings), *(base / spelling.replace(":", "_") for spelling in spellings)]
    return next((path for path in candidates if path.exists()), base / name)
