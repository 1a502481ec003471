"""Ornaments written out, and chords rolled, as they are played."""

import numpy as np
import pytest
from score_fixtures import attributes, direction, musicxml, note

from engine.score.files import read_score
from engine.score.realisation.ornaments import ROLL, ROLL_POWER, SHORTEST_NOTE_S, roll_chords
from engine.score.realisation.written_out import write_out
from engine.score.tables import ORNAMENTS

TEMPO_60 = direction("<words>x</words>", '<sound tempo="60"/>')


@pytest.fixture
def ornamented(tmp_path):
    """Return a function from a sign over an A of some quarters, before and after which come the notes of C major."""

    def read(sign, quarters=2, others="", tempo=TEMPO_60):
        scale = "".join(note(step, 4) for step in "CDEFGAB")
        sign = f"<ornaments><{sign}/></ornaments>" if sign else ""
        content = attributes(16) + tempo + scale + note("A", int(4 * quarters), notations=sign, identifier="o") + others + note("C", 4)
        path = tmp_path / "score.musicxml"
        path.write_text(musicxml([content]))
        return read_score(path)

    return read


def played(score):
    rows = [row for row in score.notes if row["id"].startswith("o")]
    return [int(row["pitch"]) for row in rows], np.array([(row["onset_quarter"], row["duration_quarter"]) for row in rows])


def written_out(score):
    return write_out(score).score


@pytest.mark.parametrize(
    ("sign", "pitches"),
    [
        ("mordent", [69, 67, 69]),
        ("inverted-mordent", [69, 71, 69]),
        ("turn", [71, 69, 67, 69]),
        ("inverted-turn", [67, 69, 71, 69]),
        ("delayed-turn", [69, 71, 69, 67, 69]),
    ],
)
def test_figures_go_to_the_neighbours_in_the_scale_and_come_to_rest(ornamented, sign, pitches):
    plain = ornamented(sign)
    score, source = write_out(plain)
    heights, times = played(score)
    assert heights == pitches
    onsets, durations = times.T
    np.testing.assert_allclose(onsets[1:], onsets[:-1] + durations[:-1])
    assert onsets[0] == 7 and onsets[-1] + durations[-1] == pytest.approx(9)
    longest = 0 if sign.startswith("delayed") else len(pitches) - 1
    assert durations.argmax() == longest
    assert np.delete(durations, longest).max() <= 0.11  # quarters, which are seconds here
    assert len(score.notes) == len(plain.notes) + len(pitches) - 1
    assert (plain.notes["id"][source] == [name.partition("~")[0] for name in score.notes["id"].tolist()]).all()


def test_a_trill_lasts_as_long_as_its_note_and_ends_on_it(ornamented):
    heights, times = played(written_out(ornamented("trill-mark")))
    assert heights[::2] == [69] * len(heights[::2]) and heights[1::2] == [71] * len(heights[1::2])
    assert len(heights) % 2 == 1 and 19 <= len(heights) <= 27
    np.testing.assert_allclose(times[:, 1], 2 / len(heights))
    fast = direction("<words>x</words>", '<sound tempo="240"/>')
    assert len(played(written_out(ornamented("trill-mark", tempo=fast)))[0]) < len(heights)


def test_ids_and_markings_stay_with_the_main_note(ornamented):
    plain = ornamented("mordent")
    score = written_out(plain)
    identifiers = [name for name in score.notes["id"].tolist() if name.startswith("o")]
    assert identifiers == ["o-1~1", "o-1~2", "o-1"]
    assert len(set(score.notes["id"].tolist())) == len(score.notes)
    assert score.markings["ornament"][score.notes["id"] == "o-1"].all()
    assert score.markings["ornament"].sum() == 1
    assert not score.markings["ornament_kind"].any()
    assert plain.markings["ornament_kind"].max() == ORNAMENTS.index("mordent") + 1
    others = ~np.char.startswith(score.notes["id"], "o")
    np.testing.assert_array_equal(score.notes[others], plain.notes[~np.char.startswith(plain.notes["id"], "o")])


def test_written_out_once_nothing_is_left_to_write(ornamented):
    score = written_out(ornamented("turn"))
    assert written_out(score) is score
    plain = ornamented("")
    assert written_out(plain) is plain


def test_what_is_too_short_stays_plain(ornamented):
    assert SHORTEST_NOTE_S * 3 > 0.125
    tempo = direction("<words>x</words>", '<sound tempo="120"/>')
    for sign in ("mordent", "trill-mark", "turn"):
        assert played(written_out(ornamented(sign, 0.25, tempo=tempo)))[0] == [69]


def test_other_ornaments_stay_plain(ornamented):
    score = ornamented("schleifer")
    assert score.markings["ornament"].sum() == 1
    assert written_out(score) is score


def test_a_key_that_another_note_holds_is_not_struck(ornamented):
    held = "<backup><duration>8</duration></backup>" + note("B", 8, voice=2)
    assert played(written_out(ornamented("trill-mark", others=held)))[0] == [69]
    assert len(played(written_out(ornamented("mordent", others=held)))[0]) == 3


@pytest.fixture
def chord(tmp_path):
    def read(sign, size=4):
        sign = f"<arpeggiate{sign}/>"
        steps = [("C", 3), ("G", 3), ("E", 4), ("C", 5), ("E", 5), ("G", 5), ("C", 6), ("E", 6), ("G", 6), ("C", 7)][:size]
        notes = [note(step, 4, octave, "<chord/>" if i else "", sign) for i, (step, octave) in enumerate(steps)]
        (tmp_path / "score.musicxml").write_text(musicxml([attributes(2) + "".join(notes) + note("C", 4)]))
        return read_score(tmp_path / "score.musicxml")

    return read


def roll(score, onset_sec, held_s=1.0):
    return roll_chords(score.notes, score.markings["arpeggio"], onset_sec, np.full(len(onset_sec), held_s))


@pytest.mark.parametrize(("sign", "direction"), [("", 1), (' direction="down"', -1)])
def test_a_chord_is_rolled_up_to_shortly_after_its_beat(chord, sign, direction):
    score = chord(sign)
    onsets = roll(score, np.where(score.notes["onset_quarter"] > 0, 2.0, 1.0))
    np.testing.assert_allclose(np.diff(onsets[:4]), direction * ROLL / 3)
    assert [onsets[:4].min(), onsets[:4].max()] == pytest.approx([1 - 0.8 * ROLL, 1 + 0.2 * ROLL])
    assert onsets[4] == 2


@pytest.mark.parametrize("size", [2, 10])
def test_a_long_chord_is_rolled_more_slowly_however_many_notes_it_has(chord, size):
    score = chord("", size)
    short, long = (np.ptp(roll(score, np.zeros(size + 1), held_s)[:size]) for held_s in (0.1, 4.0))
    assert short == pytest.approx(ROLL * 0.1**ROLL_POWER) and long == pytest.approx(ROLL * 4**ROLL_POWER) and long > 4 * short


def test_a_chord_that_is_spread_in_another_order_is_rolled(chord):
    onsets = roll(chord(""), np.array([0.3, 0.2, 0.1, 0.0, 2.0]))
    np.testing.assert_allclose(np.diff(onsets[:4]), ROLL / 3)


def test_what_is_rolled_already_or_not_performed_is_left_alone(chord):
    score = chord("")
    spread = np.array([0.0, 0.2, 0.3, 0.5, 2.0])
    np.testing.assert_array_equal(roll(score, spread), spread)
    alone = np.array([0.0, np.nan, np.nan, np.nan, 2.0])
    np.testing.assert_array_equal(roll(score, alone), alone)
    assert spread.tolist() == [0.0, 0.2, 0.3, 0.5, 2.0]
