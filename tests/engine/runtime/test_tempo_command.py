"""How fast a score is told to go: as a factor, and in a conductor's beats a minute around where it is."""

from dataclasses import replace

import numpy as np
import pytest
import synthetic_score_performer
from score_playing import START_NS, melody, play

from engine.base.clock import VirtualClock
from engine.base.errors import UsageError
from engine.performers.registry import load_performer
from engine.runtime.steering.requests import NOBODY
from engine.runtime.steering.tempo import beats_a_minute, tempo_command
from engine.score.tables import MEASURE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE
from models.performance.decoder import Anchor


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer("score-performer", synthetic_score_performer.write_models(tmp_path_factory.mktemp("models")))


def told(performer, piece, lines, controls=None):
    """Play a piece; return its stream, and what is answered to ``lines``, pairs of a time in seconds and a tempo."""
    stream = performer.perform_score(piece, 0, {"expression": 0, **(controls or {})}, ahead=False)
    clock, answers = VirtualClock(START_NS), []
    command = tempo_command(stream, stream.set_control, clock.now_ns)

    def say(words):
        def act(time_ns):
            clock.sleep_until(time_ns)
            answers.append(command.carry_out([words], NOBODY))

        return act

    play(stream, [(time_s, say(words)) for time_s, words in lines])
    return stream, answers


def beat_lengths(stream, first, last):
    passed = {quarter: time_ns / 1e9 for quarter, time_ns in stream.passed}
    return np.diff([passed[float(quarter)] for quarter in range(first, last)])


def with_tempos(piece, tempos, beats=4, beat_type=4):
    signatures = np.array([(0, beats, beat_type)], TIME_SIGNATURE_DTYPE)
    return replace(piece, score=replace(piece.score, tempos=np.array(tempos, TEMPO_DTYPE), time_signatures=signatures))


def test_a_factor_and_beats_a_minute_hold_from_then_on(performer):
    """The score has 100 quarters a minute, .6 s each."""
    stream, answers = told(performer, melody(bars=16), [(6.1, "0.5"), (20.0, "150")])
    assert answers == ["tempo 0.5, 50 beats a minute", "tempo 1.5, 150 beats a minute"]
    assert beat_lengths(stream, 12, 20) == pytest.approx(1.2, abs=0.01)
    assert beat_lengths(stream, 30, 60) == pytest.approx(0.4, abs=0.01)


def test_a_beat_of_compound_time_is_three_eighths(performer):
    """150 quarters a minute are 100 beats in 6/8."""
    piece = with_tempos(melody(bars=12), [(0, 150)], 6, 8)
    bars = np.array([(3 * bar, 3, bar + 1) for bar in range(16)], MEASURE_DTYPE)
    _, answers = told(performer, replace(piece, score=replace(piece.score, measures=bars)), [(3.0, "80")])
    assert answers == ["tempo 0.8, 80 beats a minute"]


def test_it_is_the_tempo_of_this_section_and_not_of_the_one_before(performer):
    """From quarter 16 on, which is at 9.6 s, the score has 50 quarters a minute."""
    piece = with_tempos(melody(bars=12), [(0, 100), (16, 50)])
    stream, answers = told(performer, piece, [(9.5, "100"), (10.9, "100"), (14.0, "2")])
    assert answers == ["tempo 1, 100 beats a minute", "tempo 2, 100 beats a minute", "tempo 2, 100 beats a minute"]
    assert beat_lengths(stream, 24, 40) == pytest.approx(0.6, abs=0.01)


def test_the_mean_is_of_a_tempo_that_is_not_steady(performer):
    """Every bar's second half is half as fast: 4 quarters in 2 x .6 + 2 x 1.2 s are 66.7 a minute."""
    stream = performer.perform_score(melody(bars=12), 0, {}, ahead=False)
    time_sec = 0.0
    for half in range(12):
        period = 0.6 if half % 2 == 0 else 1.2
        stream.playback.trail.append(Anchor(2.0 * half, time_sec, period))
        time_sec += 2 * period
    assert stream.playback.mean_period(8.0, 17.0) == pytest.approx(0.9)
    assert stream.playback.mean_period(9.0, 9.5) == 0.6


def test_what_cannot_be_is_refused_and_says_what_can(performer):
    stream = performer.perform_score(melody(bars=4), 0, {"expression": 0}, ahead=False)
    command = tempo_command(stream, stream.set_control, lambda: START_NS)
    assert beats_a_minute(stream, START_NS) is None
    assert command.carry_out(["1.5"], NOBODY) == "tempo 1.5"
    for words, said in (
        ("90", "beats a minute are known once the music plays; give a factor, 0.25 to 4"),
        ("x", "got 'x'; give a factor, 0.25 to 4, or beats a minute"),
        ("nan", "got 'nan'; give a factor"),
        ("-90", "got '-90'; give a factor"),
        ("0.1", "got 0.1, allowed"),
    ):
        with pytest.raises(UsageError, match=said):
            command.carry_out([words], NOBODY)
    with pytest.raises(UsageError, match="got 401 beats a minute; allowed here: 25 to 400"):
        told(performer, melody(bars=4), [(3.0, "401")])
