"""What programs take off the notated lengths is given back; what was played, or was meant to be short, stays as it is."""

import numpy as np
import pytest

from engine.score.estimation.notated_lengths import notated_lengths

RIGHT = [1 / 4, 1 / 4, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 3 / 4, 1 / 4, 1.0]  # a bar of four quarters
LEFT = [1.0, 1 / 2, 1 / 2, 2.0]
BARS = 12


def written():
    """Return onsets, lengths and bar lines of two hands in quarters; the right one rests in each third bar."""
    rows = []
    for bar in range(BARS):
        for lengths in (RIGHT, LEFT) if bar % 3 < 2 else (LEFT,):
            onsets = 4 * bar + np.append(0, np.cumsum(lengths)[:-1])
            rows += zip(onsets, lengths, strict=True)
    onsets, lengths = np.array(sorted(rows)).T
    return onsets, lengths, 4.0 * np.arange(BARS + 1)


def exported(onsets, lengths, ticks):
    return np.round(onsets * ticks) / ticks, np.maximum(np.round(lengths * ticks), 1) / ticks


@pytest.mark.parametrize("ticks", [96, 220, 480, 1024])
@pytest.mark.parametrize("share", [1.0, 0.98, 0.95, 0.9, 0.83, 0.75, 0.66, 0.58])
def test_a_share_is_given_back(share, ticks):
    onsets, lengths, bars = written()
    onset, held = exported(onsets, share * lengths, ticks)
    np.testing.assert_allclose(notated_lengths(onset, held, bars, 1 / ticks), lengths, atol=0.02)


@pytest.mark.parametrize("fewer_ticks", [1, 10, 30])
def test_so_many_ticks_are_given_back(fewer_ticks):
    onsets, lengths, bars = written()
    onset, held = exported(onsets, lengths - fewer_ticks / 480, 480)
    np.testing.assert_allclose(notated_lengths(onset, held, bars, 1 / 480), lengths, atol=0.004)


def test_notes_that_are_short_among_others_stay_short():
    onsets, lengths, bars = written()
    short = np.arange(len(lengths)) % 4 == 0
    held = np.where(short, lengths / 2, lengths)
    np.testing.assert_array_equal(notated_lengths(onsets, held, bars, 1 / 480), held)
    given_back = notated_lengths(onsets, 0.9 * held, bars, 1 / 480)
    np.testing.assert_allclose(given_back, held, atol=0.02)


def test_a_take_and_a_handful_of_notes_stay_as_they_are():
    random, (onsets, lengths, bars) = np.random.default_rng(1), written()
    played = onsets + random.normal(0, 0.05, len(onsets)), 0.8 * lengths * random.lognormal(0, 0.3, len(onsets))
    np.testing.assert_array_equal(notated_lengths(*played, bars, 1 / 480), played[1])
    few = onsets[:15], 0.8 * lengths[:15]
    np.testing.assert_array_equal(notated_lengths(*few, bars, 1 / 480), few[1])


def test_nothing_at_all():
    none = np.zeros(0)
    assert len(notated_lengths(none, none, none, 1 / 480)) == 0
