"""What ``perf-live`` and ``perf-render`` have in common: how to perform, from the command line and a preset."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.base.clock import Clock
from engine.base.errors import UsageError
from engine.commands.style_options import StyleOptions
from engine.performers.controls import Control, parse_controller_map, parse_settings
from engine.performers.protocol import MOST_SEED, Performer, ScorePerformer
from engine.performers.registry import (
    DEFAULT_PERFORMER,
    DEFAULT_SCORE_PERFORMER,
    LOADERS,
    SCORE_PERFORMERS,
    STYLED_PERFORMER,
    load_performer,
)
from engine.runtime.loop import Engine
from engine.runtime.sinks import Sink
from engine.runtime.sources import Source

if TYPE_CHECKING:
    from engine.performers.score_performer.style import StyleWishes
    from engine.performers.score_playing.stream import ScoreStream
    from engine.score.files import Repeats
    from engine.score.piece import Piece
    from engine.score.tables import Score

_DEFAULTS = f"[default: {DEFAULT_SCORE_PERFORMER} for a score, else {DEFAULT_PERFORMER}]"
PerformerOption = Annotated[str | None, typer.Option("--performer", help=f"{', '.join(LOADERS)}. {_DEFAULTS}")]
ExcludeOption = Annotated[
    str | None, typer.Option("--exclude", metavar="CHANNELS", help="Channels to leave alone, as in 2,5-8. Channel 10, drums, always is.")
]
ModelOption = Annotated[Path | None, typer.Option("--model", metavar="FILE.onnx", help="Model file. [default: the one that ships]")]
NoRepeatsOption = Annotated[bool, typer.Option("--no-repeats", help="Play a score without its repeats.")]
TransferOption = Annotated[
    Path | None, typer.Option("--transfer", metavar="FILE.mid", help="A performance of the score, left behind as far as --set depth says.")
]
DescriptorsOption = Annotated[
    Path | None, typer.Option("--descriptors", metavar="FILE.csv", help="How a score's performance is to sound, over the piece.")
]


@dataclass(frozen=True)
class PlayingOptions:
    """As they are typed."""

    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=MOST_SEED, help="The same input and seed give the same performance. [default: 0]")
    ] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="CONTROL=VALUE", help="Set a control; repeat for more.")
    ] = None
    controllers: Annotated[
        list[str] | None,
        typer.Option("--cc", metavar="NUMBER=CONTROL", help="Let a MIDI controller move a control, as in 1=dynamics."),
    ] = None
    preset: Annotated[
        Path | None, typer.Option("--preset", metavar="FILE.yaml", help="Options from a file; the command line wins.")
    ] = None
    lookahead_s: Annotated[
        float | None,
        typer.Option(
            "--lookahead", metavar="SECONDS", min=0, help="How far to look ahead; all leaves as much later. dexter needs it for live notes."
        ),
    ] = None


class Timing(StrEnum):
    TEMPO_MAP = "tempo-map"
    ABSOLUTE = "absolute"


@dataclass(frozen=True)
class Performance:
    """A score that is about to be performed."""

    piece: "Piece"
    stream: "ScoreStream"


@dataclass(frozen=True)
class Setup:
    """A performer and how it is to play."""

    performer: Performer
    seed: int
    controls: dict[str, float]
    controller_map: dict[int, Control]
    excluded_channels: frozenset[int]  # 0 to 15

    def create_engine(self, source: Source, sinks: Sequence[Sink], clock: Clock, keep_incomplete: bool) -> Engine:
        stream = self.performer.create_stream(self.seed, self.controls)
        return Engine(
            source, self.performer, stream, sinks, clock, self.controller_map, self.excluded_channels, keep_incomplete=keep_incomplete
        )

    def perform(
        self,
        path: Path,
        repeats: bool,
        ahead: bool,
        transfer: Path | None = None,
        descriptors: Path | None = None,
        style: StyleOptions | None = None,
    ) -> Performance:
        """Read a score and begin to perform it. Raises PerfLiveError, and UsageError where the performer plays no scores."""
        performer = self.score_performer()
        self.check_style(style or StyleOptions(), bool(transfer or descriptors))
        if style:
            return self._perform_in_style(path, "play" if repeats else "skip", ahead, style)
        from engine.score.alignment import read_reference
        from engine.score.descriptors import read_score_descriptors
        from engine.score.piece import read_piece

        piece = read_piece(path, "play" if repeats else "skip")
        reference = read_reference(transfer, piece.score) if transfer else None
        described = read_score_descriptors(descriptors, piece.score) if descriptors else None
        return Performance(piece, performer.perform(piece, self.seed, self.controls, ahead, reference, described))

    def check_style(self, style: StyleOptions, as_dexter: bool) -> None:
        """Raise UsageError when what is said of a score's style is not the performer's; ``as_dexter``: --transfer or --descriptors is."""
        style.check()
        if self.performer.name != STYLED_PERFORMER and style:
            raise UsageError(f"the performer {self.performer.name!r} takes no styles and directions; choose --performer {STYLED_PERFORMER}")
        if self.performer.name == STYLED_PERFORMER and as_dexter:
            raise UsageError(f"--transfer and --descriptors are dexter's; {STYLED_PERFORMER} has --style-from and --direct for them")
        if style:
            from engine.performers.score_performer.performer import ScorePerformerPerformer

            assert isinstance(self.performer, ScorePerformerPerformer)  # noqa: S101 (by its name)
            style.wishes(self.performer.space)

    def _perform_in_style(self, path: Path, repeats: "Repeats", ahead: bool, style: StyleOptions) -> Performance:
        from engine.performers.score_performer.performer import ScorePerformerPerformer
        from engine.score.alignment import read_reference
        from engine.score.files import read_score
        from engine.score.piece import read_piece

        performer = self.performer
        assert isinstance(performer, ScorePerformerPerformer)  # noqa: S101 (check_style)

        def wishes(performer: ScorePerformerPerformer, score: "Score") -> "StyleWishes":
            reference = manner = None
            if style.style_from and style.style_score:
                other = read_score(style.style_score, repeats)
                manner = performer.read_manner(other, read_reference(style.style_from, other))
            elif style.style_from:
                reference = performer.read_styles(score, read_reference(style.style_from, score))
            return style.wishes(performer.space, reference, manner)

        piece = read_piece(path, repeats)
        return Performance(piece, performer.perform(piece, self.seed, self.controls, ahead, wishes=wishes))

    def score_performer(self) -> ScorePerformer:
        """Return the performer, if it plays scores. Raises UsageError."""
        if isinstance(self.performer, ScorePerformer):
            return self.performer
        if self.performer.name in SCORE_PERFORMERS:
            raise UsageError("--lookahead is for live notes and MIDI files, and a score is known to its end; leave --lookahead out")
        raise UsageError(f"the performer {self.performer.name!r} plays no scores; choose --performer {' or '.join(SCORE_PERFORMERS)}")

    def create_score_engine(
        self, performance: Performance, source: Source, sinks: Sequence[Sink], clock: Clock, keep_incomplete: bool
    ) -> Engine:
        return Engine(
            source, self.performer, performance.stream, sinks, clock, self.controller_map, keep_incomplete=keep_incomplete
        )


def prepare(
    performer: str | None, playing: PlayingOptions, exclude: str | None, model: Path | None, default: str = DEFAULT_PERFORMER
) -> Setup:
    """Merge the command line over the preset and load the performer. Raises UsageError or PerfLiveError."""
    excluded = frozenset() if exclude is None else parse_channels(exclude)
    seed, lookahead_s = playing.seed, playing.lookahead_s
    settings, controllers = playing.settings or (), playing.controllers or ()
    if playing.preset:
        from engine.commands.presets import load_preset  # pydantic takes a tenth of a second to import

        preset = load_preset(playing.preset)
        performer = performer or preset.performer
        seed = preset.seed if seed is None else seed
        lookahead_s = preset.lookahead if lookahead_s is None else lookahead_s
        settings = [*(f"{name}={value}" for name, value in preset.set.items()), *settings]
        controllers = [*(f"{number}={name}" for number, name in preset.cc.items()), *controllers]
        excluded = frozenset(channel - 1 for channel in preset.exclude) if exclude is None else excluded
    loaded = load_performer(performer or default, model, lookahead_s)
    controls = parse_settings(loaded.controls, settings)
    return Setup(loaded, seed or 0, controls, parse_controller_map(loaded.controls, controllers), excluded)


def parse_channels(text: str) -> frozenset[int]:
    """Turn ``2,5-8``, counted from one, into channels 0 to 15. Raises UsageError."""
    channels: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 16):
            raise UsageError(f"--exclude {text!r}: expected channels from 1 to 16, as in 2,5-8")
        channels.update(range(int(first) - 1, int(last)))
    return frozenset(channels)
