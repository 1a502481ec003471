"""Directions in words, ``crescendo:bars=9-16:amount=0.8``, and latents and knobs by name: how they move a piece's styles, and where.

The paper moves styles along the gradients of classifiers. Those tell what is printed in a score from what is played, and a performance has
what its score has in many ways at once. Here a direction moves one measured quality of performances and keeps the others: see
training.score_performer.style_space, where the moves are learnt. Styles do not say how chords are spread, so an arpeggio is written into
the score instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from engine.base.errors import UsageError
from engine.performers.score_playing.shaping.directions import (
    ARPEGGIO,
    MOST_AMOUNT,
    Bars,
    Said,
    bars_of,
    hint,
    parse_number,
    parse_settings,
    parse_words,
)
from engine.score.tables import MEASURE_DTYPE, Score
from models.score_performer.score_representation import BEAT_LEVEL, ONSET_LEVEL, SAME_POSITION_QUARTERS, note_segments
from models.score_performer.style_space import LEVEL_NAMES, StyleSpace

MOST_DELTA = 6.0  # of a latent, of which humans' lie within about 3 of 0

PACE = "pace"

Shape = Literal["even", "rising", "downbeats", "after last beat"]


class Meaning(NamedTuple):
    """The quality that a direction moves, by how many of its deviations for an amount of 1, and the notes of its range that it moves.

    Rising grows from 0 at the beginning of the range to all at its end. After the last beat moves the onsets that follow the first of that
    beat, up to the first after the range, as these are the ones that wait.
    """

    quality: str
    deviations: float
    shape: Shape


DIRECTIONS = {
    "crescendo": Meaning("loudness", 2.0, "rising"),
    "diminuendo": Meaning("loudness", -2.0, "rising"),
    "forte": Meaning("loudness", 1.5, "even"),
    "piano": Meaning("loudness", -1.5, "even"),
    "accent": Meaning("loudness", 1.5, "downbeats"),
    "accelerando": Meaning(PACE, 2.0, "rising"),
    "ritardando": Meaning(PACE, -2.0, "rising"),
    "faster": Meaning(PACE, 1.0, "even"),
    "slower": Meaning(PACE, -1.0, "even"),
    "fermata": Meaning("delay", 3.0, "after last beat"),
    "staccato": Meaning("length", -1.25, "even"),
    "tenuto": Meaning("length", 0.75, "even"),
    "legato": Meaning("length", 1.25, "even"),
}


@dataclass(frozen=True)
class Directed:
    """``move`` (W,) is added to the styles of ``bars``, None for the whole piece. ``octaves`` is how much faster the notes are to be.

    ``arpeggio`` 1 rolls chords upwards, -1 downwards. Where a performance's tempo is held near one (see models.score_performer.tempo_hold),
    styles alone would not change it.
    """

    move: np.ndarray
    shape: Shape = "even"
    bars: Bars | None = None
    octaves: float = 0.0
    arpeggio: int = 0


class Places:
    """Where a piece's notes are: ``segments`` (N, 3) are bar, beat and onset, ``positions`` (N,) quarters.

    ``edges`` (N, 2) are those of the note's measure in quarters, ``measures`` (N,) the measures counted from 0, ``numbers`` (N,) their
    numbers.
    """

    def __init__(self, score: Score):
        self.positions = score.notes["onset_quarter"]
        self.segments = note_segments(score.notes, score.measures, score.time_signatures)
        measures = score.measures if len(score.measures) else np.array([(0.0, score.end_quarter, 1)], dtype=MEASURE_DTYPE)
        found = np.searchsorted(measures["onset_quarter"], self.positions + SAME_POSITION_QUARTERS, side="right") - 1
        self.measures = np.maximum(found, 0)
        own = measures[self.measures]
        self.numbers = own["number"]
        self.edges = np.stack([own["onset_quarter"], own["onset_quarter"] + own["duration_quarter"]], axis=1)
        self._known = Bars(int(measures["number"].min()), int(measures["number"].max()))

    def inside(self, bars: Bars | None) -> np.ndarray:
        """Return which notes (N,) are in a range. Raises UsageError when the piece lacks a part of it."""
        if bars is None:
            return np.ones(len(self.positions), dtype=bool)
        if bars.first < self._known.first or bars.last > self._known.last:
            known = f"{self._known.first} to {self._known.last}"
            raise UsageError(f"bars {bars.first}-{bars.last}: the score has not all of them; its bars are {known}")
        return (self.numbers >= bars.first) & (self.numbers <= bars.last)

    def weights(self, shape: Shape, bars: Bars | None) -> np.ndarray:
        """Return by how much each note (N,) is moved; a repeated passage begins anew. Raises UsageError as ``inside`` does."""
        by_note = np.zeros(len(self.positions))
        inside = np.flatnonzero(self.inside(bars))
        repeated = (np.diff(self.measures[inside]) > 0) & (np.diff(self.numbers[inside]) <= 0)
        for run in np.split(inside, np.flatnonzero((np.diff(inside) > 1) | repeated) + 1):
            if len(run):
                self._shape(by_note, shape, run)
        return by_note

    def _shape(self, by_note: np.ndarray, shape: Shape, run: np.ndarray) -> None:
        """Set the weights of a passage, whose notes are ``run``, in place."""
        if shape == "even":
            by_note[run] = 1
        elif shape == "rising":
            begin, end = self.edges[run[0], 0], self.edges[run[-1], 1]
            by_note[run] = (self.positions[run] - begin) / (end - begin)
        elif shape == "downbeats":
            by_note[run] = self.positions[run] < self.edges[run, 0] + SAME_POSITION_QUARTERS
        else:
            beats, onsets = self.segments[:, BEAT_LEVEL], self.segments[:, ONSET_LEVEL]
            first = onsets[run[beats[run] == beats[run[-1]]][0]]
            by_note[(onsets > first) & (onsets <= onsets[run[-1]] + 1)] = 1


def parse_direction(text: str, space: StyleSpace) -> Directed:
    """Return what ``--direct NAME[:bars=A-B][:amount=X]`` says. Raises UsageError."""
    return meant(parse_words(text, known_directions(space)), space)


def known_directions(space: StyleSpace) -> list[str]:
    """Return the names of the directions that are known in a space of styles."""
    return [*(name for name, meaning in DIRECTIONS.items() if meaning.quality in space.moves), ARPEGGIO]


def meant(said: Said, space: StyleSpace) -> Directed:
    """Return what a direction does. Raises UsageError for one that is not known in the space."""
    name, bars, amount = said
    if name not in (known := known_directions(space)):
        raise UsageError(f"this model has not learnt {name!r}; allowed: {', '.join(known)}")
    if name == ARPEGGIO:
        return Directed(np.zeros(space.width), bars=bars, arpeggio=int(np.sign(amount)))
    meaning = DIRECTIONS[name]
    deviations = amount * meaning.deviations
    return Directed(deviations * space.moves[meaning.quality], meaning.shape, bars, octaves(meaning.quality, deviations, space))


def parse_knob(text: str, space: StyleSpace) -> Directed:
    """Return what ``--knob NAME=X[:bars=A-B]`` or ``--knob LEVEL:NUMBER:X[:bars=A-B]`` says, latents counted from 1. Raises UsageError."""
    head, *rest = text.split(":")
    if head in LEVEL_NAMES:
        return _parse_latent(text, LEVEL_NAMES.index(head), rest, space)
    name, separator, value = head.partition("=")
    if name not in space.knobs:
        latents = ", ".join(f"{level}:1 to {level}:{count}" for level, count in zip(LEVEL_NAMES, space.latents, strict=True))
        allowed = f"{', '.join(space.knobs)}, and as in bar:1:0.5 {latents}"
        raise UsageError(f"--knob {text!r}: no knob is called {name!r}; allowed: {allowed}{hint(name, space.knobs)}")
    if not separator:
        raise UsageError(f"--knob {text!r}: expected a value, as in {name}=0.5")
    settings = parse_settings("--knob", text, rest, ("bars",))
    amount = parse_number("--knob", text, value, MOST_AMOUNT)
    return Directed(amount * space.knobs[name], bars=bars_of("--knob", text, settings), octaves=octaves(name, amount, space))


def offsets(directed: Iterable[Directed], places: Places, space: StyleSpace) -> np.ndarray:
    """Return the sum of what is added to the styles, (N, W) float32. Raises UsageError for bars that the piece does not have."""
    total = np.zeros((len(places.positions), space.width), dtype=np.float32)
    for each in directed:
        total += places.weights(each.shape, each.bars)[:, None] * each.move
    return total


def tempo_octaves(directed: Iterable[Directed], places: Places) -> np.ndarray:
    """Return by how many octaves all of them together make the notes (N,) faster. Raises UsageError as ``offsets`` does."""
    return sum((each.octaves * places.weights(each.shape, each.bars) for each in directed), np.zeros(len(places.positions)))


def arpeggios(directed: Iterable[Directed], places: Places) -> np.ndarray:
    """Return by note (N,) whether its chord is to be rolled upwards, 1, or downwards, -1. Raises UsageError as ``offsets`` does."""
    signs = np.zeros(len(places.positions), dtype=np.int8)
    for each in directed:
        if each.arpeggio:
            signs[places.inside(each.bars)] = each.arpeggio
    return signs


def octaves(quality: str, deviations: float, space: StyleSpace) -> float:
    """Return how much faster so many deviations of a quality are."""
    return deviations * space.deviations.get(PACE, 0.0) if quality == PACE else 0.0


def _parse_latent(text: str, level: int, rest: list[str], space: StyleSpace) -> Directed:
    count = space.latents[level]
    if len(rest) < 2 or not rest[0].isdecimal() or not 1 <= int(rest[0]) <= count:
        raise UsageError(f"--knob {text!r}: expected {LEVEL_NAMES[level]}:NUMBER:VALUE, NUMBER 1 to {count}, as in bar:3:+0.5:bars=1-8")
    move = np.zeros(space.width)
    move[space.columns(level).start + int(rest[0]) - 1] = parse_number("--knob", text, rest[1], MOST_DELTA)
    return Directed(move, bars=bars_of("--knob", text, parse_settings("--knob", text, rest[2:], ("bars",))))
