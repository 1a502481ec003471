"""Directions in words, ``crescendo:bars=9-16:amount=0.8``: what they say, and as a rule, for a performer that has learnt none."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from engine.base.errors import UsageError
from engine.score.tables import Score
from models.performance.representation import ARTICULATION, BEAT_PERIOD, SAME_POSITION_QUARTERS, VELOCITY

MOST_AMOUNT = 3.0
ARPEGGIO = "arpeggio"

Shape = Literal["even", "rising", "downbeats", "last beat"]


class Effect(NamedTuple):
    """The column of a performance that a direction moves, by how much for an amount of 1, and where in its bars.

    Rising grows from 0 at the beginning of the bars to all at their end.
    """

    column: int
    change: float
    shape: Shape


# Velocities as shares of 127: 16 steps are from one dynamic to the next (p to mp). Beat periods and lengths in octaves: 1 is twice as long.
EFFECTS = {
    "crescendo": Effect(VELOCITY, 32 / 127, "rising"),
    "diminuendo": Effect(VELOCITY, -32 / 127, "rising"),
    "forte": Effect(VELOCITY, 24 / 127, "even"),
    "piano": Effect(VELOCITY, -24 / 127, "even"),
    "accent": Effect(VELOCITY, 16 / 127, "downbeats"),
    "accelerando": Effect(BEAT_PERIOD, -0.5, "rising"),
    "ritardando": Effect(BEAT_PERIOD, 0.5, "rising"),
    "faster": Effect(BEAT_PERIOD, -0.25, "even"),
    "slower": Effect(BEAT_PERIOD, 0.25, "even"),
    "fermata": Effect(BEAT_PERIOD, 1.0, "last beat"),
    "staccato": Effect(ARTICULATION, -1.0, "even"),
    "tenuto": Effect(ARTICULATION, 0.15, "even"),
    "legato": Effect(ARTICULATION, 0.3, "even"),
}


KNOWN = (*EFFECTS, ARPEGGIO)
OTHER_WORDS = {  # as musicians write and say it
    "crescendo": ("cresc",),
    "diminuendo": ("dim", "dimin", "decresc", "decrescendo"),
    "forte": ("f", "louder"),
    "piano": ("p", "softer", "quieter"),
    "accent": ("accented",),
    "accelerando": ("accel", "stringendo"),
    "ritardando": ("rit", "ritard", "ritenuto", "rall", "rallentando"),
    "staccato": ("stacc", "shorter"),
    "tenuto": ("ten",),
    "legato": ("longer",),
    ARPEGGIO: ("arp", "arpeggiato", "rolled"),
}
_MEANT = {word: name for name in KNOWN for word in (name, *OTHER_WORDS.get(name, ()))}
DEGREES = {"poco": 0.5, "slightly": 0.5, "molto": 1.5, "very": 1.5, "much": 1.5}  # of an amount of 1


class Bars(NamedTuple):
    """The numbers of the first and the last measure."""

    first: int
    last: int


class Said(NamedTuple):
    """A direction: its name, its bars, None for the whole piece, and how much of it."""

    name: str
    bars: Bars | None
    amount: float

    def __str__(self) -> str:
        return self.name if self.amount == 1 else f"{self.name} {self.amount:g}"


def parse_words(text: str, known: Sequence[str]) -> Said:
    """Return what ``--direct NAME[:bars=A-B][:amount=X]`` says, of the ``known`` names. Raises UsageError."""
    name, *rest = text.split(":")
    if name not in known:
        raise UsageError(f"--direct {text!r}: no direction is called {name!r}; allowed: {', '.join(known)}{hint(name, known)}")
    settings = parse_settings("--direct", text, rest, ("bars", "amount"))
    return Said(name, bars_of("--direct", text, settings), parse_number("--direct", text, settings.get("amount", "1"), MOST_AMOUNT))


def parse_spoken(words: Sequence[str], bars: Bars | None) -> Said:
    """Return what words mean, as ``molto crescendo`` or ``crescendo 0.8``, for some bars. Raises UsageError."""
    text, name, amount = " ".join(words), "", 1.0
    for word in (each.rstrip(".") for each in text.lower().split()):
        if word in DEGREES:
            amount = DEGREES[word]
        elif word in _MEANT and not name:
            name = _MEANT[word]
        elif name:
            amount = parse_number("direct", text, word, MOST_AMOUNT)
        else:
            raise UsageError(f"no direction is called {word!r}; allowed: {', '.join(KNOWN)}{hint(word, _MEANT)}")
    if not name:
        raise UsageError(f"got {text!r}; give a direction: {', '.join(KNOWN)}")
    return Said(name, bars, amount)


def parse_bars(option: str, text: str) -> Bars:
    """Return the range that ``9-16`` or ``9`` says. Raises UsageError."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise UsageError(f"{option} {text!r}: expected the numbers of the first and the last bar, in order, as in 9-16")
    return Bars(int(first), int(last))


def parse_settings(option: str, text: str, parts: list[str], allowed: tuple[str, ...]) -> dict[str, str]:
    """Return the settings after the colons of ``text``. Raises UsageError."""
    settings = {}
    for part in parts:
        name, separator, value = part.partition("=")
        if name not in allowed or not separator or name in settings:
            raise UsageError(f"{option} {text!r}: got {part!r}, allowed after a colon: {'=, '.join(allowed)}=, once each")
        settings[name] = value
    return settings


def bars_of(option: str, text: str, settings: dict[str, str]) -> Bars | None:
    """Return the bars that are set, None for all. Raises UsageError."""
    return parse_bars(f"{option} {text!r}: bars", settings["bars"]) if "bars" in settings else None


def parse_number(option: str, text: str, value: str, most: float) -> float:
    """Return a number from -``most`` to ``most``. Raises UsageError."""
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) <= most:
        raise UsageError(f"{option} {text!r}: got {value!r}, allowed: a number from {-most:g} to {most:g}")
    return number


def hint(name: str, known: Iterable[str]) -> str:
    """Return the near miss of an unknown name, as the end of an error."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class Directions:
    """A rule (see engine.performers.score_playing.shaping.shaping): what directions add to a performance's columns."""

    def __init__(self, score: Score, said: Sequence[Said]):
        """Raises UsageError for bars that the score does not have."""
        self._added = np.zeros((len(score.notes), 1 + max(VELOCITY, BEAT_PERIOD, ARTICULATION)))
        for each in said:
            if effect := EFFECTS.get(each.name):
                self._added[:, effect.column] += each.amount * effect.change * weights(score, each.bars, effect.shape)

    def slower(self, note: int) -> float:
        """Return by how many octaves the tempo from a note on is slower."""
        return float(self._added[note, BEAT_PERIOD])

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        """Return the columns with what is directed."""
        added = self._added[first : first + len(columns)]
        directed = columns.copy()
        directed[:, : added.shape[1]] += added
        return directed


def arpeggios(score: Score, said: Sequence[Said]) -> np.ndarray:
    """Return the signs to roll chords, of the score and as directed, (N,). Raises UsageError for bars that the score does not have."""
    signs = score.markings["arpeggio"].copy()
    for each in said:
        if each.name == ARPEGGIO and each.amount:
            signs[weights(score, each.bars, "even") > 0] = int(np.sign(each.amount))
    return signs


def weights(score: Score, bars: Bars | None, shape: Shape) -> np.ndarray:
    """Return how much of a direction each note (N,) has; a repeated passage begins anew. Raises UsageError for unknown bars."""
    places = score.notes["onset_quarter"] + SAME_POSITION_QUARTERS
    found = np.zeros(len(places))
    for begin, end in _passages(score, bars):
        inside = (places >= begin) & (places < end)
        if shape == "even":
            found[inside] = 1
        elif shape == "rising":
            found[inside] = (places[inside] - begin) / (end - begin)
        elif shape == "downbeats":
            starts = np.concatenate([[-np.inf], score.measures["onset_quarter"]])
            last = starts[np.searchsorted(starts, places[inside], side="right") - 1]
            found[inside] = places[inside] - last <= 2 * SAME_POSITION_QUARTERS
        else:
            signature = max(int(np.searchsorted(score.time_signatures["onset_quarter"], end, side="left")) - 1, 0)
            beat = 4 / int(score.time_signatures["beat_type"][signature]) if len(score.time_signatures) else 1.0
            found[inside] = places[inside] >= end - beat
    return found


def _passages(score: Score, bars: Bars | None) -> list[tuple[float, float]]:
    """Return where the bars begin and end, in quarters, each time that they are played."""
    if bars is None or not len(score.measures):
        return [(0.0, max(score.end_quarter, 1e-6))]
    numbers = score.measures["number"]
    if bars.first < numbers.min() or bars.last > numbers.max():
        known = f"{numbers.min()} to {numbers.max()}"
        raise UsageError(f"bars {bars.first}-{bars.last}: the score has not all of them; its bars are {known}")
    own = np.flatnonzero((numbers >= bars.first) & (numbers <= bars.last))
    runs = np.split(own, np.flatnonzero((np.diff(own) > 1) | (np.diff(numbers[own]) <= 0)) + 1)
    ends = score.measures["onset_quarter"] + score.measures["duration_quarter"]
    return [(float(score.measures["onset_quarter"][run[0]]), float(ends[run[-1]])) for run in runs if len(run)]
