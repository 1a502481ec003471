"""Directions as rules: where they reach, what they add to a performance's columns, and that a score performed with them is so."""

import numpy as np
import pytest
from score_playing import melody, notes_of, play
from synthetic_dexter import write_models

from engine.base.errors import UsageError
from engine.performers.dexter.performer import load_performer
from engine.performers.score_playing.shaping.directions import EFFECTS, Bars, Directions, Said, arpeggios, parse_words, weights
from engine.systems.dexter import DexterRequest
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, VELOCITY

PIECE = melody(bars=8)  # in 4/4: two notes on the first beat of a bar, one on each of the others
QUARTERS = PIECE.score.notes["onset_quarter"]
INSIDE = (QUARTERS >= 8) & (QUARTERS < 16)  # bars 3 and 4


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("even", INSIDE),
        ("rising", INSIDE * (QUARTERS - 8) / 8),
        ("downbeats", INSIDE & (QUARTERS % 4 == 0)),
        ("last beat", QUARTERS == 15),
    ],
)
def test_a_direction_reaches_the_notes_of_its_bars(shape, expected):
    np.testing.assert_allclose(weights(PIECE.score, Bars(3, 4), shape), expected, atol=1e-3)


def test_bars_that_are_not_there_are_refused():
    with pytest.raises(UsageError, match=r"^bars 7-9: the score has not all of them; its bars are 1 to 8$"):
        Directions(PIECE.score, [Said("piano", Bars(7, 9), 1.0)])


def test_a_repeated_passage_is_directed_each_time():
    piece = melody(bars=8)
    piece.score.measures["number"][4:] = [3, 4, 5, 6]
    expected = np.select([INSIDE, (QUARTERS >= 16) & (QUARTERS < 24)], [(QUARTERS - 8) / 8, (QUARTERS - 16) / 8], 0)
    np.testing.assert_allclose(weights(piece.score, Bars(3, 4), "rising"), expected, atol=1e-3)


def test_what_is_directed_is_added_to_the_columns():
    said = [Said("forte", Bars(3, 4), 0.5), Said("staccato", None, 1.0), Said("fermata", Bars(8, 8), 1.0)]
    added = Directions(PIECE.score, said).apply(np.zeros((len(QUARTERS), COLUMNS)), 0)
    np.testing.assert_allclose(added[:, VELOCITY] * 127, 12 * INSIDE)
    np.testing.assert_allclose(added[:, ARTICULATION], -1)  # half as long
    np.testing.assert_allclose(added[:, BEAT_PERIOD], QUARTERS == 31)  # twice as long
    later = Directions(PIECE.score, said).apply(np.zeros((2, COLUMNS)), int(np.flatnonzero(INSIDE)[0]))
    np.testing.assert_allclose(later[:, VELOCITY] * 127, 12)
    np.testing.assert_array_equal(arpeggios(PIECE.score, [Said("arpeggio", Bars(3, 4), -1.0)]), -1 * INSIDE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cresendo", "no direction is called 'cresendo'; allowed: .*; did you mean 'crescendo'"),
        ("piano:amount=4", "got '4', allowed: a number from -3 to 3"),
        ("piano:bars=4-3", "expected the numbers of the first and the last bar"),
        ("piano:bar=3", "allowed after a colon: bars=, amount=, once each"),
    ],
)
def test_what_is_no_direction_is_one_line(text, message):
    with pytest.raises(UsageError, match=message):
        parse_words(text, tuple(EFFECTS))


def test_dexter_performs_as_directed_and_all_else_stays(tmp_path):
    performer = load_performer(write_models(tmp_path / "models"), None)

    def perform(*direct):
        stream = performer.perform(PIECE, DexterRequest(direct=direct), {}, 3, False)
        sent = notes_of(play(stream))
        stream.close()
        return np.array(sent), np.diff([time_ns for quarter, time_ns in stream.passed if quarter % 1 == 0])

    (plain, period), (loud, _), (slow, slower) = perform(), perform("forte:bars=3-4"), perform("slower:bars=3-4")
    np.testing.assert_array_equal(loud[:, :2], plain[:, :2])
    np.testing.assert_allclose(np.minimum(plain[:, 2] + 24 * INSIDE, 127), loud[:, 2], atol=1)
    np.testing.assert_array_equal(slow[:, 2], plain[:, 2])
    np.testing.assert_allclose(slower[:31] / period[:31], [1] * 8 + [2**0.25] * 8 + [1] * 15, rtol=1e-3)  # by quarter
    with pytest.raises(UsageError, match="did you mean 'crescendo'"):
        performer.check(DexterRequest(direct=("cresendo",)))
