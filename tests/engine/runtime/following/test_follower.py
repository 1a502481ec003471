from dataclasses import replace

import numpy as np
import pytest
from duos import lullaby
from score_playing import melody

from engine.runtime.following.follower import Follower
from engine.runtime.following.solo import solo_of, written_sec

HUMAN_SEC = 0.012


@pytest.fixture
def piece():
    return melody()  # a chord of two keys and three quarters in each bar


def strokes(piece, first=0.0, last=np.inf, pace=1.0, begin_sec=0.0):
    """Return (time, key, position) of a piece's notes between two positions."""
    notes = piece.score.notes
    notes = notes[(notes["onset_quarter"] >= first) & (notes["onset_quarter"] < last)]
    times = written_sec(piece.score, notes["onset_quarter"]) * pace
    return list(zip((times - times[0] + begin_sec).tolist(), notes["pitch"].tolist(), notes["onset_quarter"].tolist(), strict=True))


def follow(piece, played, follower=None):
    follower = follower or Follower(solo_of(piece.score, np.ones(len(piece.score.notes), bool)))
    return [follower.hear(time_sec, pitch) for time_sec, pitch, _ in played]


def found(heard, played):
    return np.array([each.quarter == quarter for each, (_, _, quarter) in zip(heard, played, strict=True)])


def test_every_note_is_found_at_once_at_any_tempo(piece):
    for pace in (0.6, 1.0, 1.7):
        played = strokes(piece, pace=pace)
        heard = follow(piece, played)
        assert found(heard, played).all()
        assert heard[-1].pace == pytest.approx(pace, rel=0.05)
        assert min(each.probability for each in heard[4:]) > 0.9


def test_wrong_missing_and_additional_notes_do_not_lead_astray(piece):
    random = np.random.default_rng(1)
    played = [stroke for stroke in strokes(piece) if random.random() > 0.08]
    wrong = [(time, key + 1, quarter) if random.random() < 0.08 else (time, key, quarter) for time, key, quarter in played]
    extra = [(time + 0.15, key + 2, quarter) for time, key, quarter in played if random.random() < 0.08]
    wrong = sorted(wrong + extra)
    heard = follow(piece, wrong)
    near = [abs(each.quarter - quarter) <= 1 for each, (_, _, quarter) in zip(heard, wrong, strict=True)]
    assert np.mean(near) > 0.98
    assert heard[-1].quarter == pytest.approx(wrong[-1][2], abs=1)


def test_a_leap_to_anywhere_is_found_within_a_bar(piece):
    before = strokes(piece, 0, 40)
    after = strokes(piece, 100, 130, begin_sec=before[-1][0] + 2)
    heard = follow(piece, before + after)[len(before) :]
    assert found(heard, after)[5:].all()  # five notes are a bar


def test_a_soloist_may_begin_anywhere(piece):
    played = strokes(piece, 72, 100)
    assert found(follow(piece, played), played)[4:].all()


def test_a_pause_is_no_leap(piece):
    before = strokes(piece, 0, 40)
    after = strokes(piece, 40, 60, begin_sec=before[-1][0] + 9)
    assert found(follow(piece, before + after)[len(before) :], after).all()


def test_of_two_passages_that_are_alike_the_one_that_goes_on_is_meant():
    alike = melody(bars=24, pitch_of=lambda index: 40 + index % 60)  # 12 bars twice
    played = strokes(alike)
    assert found(follow(alike, played), played).all()


def test_a_skipped_repeat_is_found():
    piece = melody(bars=30, pitch_of=lambda index: 40 + index % 75 if index < 150 else 30)
    piece.score.measures["number"][12:] -= 12  # bars 1 to 12 are written to be played twice
    before = strokes(piece, 0, 48)
    after = strokes(piece, 96, 120, begin_sec=before[-1][0] + 0.6)
    assert found(follow(piece, before + after)[len(before) :], after)[2:].all()


def test_an_arpeggio_is_one_onset():
    piece = lullaby()
    rows = piece.tracks == 1
    notes = piece.score.notes[rows]
    times = written_sec(piece.score, notes["onset_quarter"])
    order = np.lexsort((notes["pitch"], notes["onset_quarter"]))
    rolled = [(times[row] + 0.05 * (row % 3), int(notes["pitch"][row]), float(notes["onset_quarter"][row])) for row in order]
    rolled.sort()
    follower = Follower(solo_of(piece.score, rows))
    heard = [follower.hear(time_sec, pitch) for time_sec, pitch, _ in rolled]
    assert np.mean([each.quarter == quarter for each, (_, _, quarter) in zip(heard, rolled, strict=True)]) > 0.97


def test_a_trill_of_any_length_stays_where_it_is():
    piece = melody(bars=12)
    piece.score.markings["ornament"][22] = True
    at = float(piece.score.notes["onset_quarter"][22])
    before = strokes(piece, 0, at + 0.5)
    trill = [(before[-1][0] + 0.06 * step, before[-1][1] + 2 * (step % 2), at) for step in range(1, 8)]
    after = strokes(piece, at + 1, 40, begin_sec=before[-1][0] + 0.6)
    played = before + trill + after
    assert found(follow(piece, played), played)[len(before) :].all()


def with_written_trill():
    """Return a melody of which two bars, 4 to 12 quarters, are a trill of 64 notes, and what it is."""
    piece = melody(bars=12)
    notes = piece.score.notes
    at = np.flatnonzero((notes["onset_quarter"] >= 4) & (notes["onset_quarter"] < 12))
    trill = np.repeat(notes[at[:1]], 64)
    trill["onset_quarter"], trill["duration_quarter"] = 4 + np.arange(64) / 8, 1 / 8
    trill["pitch"] = np.where(np.arange(64) % 2, 74, 72)
    score = piece.score
    kept = np.ones(len(notes), dtype=bool)
    kept[at] = False
    all_notes = np.concatenate([notes[kept], trill])
    markings = np.concatenate([score.markings[kept], np.repeat(score.markings[at[:1]], 64)])
    order = np.argsort(all_notes["onset_quarter"], kind="stable")
    return replace(score, notes=all_notes[order], markings=markings[order])


@pytest.mark.parametrize("strokes_a_quarter", (5, 8, 11))
def test_in_a_trill_that_is_written_out_it_goes_by_time_and_not_by_strokes(strokes_a_quarter):
    score = with_written_trill()
    quarter_sec = float(written_sec(score, np.array([0.0, 1.0]))[1])
    outside = score.notes[(score.notes["onset_quarter"] < 4) | (score.notes["onset_quarter"] >= 12)]
    played = [(quarter * quarter_sec, pitch, quarter) for quarter, pitch in zip(outside["onset_quarter"], outside["pitch"], strict=True)]
    for number in range(8 * strokes_a_quarter):
        quarter = 4 + number / strokes_a_quarter
        played.append((quarter * quarter_sec, 72 + 2 * (number % 2), quarter))
    played.sort()
    follower = Follower(solo_of(score, np.ones(len(score.notes), bool)))
    off = np.array([follower.hear(time_sec, int(pitch)).quarter - quarter for time_sec, pitch, quarter in played])
    assert np.abs(off).max() < 0.6
    assert np.abs(off[-20:]).max() == 0


def test_without_a_pause_it_takes_longer_to_believe_in_a_leap(piece):
    before = strokes(piece, 0, 40)
    here = []
    for wait_sec in (0.05, 1.0):
        after = strokes(piece, 100, 103, begin_sec=before[-1][0] + wait_sec)
        here.append(follow(piece, before + after)[-1])
    assert [heard.quarter for heard in here] == [39, 102]


def test_it_goes_on_from_a_snapshot_as_it_would_have(piece):
    played = strokes(piece)
    follower = Follower(solo_of(piece.score, np.ones(len(piece.score.notes), bool)))
    follow(piece, played[:50], follower)
    kept = follower.snapshot()
    expected = follow(piece, played[50:90], follower)
    follow(piece, played[:20], follower)
    follower.restore(kept)
    assert follow(piece, played[50:90], follower) == expected


def test_a_key_too_many_just_after_an_onset_is_not_the_next_onset():
    """Eight times a key, then eight times a chord: 20 ms after the last of the keys one of the chord's is struck by mistake."""
    piece = melody(bars=8)
    notes = np.repeat(piece.score.notes[:1], 8 + 24)
    notes["onset_quarter"] = np.concatenate([np.arange(8), np.repeat(np.arange(8, 16), 3)]) / 2
    notes["pitch"] = [65] * 8 + [55, 58, 63] * 8
    score = replace(piece.score, notes=notes, markings=np.repeat(piece.score.markings[:1], 32))
    played = [(0.38 * quarter, int(pitch), quarter) for quarter, pitch in zip(notes["onset_quarter"], notes["pitch"], strict=True)]
    wrong = sorted([*played, (played[7][0] + 0.02, 58, 3.5)])
    heard = follow(piece, wrong, Follower(solo_of(score, np.ones(32, bool))))
    assert found(heard, wrong)[9:].all()


def test_a_repeat_that_is_skipped_is_found_at_the_first_key_that_differs():
    """Bars 1 to 12 twice; what comes then begins with the key with which they begin again."""
    piece = melody(bars=30, pitch_of=lambda index: 40 + index % 60 if index < 120 else (40, 41, 90, 88, 86, 84, 83, 81)[index % 8])
    piece.score.measures["number"][12:] -= 12
    before = strokes(piece, 0, 48)
    after = strokes(piece, 96, 120, begin_sec=before[-1][0] + 0.6)
    heard = follow(piece, before + after)[len(before) :]
    assert [each.quarter for each in heard[:2]] == [48, 48]  # nothing tells yet
    assert found(heard, after)[2:].all()


def test_a_written_trill_that_is_played_as_written_but_slower_is_counted():
    """64 strokes for its 64 notes, a twentieth slower than the tempo before: by time alone it would be three notes further at its end."""
    score = with_written_trill()
    quarter_sec = float(written_sec(score, np.array([0.0, 1.0]))[1])
    notes = score.notes
    quarters = notes["onset_quarter"]
    times = quarter_sec * (quarters + np.clip(quarters - 4, 0, 8) / 20)
    played = [(float(time), int(pitch), quarter) for time, pitch, quarter in zip(times, notes["pitch"], quarters, strict=True)]
    follower = Follower(solo_of(score, np.ones(len(notes), bool)))
    off = np.array([follower.hear(time_sec, pitch).quarter - quarter for time_sec, pitch, quarter in played])
    assert (np.abs(off) < 1e-3).mean() > 0.9 and np.abs(off).max() <= 0.25


def test_a_trill_that_the_score_does_not_mark_stays_on_its_note():
    """A note of four quarters, and behind it a passage of the keys of which the player's trill on it is made."""
    piece = melody(bars=12)
    kept = (piece.score.notes["onset_quarter"] < 8) | (piece.score.notes["onset_quarter"] == 8)
    before = piece.score.notes[kept & (piece.score.notes["onset_quarter"] <= 7)]
    rest = np.repeat(before[:1], 33)
    rest["onset_quarter"], rest["pitch"] = np.append(8.0, 12 + np.arange(32) / 4), np.append(74, 72 + np.arange(32) % 3 * 2)
    notes = np.concatenate([before, rest])
    score = replace(piece.score, notes=notes, markings=np.repeat(piece.score.markings[:1], len(notes)))
    quarter_sec = float(written_sec(score, np.array([0.0, 1.0]))[1])
    played = [(quarter_sec * quarter, int(pitch), quarter) for quarter, pitch in zip(notes["onset_quarter"], notes["pitch"], strict=True)]
    trill = [(quarter_sec * 8 + 0.08 * step, 74 + 2 * (step % 2), 8.0) for step in range(1, int(4 * quarter_sec / 0.08))]
    played = sorted(played + trill)
    heard = follow(piece, played, Follower(solo_of(score, np.ones(len(notes), bool))))
    assert found(heard, played).mean() > 0.9


def test_a_tremolo_so_slow_that_its_strokes_are_counted_is_followed_note_by_note():
    """Strokes of .35 s each, as in a funeral march; the pianist begins broadly and is not quite even."""
    score = with_written_trill()
    quarters = score.notes["onset_quarter"]
    trill = (quarters >= 4) & (quarters < 12)
    quarter_sec = 8 * 0.35
    late = np.where(trill, np.random.default_rng(3).normal(0, 0.03, len(quarters)), 0.0)
    late[np.flatnonzero(trill)[1:3]] += 0.2
    times = quarter_sec * quarters + np.cumsum(late)
    played = [(float(time), int(pitch), quarter) for time, pitch, quarter in zip(times, score.notes["pitch"], quarters, strict=True)]
    solo = solo_of(score, np.ones(len(quarters), bool), lambda onsets: quarter_sec * onsets)
    assert found(follow(None, played, Follower(solo)), played).all()


def test_a_written_trill_faster_than_fingers_goes_as_fast_as_they_do():
    """64 notes in four quarters, 25 ms each at the tempo before, which the pianist plays one by one in 65 ms each."""
    score = with_written_trill()
    notes = score.notes.copy()
    quarters = notes["onset_quarter"]
    quarters -= np.clip(quarters - 4, 0, 8) / 2
    score = replace(score, notes=notes)
    times = 0.4 * quarters + np.clip(quarters - 4, 0, 4) * (16 * 0.065 - 0.4)
    played = [(float(time), int(pitch), quarter) for time, pitch, quarter in zip(times, notes["pitch"], quarters, strict=True)]
    heard = follow(None, played, Follower(solo_of(score, np.ones(len(notes), bool), lambda onsets: 0.4 * onsets)))
    off = np.array([each.quarter for each in heard]) - quarters
    assert np.abs(off).max() < 1.5


def test_another_place_must_be_a_hundred_times_as_likely_to_be_believed(piece):
    follower = Follower(solo_of(piece.score, np.ones(len(piece.score.notes), bool)))
    here = follow(piece, strokes(piece, 0, 40), follower)[-1].state
    for times, state in ((80, here + 1), (120, here + 80)):
        follower._share[:] = 0.0
        follower._share[here + 1], follower._share[here + 80] = 1.0 / (1 + times), times / (1 + times)
        assert follower._likely() == state
