"""Performance directions note by note, as a score's markings and words have them: what style latents are to be told apart by."""

import re
import unicodedata
from typing import NamedTuple

import numpy as np

from engine.score.tables import DYNAMICS, Score
from engine.score.tempo import TEMPO_WORDS


class Direction(NamedTuple):
    """``classes`` are named; a note's label is 0 where there is no such direction, 1 for the first class and so on."""

    name: str
    classes: tuple[str, ...]


# One for each line of TEMPO_WORDS
TEMPO_CLASSES = (
    "larghetto",
    "andantino",
    "allegretto",
    "prestissimo",
    "largo",
    "adagio",
    "andante",
    "allegro",
    "vivace",
    "presto",
    "moderato",
)
DIRECTIONS = (
    Direction("dynamic", DYNAMICS),
    Direction("hairpin", ("crescendo", "diminuendo")),
    Direction("accent", ("sforzando", "accent", "marcato")),
    Direction("tempo", TEMPO_CLASSES),
    Direction("relative tempo", ("accelerando", "ritardando")),
    Direction("arpeggio", ("arpeggio",)),
    Direction("fermata", ("fermata",)),
    Direction("staccato", ("staccato",)),
    Direction("tenuto", ("tenuto",)),
)


def direction_labels(score: Score) -> np.ndarray:
    """Return labels (N, len(DIRECTIONS)) int64 of a score with markings. What is in force counts for all notes that it is in force for."""
    marks = score.markings
    labels = {
        "dynamic": marks["dynamic"],
        "hairpin": np.where(marks["hairpin"] < 0, 2, marks["hairpin"]),
        "accent": np.select([marks["sudden_accent"], marks["accent"], marks["marcato"]], [1, 2, 3], 0),
        "tempo": _tempo_words(score),
        "relative tempo": np.where(marks["tempo_change"] < 0, 2, marks["tempo_change"]),
        "arpeggio": marks["arpeggio"] != 0,
        "fermata": marks["fermata"],
        "staccato": marks["staccato"] | marks["staccatissimo"],
        "tenuto": marks["tenuto"],
    }
    return np.stack([np.asarray(labels[direction.name], dtype=np.int64) for direction in DIRECTIONS], axis=1)


def _tempo_words(score: Score) -> np.ndarray:
    """Return for each note the class of the last tempo word, at or before it, that is known."""
    onsets = score.notes["onset_quarter"]
    found = np.zeros(len(onsets), dtype=np.int64)
    for word in sorted((word for word in score.words if word.kind == "tempo"), key=lambda word: word.onset_quarter):
        label = tempo_class(word.text)
        if label:
            found[onsets >= word.onset_quarter - 1e-6] = label
    return found


def tempo_class(text: str) -> int:
    """Return the label of a tempo word, in any of the languages of engine.score.tempo; 0 for an unknown one."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    said = set(re.findall(r"[a-z]+", plain))
    return next((label for label, (words, _) in enumerate(TEMPO_WORDS, start=1) if said & set(words.split())), 0)
