"""What can be said of a performance's style on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.base.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from engine.performers.score_performer.style import StyleWishes
    from models.score_performer.style_space import StyleSpace


@dataclass(frozen=True)
class StyleOptions:
    """As they are typed."""

    direct: Annotated[
        list[str] | None,
        typer.Option("--direct", metavar="NAME[:bars=A-B][:amount=X]", help="A direction in words, as in crescendo:bars=9-16. Repeat."),
    ] = None
    style_from: Annotated[
        Path | None,
        typer.Option("--style-from", metavar="FILE.mid", help="Take the style of a performance, of this score or --style-score."),
    ] = None
    style_score: Annotated[
        Path | None,
        typer.Option("--style-score", metavar="FILE", help="The score of --style-from, if it is another: its manner is taken."),
    ] = None
    bars: Annotated[
        str | None, typer.Option("--style-bars", metavar="A-B", help="Bars that --style-from is for. [default: all]")
    ] = None
    amount: Annotated[
        float | None, typer.Option("--style-amount", min=0, max=1, help="How far the style is that of --style-from. [default: 1]")
    ] = None
    seed: Annotated[
        int | None, typer.Option("--style-seed", min=0, help="Draw a style, by seed. [default: the style that humans have on average]")
    ] = None
    deadpan: Annotated[
        bool, typer.Option("--deadpan", help="Begin without any style, not with the one that humans have on average.")
    ] = False
    knobs: Annotated[
        list[str] | None,
        typer.Option("--knob", metavar="NAME=X[:bars=A-B]", help="Move styles along a knob, or a latent as in bar:3:+0.5. Repeat."),
    ] = None

    def __bool__(self) -> bool:
        """Return whether anything is said at all."""
        return self != StyleOptions()

    def check(self) -> None:
        """Raise UsageError for what contradicts itself."""
        without = [name for name, value in (("--style-bars", self.bars), ("--style-amount", self.amount)) if value is not None]
        if self.style_score:
            without.append("--style-score")
        if without and self.style_from is None:
            raise UsageError(f"{', '.join(without)}: a performance to take the style of is missing; give --style-from FILE.mid")
        if self.deadpan and self.seed is not None:
            raise UsageError("--deadpan and --style-seed: a style is either none or drawn; leave one of them out")

    def wishes(self, space: "StyleSpace", reference: "np.ndarray | None" = None, manner: "np.ndarray | None" = None) -> "StyleWishes":
        """Return what is asked for; --style-from is a ``reference`` (N, W), with --style-score a ``manner`` (W,). Raises UsageError."""
        from engine.performers.score_performer.directions import parse_bars, parse_direction, parse_knob
        from engine.performers.score_performer.style import StyleWishes

        self.check()
        directions = [parse_direction(text, space) for text in self.direct or ()]
        return StyleWishes(
            "deadpan" if self.deadpan else "expected" if self.seed is None else "drawn",
            self.seed or 0,
            reference,
            manner,
            1.0 if self.amount is None else self.amount,
            None if self.bars is None else parse_bars("--style-bars", self.bars),
            (*directions, *(parse_knob(text, space) for text in self.knobs or ())),
        )
