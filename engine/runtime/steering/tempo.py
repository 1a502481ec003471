"""How fast a score is played, as musicians say it: ``tempo 0.8`` is four fifths as fast, ``tempo 96`` so many beats a minute.

Beats are those of a conductor, in 6/8, 9/8 and 12/8 three eighths. A performance's tempo is never quite steady, so what is said of it is
the mean around the present place, as far as the score's own tempo is the same. It sets the control ``tempo``, which is a factor.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from engine.base.errors import UsageError
from engine.performers.controls import find_control
from engine.performers.score_playing.stream import ScoreStream
from engine.runtime.steering.requests import Asker, Command

AROUND_QUARTERS = 16.0  # before the present place, and after it as far as the tempo is decided
TEMPO = "tempo"


def beats_a_minute(stream: ScoreStream, now_ns: int) -> float | None:
    """Return the mean tempo around the present place, by the present value of the control; None while it is not known. Safe from any
    thread.
    """
    own = _own_beats_a_minute(stream, now_ns)
    return own and own * stream.interpretation.value(TEMPO)


def tempo_command(stream: ScoreStream, set_control: Callable[[str, float], None], now_ns: Callable[[], int]) -> Command:
    """Return the command that sets the tempo."""

    def obey(words: Sequence[str], asker: Asker) -> str:
        control, own = find_control(stream.controls, TEMPO), _own_beats_a_minute(stream, now_ns())
        said = _number(words[0])
        if said is None or not 0 < said:
            raise UsageError(f"got {words[0]!r}; give a factor, {control.minimum:g} to {control.maximum:g}, or beats a minute")
        if said <= control.maximum:
            factor = control.parse(words[0])
        elif own is None:
            raise UsageError(f"beats a minute are known once the music plays; give a factor, {control.minimum:g} to {control.maximum:g}")
        else:
            factor = said / own
            if not control.minimum <= factor <= control.maximum:
                slowest, fastest = math.ceil(own * control.minimum), math.floor(own * control.maximum)
                raise UsageError(f"got {said:g} beats a minute; allowed here: {slowest} to {fastest}")
        set_control(TEMPO, factor)
        return f"tempo {factor:.3g}" + ("" if own is None else f", {own * factor:.0f} beats a minute")

    return Command("tempo TEMPO", "how fast: 0.8 is four fifths as fast as it is performed, 96 so many beats a minute", obey)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _own_beats_a_minute(stream: ScoreStream, now_ns: int) -> float | None:
    """Return the mean tempo around the present place as if the control were 1."""
    quarter = stream.place(now_ns).quarter
    begin, end = stream.positions.same_tempo(quarter)
    period = stream.playback.mean_period(max(begin, quarter - AROUND_QUARTERS), min(end, quarter + AROUND_QUARTERS))
    beats = stream.positions.beats
    number = min(max(bisect_right(beats, quarter + 1e-6) - 1, 0), len(beats) - 2)
    return period and 60 / period / (beats[number + 1] - beats[number])
