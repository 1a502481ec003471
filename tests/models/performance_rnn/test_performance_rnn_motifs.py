"""Which keys went on, earlier, from what was just played."""

import numpy as np
import pytest

from models.performance_rnn.motifs import FAVOUR, JUDGED_NOTES, MOST_RETURNS, REMEMBERED_NOTES, Motifs


def after(*pitches):
    motifs = Motifs()
    for pitch in pitches:
        motifs = motifs.after(pitch)
    return motifs


def test_the_more_notes_agree_the_more_a_key_is_favoured():
    assert after(60, 62, 64, 65, 71, 62, 64).favour(1.0) == {65: FAVOUR[1]}
    assert after(60, 62, 64, 65, 60, 62, 64).favour(0.5) == {65: 0.5 * FAVOUR[2]}
    assert after(50, 51, 64, 65, 53, 60, 62, 64, 66, 60, 62, 64).favour(1.0) == {65: FAVOUR[0], 66: FAVOUR[2]}
    assert after(60, 62, 64, 65, 71, 62, 66).favour(1.0) == after(60, 62, 64, 65, 60, 62, 64).favour(0.0) == {}


def test_nothing_is_favoured_before_anything_can_come_back():
    assert [after(*range(60, 60 + count)).favour(1.0) for count in range(5)] == [{}] * 5
    assert [after(*[60] * count).favour(1.0) for count in range(2, 5)] == [{60: nats} for nats in FAVOUR]


def test_what_was_long_ago_is_forgotten():
    motif, others = (60, 62, 64, 65), np.random.default_rng(0).integers(70, 120, REMEMBERED_NOTES).tolist()
    assert after(*motif, *others[: REMEMBERED_NOTES - 7], *motif[:3]).favour(1.0) == {65: FAVOUR[2]}
    beyond = after(*motif, *others[: REMEMBERED_NOTES - 6], *motif[:3])
    assert beyond.favour(1.0) == {65: FAVOUR[1]}  # the first note is no longer known
    assert (len(beyond.pitches), len(beyond.returns)) == (REMEMBERED_NOTES, JUDGED_NOTES)


def test_the_more_comes_back_the_less_is_made_of_it():
    most = round(MOST_RETURNS * JUDGED_NOTES)
    strengths = [after(*[60] * (4 + count)).favour(1.0).get(60, 0.0) for count in range(most + 2)]
    assert strengths[:most] == pytest.approx([FAVOUR[2] * (1 - count / (MOST_RETURNS * JUDGED_NOTES)) for count in range(most)])
    assert strengths[most:] == [0.0, 0.0]
