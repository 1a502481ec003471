"""The style of a piece, note by note: where it comes from, and what is added to it.

It begins as the expected one, which is what humans do on average of this score; as nothing, which is deadpan; or drawn from the prior by
seed. The style of a reference performance is blended over it by an amount, in whole or for a range of bars. Of another piece's performance
the manner is added, its difference from what its score lets expect. Directions and knobs are added last. All of this is known beforehand
for the whole piece, but for the expected style, which comes window by window: the notes ahead can be restyled at any time while a piece
plays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from engine.base.errors import PerfLiveError
from engine.performers.controls import Control
from engine.performers.score_performer.directions import (
    MOST_AMOUNT,
    PACE,
    Directed,
    Places,
    arpeggios,
    known_directions,
    meant,
    octaves,
    offsets,
    parse_knob,
    tempo_octaves,
)
from engine.performers.score_playing.shaping.directions import Bars, Said, parse_bars, parse_words
from engine.systems.score_performer import StyleRequest
from models.score_performer.style_space import StyleSpace, load_style_space

Base = Literal["expected", "deadpan", "drawn"]


@dataclass(frozen=True)
class StyleChoice:
    """What is asked of a performance's style.

    ``reference`` (N, W) are a performance's styles by note, ``manner`` (W,) is that of another piece's; ``amount``, 0 to 1, and ``bars``
    apply to both. ``seed`` is that of the drawn base. ``said`` are directions in words, ``directed`` are other moves.
    """

    base: Base = "expected"
    seed: int = 0
    reference: np.ndarray | None = None
    manner: np.ndarray | None = None
    amount: float = 1.0
    bars: Bars | None = None
    directed: tuple[Directed, ...] = ()
    said: tuple[Said, ...] = ()

    @property
    def is_said(self) -> bool:
        """Whether anything is asked for."""
        return self.base != "expected" or self.reference is not None or self.manner is not None or bool(self.directed or self.said)

    @property
    def follows_tempo(self) -> bool:
        """Whether the whole piece is to be as fast as another performance is."""
        followed = self.reference is not None or self.manner is not None
        return followed and self.amount > 0 and self.bars is None


def parse_style(request: StyleRequest, space: StyleSpace) -> StyleChoice:
    """Return what is asked for in words; performances are read elsewhere. Raises UsageError."""
    request.check()
    said = tuple(parse_words(text, known_directions(space)) for text in request.direct)
    return StyleChoice(
        "deadpan" if request.deadpan else "expected" if request.style_seed is None else "drawn",
        request.style_seed or 0,
        amount=1.0 if request.style_amount is None else request.style_amount,
        bars=None if request.style_bars is None else parse_bars("--style-bars", request.style_bars),
        directed=tuple(parse_knob(text, space) for text in request.knob),
        said=said,
    )


@dataclass(frozen=True)
class StylePlan:
    """Makes the styles of a piece's notes.

    ``kept`` (N, 1) is the share of the expected style and tempo, ``given`` (N, W) the rest of the style, ``faster`` (N,) by how many
    octaves directions change the tempo, ``arpeggios`` (N,) which chords they roll. ``knobs`` are what controls add to all notes from now
    on, by name of the space's knobs, in deviations. ``said`` are the directions among all this.
    """

    space: StyleSpace
    kept: np.ndarray
    given: np.ndarray
    faster: np.ndarray
    arpeggios: np.ndarray
    knobs: Mapping[str, float] = field(default_factory=dict)
    said: tuple[Said, ...] = ()

    def styles(self, rows: slice, expected: np.ndarray) -> np.ndarray:
        """Return the styles (T, W) float32 of the notes ``rows``, whose expected styles are ``expected`` (T, W)."""
        moved = sum((value * self.space.knobs[name] for name, value in self.knobs.items()), np.zeros(self.space.width))
        return (self.kept[rows] * expected + self.given[rows] + moved).astype(np.float32)

    def tempos(self, rows: slice, expected: np.ndarray) -> np.ndarray:
        """Return how many times as fast as notated the notes ``rows`` (T,) are to be.

        They keep the same share of the ``expected`` octaves (T,) as of the expected style.
        """
        return 2.0 ** (self.kept[rows, 0] * expected + self.faster[rows] + self._knob_octaves)

    def directed_octaves(self, note: int) -> float:
        """Return how many octaves faster directions and knobs make a note."""
        return float(self.faster[note]) + self._knob_octaves

    @property
    def _knob_octaves(self) -> float:
        return float(octaves(PACE, self.knobs.get(PACE, 0.0), self.space))

    def turned(self, name: str, value: float) -> "StylePlan":
        """Return the plan with a knob, one of ``knob_controls``, at another value, for the notes that are yet to be performed."""
        return replace(self, knobs={**self.knobs, name: value})


def plan_style(choice: StyleChoice, places: Places, space: StyleSpace, knobs: Mapping[str, float] | None = None) -> StylePlan:
    """Return the plan for a piece. Raises UsageError for bars that the piece does not have."""
    notes = len(places.positions)
    kept = np.full((notes, 1), float(choice.base == "expected"))
    given = np.zeros((notes, space.width))
    if choice.base == "drawn":
        given = drawn_styles(places.segments, space, choice.seed)
    share = (choice.amount * places.inside(choice.bars))[:, None]
    if choice.reference is not None:
        kept, given = (1 - share) * kept, (1 - share) * given + share * choice.reference
    if choice.manner is not None:
        given = given + share * choice.manner
    directed = (*choice.directed, *(meant(each, space) for each in choice.said))
    given = given + offsets(directed, places, space)
    faster, rolled = tempo_octaves(directed, places), arpeggios(directed, places)
    return StylePlan(space, kept.astype(np.float32), given.astype(np.float32), faster, rolled, dict(knobs or {}), choice.said)


def drawn_styles(segments: np.ndarray, space: StyleSpace, seed: int) -> np.ndarray:
    """Return styles (N, W) drawn for the piece, each bar, each beat and each onset: normal, with the deviations of humans' styles.

    Training pulls latents towards a standard normal distribution, but not all the way.
    """
    random = np.random.default_rng(seed)
    whole = np.zeros((len(segments), 1), dtype=int)
    drawn = [
        random.standard_normal((int(of_note.max()) + 1, count))[of_note]
        for of_note, count in zip(np.hstack([whole, segments]).T, space.latents, strict=True)
    ]
    return space.mean + np.concatenate(drawn, axis=1) @ space.components


def knob_controls(space: StyleSpace) -> tuple[Control, ...]:
    """Return the knobs as controls, which ``--set`` and MIDI controllers turn while a piece plays."""
    return tuple(Control(name, -MOST_AMOUNT, MOST_AMOUNT, 0.0, "deviations", space.meanings[name]) for name in space.knobs)


def open_style_space(path: Path, latents: tuple[int, ...] | None = None) -> StyleSpace:
    """Return the style space of a network whose levels have so many latents, if they are known. Raises PerfLiveError."""
    try:
        space = load_style_space(path)
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PerfLiveError(f"cannot read {str(path)!r} as a style space: {reason}; make one for the model, or use what ships") from None
    if latents is not None and space.latents != latents:
        raise PerfLiveError(f"{path}: found latents {space.latents}, the model has {latents}; make a style space of the model's checkpoint")
    return space
