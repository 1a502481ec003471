"""A score as the performers see it: plain NumPy tables, in quarter notes since the beginning of the score.

Field names are partitura's. Unlike there, position 0 is the first thing in the score even when that is an upbeat: positions are those
of the MIDI file that a notation program would export.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# The last three are this project's: partitura names grace notes by type, and a score has no velocities unless it is a MIDI file.
SCORE_NOTE_DTYPE = np.dtype(
    [
        ("onset_quarter", "f8"),
        ("duration_quarter", "f8"),  # ties merged; 0 for a grace note
        ("pitch", "i4"),  # as it sounds, 0 to 127
        ("voice", "i4"),
        ("staff", "i4"),  # 1 is the upper; 0 where the format has none
        ("part", "i4"),  # from 0; the track of a MIDI file
        ("id", "U64"),  # the file's own, or made up; where repeats are played with -1 for the first time, -2 for the second, ...
        ("is_grace", "?"),
        ("velocity", "i4"),  # as exported into a MIDI score; 0 where the format has none
    ]
)
MEASURE_DTYPE = np.dtype([("onset_quarter", "f8"), ("duration_quarter", "f8"), ("number", "i4")])
TIME_SIGNATURE_DTYPE = np.dtype([("onset_quarter", "f8"), ("beats", "i4"), ("beat_type", "i4")])
TEMPO_DTYPE = np.dtype([("onset_quarter", "f8"), ("quarters_per_minute", "f8")])

PERCUSSION_DTYPE = np.dtype(
    [
        ("onset_quarter", "f8"),
        ("duration_quarter", "f8"),
        ("key", "i4"),  # of General MIDI's drum channel, 0 to 127
        ("velocity", "i4"),  # what dynamics and accents amount to, 1 to 127
        ("part", "i4"),
    ]
)

DYNAMICS = ("ppp", "pp", "p", "mp", "mf", "f", "ff", "fff")  # softer and louder ones count as the outermost

# A mordent goes to the lower note and back, an inverted one to the upper (MusicXML's names).
ORNAMENTS = ("trill", "mordent", "inverted-mordent", "turn", "inverted-turn", "delayed-turn", "delayed-inverted-turn")

# What is printed at or over a note. All of it is zero where there is nothing, and meaningless where the format knows no markings.
MARKING_DTYPE = np.dtype(
    [
        ("dynamic", "i1"),  # in force: 1 for ppp to 8 for fff, 0 before the first mark
        ("sudden_accent", "?"),  # sf, sfz, fp, rf at this onset
        ("hairpin", "i1"),  # in force, drawn or as a word: 1 crescendo, -1 diminuendo
        ("hairpin_position", "f4"),  # 0 at its beginning to 1 at its end
        ("tempo_change", "i1"),  # in force: 1 accelerando, -1 ritardando
        ("tempo_change_position", "f4"),
        ("slurred", "?"),  # from the first note of a slur to the last but one
        ("slur_start", "?"),
        ("slur_end", "?"),
        ("staccato", "?"),
        ("staccatissimo", "?"),
        ("tenuto", "?"),
        ("accent", "?"),
        ("marcato", "?"),
        ("fermata", "?"),
        ("ornament", "?"),  # of any kind, those that are not in ORNAMENTS too
        ("ornament_kind", "i1"),  # 1 for the first of ORNAMENTS and so on, 0 for none of them
        ("arpeggio", "i1"),  # 1 under a sign to roll the chord upwards, -1 downwards
        ("tremolo", "f4"),  # quarters of each of the notes that its strokes stand for
        ("tremolo_pair", "i1"),  # of two notes that are played in turn 1 at the first, -1 at the second
        ("velocity", "i4"),  # what all dynamics amount to, as a notation program would play it, see engine.score.dynamics
        ("velocity_within", "u1", 9),  # what marks and hairpins, without accents, amount to at the eighths of the note's length
    ]
)


@dataclass(frozen=True)
class Word:
    """A tempo or character word: ``kind`` is 'tempo', 'tempo-change', 'a-tempo' or 'other'."""

    onset_quarter: float
    text: str
    kind: str
    part: int = 0


class Swing(NamedTuple):
    """From a position on, notes of ``unit`` quarters go in pairs of which the first has a ``share``: .5 straight, 2 / 3 usual."""

    onset_quarter: float
    unit: float
    share: float


@dataclass(frozen=True)
class Annotation:
    """What is written beside the notes and not played.

    ``kind`` is 'lyric' (a syllable, with a space where its word ends), 'chord', 'rehearsal', 'title', 'composer', 'lyricist' or
    'copyright'; only a lyric belongs to its ``part``.
    """

    onset_quarter: float
    text: str
    kind: str
    part: int = 0


@dataclass(frozen=True)
class Score:
    """``notes`` (SCORE_NOTE_DTYPE) are sorted by onset, grace notes before others, then pitch.

    ``markings`` (MARKING_DTYPE) go with them row by row when ``has_markings``, and are all zeros when not (a MIDI score). ``measures``,
    ``time_signatures`` and ``tempos`` are in order of onset; a score without a tempo has none in ``tempos``, and the performer chooses.
    ``words`` stand where they are played, repeats included. ``percussion`` (PERCUSSION_DTYPE, in order of onset) has the unpitched notes,
    which are not in ``notes``. ``annotations`` and ``swing`` stand where they are played as well.
    """

    notes: np.ndarray
    measures: np.ndarray
    time_signatures: np.ndarray
    tempos: np.ndarray
    markings: np.ndarray
    has_markings: bool
    words: tuple[Word, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    swing: tuple[Swing, ...] = ()
    percussion: np.ndarray = field(default_factory=lambda: np.zeros(0, PERCUSSION_DTYPE))

    @property
    def end_quarter(self) -> float:
        """Where the last note or measure ends."""
        ends = [table["onset_quarter"] + table["duration_quarter"] for table in (self.notes, self.percussion, self.measures) if len(table)]
        return float(max((end.max() for end in ends), default=0.0))


class WrittenOut(NamedTuple):
    """``score`` is as it is played; ``source`` (M,) has for each of its notes the row of the printed score."""

    score: Score
    source: np.ndarray


def note_order(notes: np.ndarray) -> np.ndarray:
    """Return the indices that put notes in a score's order; grace notes of one onset keep the order they were written in."""
    written = np.where(notes["is_grace"], np.arange(len(notes)), notes["pitch"])
    return np.lexsort((written, ~notes["is_grace"], notes["onset_quarter"]))
