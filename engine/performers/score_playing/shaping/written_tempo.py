"""What a score says of its tempo, section by section: a metronome mark, a tempo word, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.score.tables import Score
from engine.score.tempo import AT_THE_BEGINNING_QUARTERS, default_tempo, says_a_word, word_tempo
from models.performance.representation import SAME_POSITION_QUARTERS

Said = Literal["mark", "word", "nothing"]
LEAST_SECTION_QUARTERS = 4.0  # a shorter one counts to its neighbour: a written ritardando is one section, not many
LEAST_HELD_QUARTERS = 16.0  # over less than that no tempo of its own is held
ANOTHER_TEMPO = 1.25  # times as fast or as slow: what changes less is a shade of the same tempo, which performers take further
UNSAID_QUARTERS_PER_MINUTE = 120.0  # what MIDI files have that say nothing (Standard MIDI Files 1.0)
UNSAID_WITHIN = 0.01  # of microseconds that were rounded


@dataclass(frozen=True)
class TempoSection:
    """From ``begin`` to before ``end``, in quarters; ``seconds`` is how long it lasts at the tempo that is said."""

    begin: float
    end: float
    seconds: float
    said: Said

    @property
    def quarters(self) -> float:
        return self.end - self.begin

    def joined(self, other: "TempoSection") -> "TempoSection":
        """Return the section of this one and the next; what is said is what the longer of them says."""
        longer = self if self.quarters >= other.quarters else other
        return TempoSection(self.begin, other.end, self.seconds + other.seconds, longer.said)


def tempo_sections(score: Score) -> list[TempoSection]:
    """Return the sections of a score, in order and without gaps, none shorter than LEAST_SECTION_QUARTERS unless it is the only one."""
    changes = _changes(score)
    ends = [onset for onset, _, _ in changes[1:]] + [max(score.end_quarter, changes[-1][0])]
    sections = [
        TempoSection(begin, end, 60 * (end - begin) / tempo, said) for (begin, tempo, said), end in zip(changes, ends, strict=True)
    ]
    for may_join in (_both_short, _shorter_than(LEAST_SECTION_QUARTERS)):
        sections = _joined(sections, may_join)
    return sections


def section_of(sections: Sequence[TempoSection], quarters: np.ndarray) -> np.ndarray:
    """Return the index of the section that each position (n,) is in."""
    begins = np.array([section.begin for section in sections])
    return np.maximum(np.searchsorted(begins, quarters + SAME_POSITION_QUARTERS, side="right") - 1, 0)


def held_sections(sections: list[TempoSection]) -> list[TempoSection]:
    """Return the sections joined to those over each of which the mean tempo is held.

    A score that goes from 150 to 140 for five quarters means a ritardando, and how far that goes is the performer's to say.
    """
    for may_join in (_shades, _shorter_than(LEAST_HELD_QUARTERS), _shades):
        sections = _joined(sections, may_join)
    return sections


def _shades(section: TempoSection, following: TempoSection) -> bool:
    """Return whether two sections are of one tempo, more or less."""
    slower, faster = sorted((section.quarters / section.seconds, following.quarters / following.seconds))
    return section.said == following.said and faster < ANOTHER_TEMPO * slower


def _both_short(section: TempoSection, following: TempoSection) -> bool:
    return max(section.quarters, following.quarters) < LEAST_SECTION_QUARTERS


def _shorter_than(least_quarters: float) -> Callable[[TempoSection, TempoSection], bool]:
    """Return what says whether either of two sections is shorter than that."""
    return lambda section, following: min(section.quarters, following.quarters) < least_quarters


def _joined(sections: list[TempoSection], may_join: Callable[[TempoSection, TempoSection], bool]) -> list[TempoSection]:
    """Return the sections with each joined to the one before where it may be."""
    joined = sections[:1]
    for section in sections[1:]:
        if may_join(joined[-1], section):
            joined[-1] = joined[-1].joined(section)
        else:
            joined.append(section)
    return joined


def _changes(score: Score) -> list[tuple[float, float, Said]]:
    """Return where what is said changes, in order, the first at 0: quarters, quarters a minute, and what says it.

    A mark counts before the words around it, and words as soon as they stand somewhere else than a mark. Words that come back, as they do
    with a repeat, mean what was marked beside them before.
    """
    marks = _marks(score)
    changes: dict[float, tuple[float, Said]] = {onset: (tempo, "mark") for onset, tempo in marks}
    marked: dict[str, float] = {}
    for word in (word for word in score.words if word.kind == "tempo"):
        at = word.onset_quarter
        beside = next((tempo for onset, tempo in marks if abs(at - onset) <= AT_THE_BEGINNING_QUARTERS), None)
        if beside is not None:
            marked.setdefault(word.text, beside)
        elif any(abs(at - onset) <= AT_THE_BEGINNING_QUARTERS for onset in changes):
            continue
        elif word.text in marked:
            changes[at] = (marked[word.text], "mark")
        elif (meant := word_tempo(score, word.text, at)) and at > AT_THE_BEGINNING_QUARTERS:
            changes[at] = (meant, "word")
    if not changes or min(changes) > AT_THE_BEGINNING_QUARTERS:
        changes[0.0] = (default_tempo(score), "word" if says_a_word(score) else "nothing")
    onsets = sorted(changes)
    return [(0.0 if onset == onsets[0] else onset, *changes[onset]) for onset in onsets]


def _marks(score: Score) -> list[tuple[float, float]]:
    """Return the tempos that the file says, quarters and quarters a minute; none of a MIDI file that has no other than the default."""
    marks: list[tuple[float, float]] = score.tempos.tolist()
    unsaid = not score.has_markings and all(abs(tempo - UNSAID_QUARTERS_PER_MINUTE) < UNSAID_WITHIN for _, tempo in marks)
    return [] if unsaid else marks
