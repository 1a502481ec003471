"""Directions that a score is given while it plays: ``direct 12-16 molto crescendo``, ``direct 12-16 off``, ``direct off``."""

from collections.abc import Sequence

from engine.base.errors import UsageError
from engine.performers.score_playing.shaping.directions import Bars, Said, parse_bars, parse_spoken
from engine.performers.score_playing.stream import ScoreStream
from engine.runtime.steering.requests import Asker, Command

MOST = 64  # directions that hold at one time
OFF = "off"


def direct_command(stream: ScoreStream) -> Command:
    """Return the command that directs a performance."""

    def direct(words: Sequence[str], asker: Asker) -> str:
        given = stream.interpretation.directions
        if list(words) == [OFF]:
            stream.direct(())
            return "no directions"
        bars, spoken = parse_bars("direct", words[0]), " ".join(words[1:]).split()
        if spoken == [OFF]:
            stream.direct([each for each in given if not _meet(each, bars)])
            return f"{_named(bars)}: no directions"
        said = parse_spoken(spoken, bars)
        kept = [each for each in given if each[:2] != said[:2]]
        if len(kept) == MOST:
            raise UsageError(f"{MOST} directions hold; take some back with direct BARS off")
        stream.direct([*kept, said])
        return f"{_named(bars)}: {said}"

    how = "direct bars from now on, as in direct 12-16 molto crescendo; BARS off, or off, takes directions back"
    return Command("direct BARS [WORDS...]", how, direct)


def _named(bars: Bars) -> str:
    return f"bar {bars.first}" if bars.first == bars.last else f"bars {bars.first} to {bars.last}"


def _meet(said: Said, bars: Bars) -> bool:
    return said.bars is None or (said.bars.first <= bars.last and bars.first <= said.bars.last)
