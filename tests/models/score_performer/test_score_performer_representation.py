"""SPMuple: the paper's vocabularies, its tempo, and performances to tokens and back."""

import numpy as np
import pytest
from dexter_pieces import made_up_notes
from score_performer_pieces import encoded_score

from engine.score.tables import MEASURE_DTYPE, SCORE_NOTE_DTYPE, TIME_SIGNATURE_DTYPE
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.score_performer.local_tempo import LocalTempo, group_tempos, initial_tempo, nearest_tempo
from models.score_performer.representation import decode_performance, encode_performance, notated_seconds
from models.score_performer.score_representation import BAR_LEVEL, BEAT_LEVEL, ONSET_LEVEL, encode_score, note_segments
from models.score_performer.vocabulary import (
    BAR,
    DURATION,
    FIELD_NAMES,
    FIELDS,
    NOTES_IN_ONSET,
    ONSET_DEVIATION,
    PEDAL_FIELDS,
    PERFORMED_DURATION,
    PERFORMED_FIELDS,
    POSITION,
    POSITION_IN_ONSET,
    POSITION_SHIFT,
    SPECIALS,
    START,
    TEMPO,
    TIME_SIGNATURE,
    TIME_SIGNATURES,
    VELOCITY,
    nearest_time_signature,
    to_tokens,
    to_values,
)


def rubato(notes, seed=0, depth=0.15, asynchrony_s=0.01, pause_s=0.0):
    """A performance whose tempo swings, with some spread in its chords and a pause in the middle."""
    random = np.random.default_rng(seed)
    positions, index = np.unique(notes["onset_quarter"], return_inverse=True)
    gaps = np.diff(positions, prepend=positions[0]) * 0.6 * np.exp(depth * np.sin(positions / 5))
    gaps[len(gaps) // 2] += pause_s
    onset = 3.0 + np.cumsum(gaps)[index] + random.uniform(-asynchrony_s, asynchrony_s, len(notes))
    duration = 0.6 * np.where(notes["duration_quarter"] > 0, notes["duration_quarter"], 1 / 8) * random.uniform(0.3, 1.2, len(notes))
    changes = np.sort(random.uniform(onset[0] + 0.5, onset[-1], 2 * (len(positions) // 8)))
    pedal = Pedal(changes, np.resize([127, 0], len(changes)))
    return Performed(onset, duration, random.integers(1, 128, len(notes)), pedal)


def decoded_again(notes, performed, tempos="window", **options):
    tokens, segments = encoded_score(notes)
    encoded = encode_performance(tokens, segments, notes, performed, tempos)
    first = notes["onset_quarter"] == notes["onset_quarter"][np.isfinite(performed.onset_sec)][0]
    start_sec = np.nanmean(performed.onset_sec[first])
    return encoded, decode_performance(notes, segments, encoded.tokens, start_sec, **options)


def half_a_bin(field, tokens):
    """How far a value may be from its token's."""
    known = FIELDS[field].values
    widths = np.diff(known)
    return np.maximum(np.append(widths[0], widths), np.append(widths, widths[-1]))[tokens - SPECIALS] / 2 + 1e-9


def test_vocabularies_are_the_papers():
    sizes = dict(zip(FIELD_NAMES, (len(field.values) for field in FIELDS), strict=True))
    assert list(sizes.items())[:12] == [
        ("bar", 256),
        ("position", 128),
        ("pitch", 88),
        ("velocity", 128),
        ("duration", 129),
        ("tempo", 121),
        ("time_signature", 22),
        ("position_shift", 65),
        ("notes_in_onset", 12),
        ("position_in_onset", 12),
        ("onset_deviation", 161),
        ("performed_duration", 81),
    ]
    assert [FIELD_NAMES[field] for field in PERFORMED_FIELDS[:4]] == ["velocity", "tempo", "onset_deviation", "performed_duration"]
    assert PERFORMED_FIELDS[4:] == PEDAL_FIELDS


def test_bins_are_the_papers():
    tempo, deviation, duration = (FIELDS[field].values for field in (TEMPO, ONSET_DEVIATION, PERFORMED_DURATION))
    assert (tempo[0], tempo[-1], tempo[24]) == (15, 480, 30)
    np.testing.assert_array_equal(deviation, -deviation[::-1])
    late = deviation[80:]  # sixteen steps to each of these, then eight, four, two and two
    ends = np.cumsum([0, 16, 16, 16, 16, 8, 4, 2, 2])
    np.testing.assert_allclose(late[ends], [0, 0.05, 0.1, 1 / 6, 1 / 3, 0.5, 0.75, 1, 2], atol=5e-5)
    assert late[1] == 0.0031 and late[50] == np.round(2 ** (2 / 16) / 6, 4) and late[79] == 1.4142
    np.testing.assert_allclose(duration[np.cumsum([0, 16, 32, 16, 8, 4, 4])], [0.1, 1 / 3, 0.8, 1, 1.25, 1.5, 3], atol=5e-5)
    assert duration[79] == np.round(3 * 2 ** (-1 / 4), 4)
    shift = FIELDS[POSITION_SHIFT].values
    assert shift[[1, 32, 33, 48, 49, 56, 57]].tolist() == [1 / 16, 2, 2.125, 4, 4.5, 8, 9]
    lengths = FIELDS[DURATION].values
    assert lengths[[32, 33, 48, 49, 64, 65, 80, 81, 128]].tolist() == [2, 2.125, 4, 4.25, 8, 8.5, 16, 17, 64]


def test_tokens_are_of_the_nearest_value():
    assert to_tokens(VELOCITY, np.array([0, 64, 127])).tolist() == [4, 68, 131]
    assert to_values(ONSET_DEVIATION, to_tokens(ONSET_DEVIATION, np.array([-7, -0.0016, 0.0015, 1.8, 5]))).tolist() == [
        -2,
        -0.0031,
        0,
        2,
        2,
    ]
    for index, field in enumerate(FIELDS):
        tokens = to_tokens(index, field.values)
        assert tokens.tolist() == list(range(SPECIALS, SPECIALS + len(field.values)))
        np.testing.assert_array_equal(to_values(index, tokens), field.values)


@pytest.mark.parametrize("token", [START, SPECIALS + 128])
def test_tokens_that_stand_for_no_velocity_are_named(token):
    with pytest.raises(ValueError, match=rf"velocity has no value for tokens \[{token}\]; its tokens are 4 to 131"):
        to_values(VELOCITY, np.array([70, token]))


def test_unusual_time_signatures_become_similar_ones():
    found = [TIME_SIGNATURES[index] for index in nearest_time_signature([3, 6, 12, 5, 7], [4, 8, 16, 16, 4])]
    assert found == [(3, 4), (6, 8), (3, 4), (3, 8), (4, 2)]


def chord(count, onset):
    notes = np.zeros(count, SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["duration_quarter"], notes["pitch"] = onset, 1.0, np.arange(count) + 40
    return notes


def test_a_score_as_tokens():
    notes = np.concatenate([chord(1, 0.0), chord(15, 2.5), chord(2, 6.75)])
    tokens, segments = encoded_score(notes, beats=6, beat_type=8, tempo=60)
    values = {field: to_values(field, tokens[:, field]) for field in range(len(FIELDS))}
    rows = [0, 1, 15, 16, 17]
    assert values[BAR][rows].tolist() == [0, 0, 0, 2, 2]
    assert values[POSITION][rows].tolist() == [0, 2.5, 2.5, 0.75, 0.75]
    assert values[POSITION_SHIFT][rows].tolist() == [0, 2.5, 2.5, 4, 4]  # 4.25 is no value
    assert values[NOTES_IN_ONSET][rows].tolist() == [1, 12, 12, 2, 2]
    assert values[POSITION_IN_ONSET][rows].tolist() == [0, 0, 11, 0, 1]
    assert values[POSITION_IN_ONSET][1:15].tolist() == [*range(12), 11, 11]
    assert {TIME_SIGNATURES[int(index)] for index in values[TIME_SIGNATURE]} == {(6, 8)}
    assert (values[VELOCITY] == 64).all() and (values[TEMPO] == 60).all()
    assert (values[ONSET_DEVIATION] == 0).all() and (values[PERFORMED_DURATION] == 1).all()
    assert segments[rows].tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1], [1, 2, 2], [1, 2, 2]]


def test_beats_follow_the_denominator():
    _, segments = encoded_score(np.concatenate([chord(1, position) for position in (0.0, 0.5, 1.0, 1.75)]), beats=6, beat_type=8)
    assert segments[:, BEAT_LEVEL].tolist() == [0, 1, 2, 3]


def test_bars_are_counted_on_from_the_beginning_after_the_last_value():
    tokens, segments = encoded_score(np.concatenate([chord(1, 4.0 * 255), chord(1, 4.0 * 256)]))
    assert to_values(BAR, tokens[:, BAR]).tolist() == [255, 0] and segments[:, BAR_LEVEL].tolist() == [0, 1]


def test_a_score_without_measures_or_metre_is_one_bar():
    notes = np.concatenate([chord(1, 0.0), chord(1, 9.0)])
    empty = np.empty(0, MEASURE_DTYPE), np.empty(0, TIME_SIGNATURE_DTYPE)
    tokens = encode_score(notes, *empty, np.full(2, 100.0), np.full(2, 64))
    assert to_values(BAR, tokens[:, BAR]).tolist() == [0, 0] and to_values(POSITION, tokens[:, POSITION]).tolist() == [0, 127 / 16]
    assert note_segments(notes, *empty).tolist() == [[0, 0, 0], [0, 1, 1]]


def plain_local_tempos(quarters, times, first_tempo):
    """The paper's steps 3 to 5, written down over whole arrays."""
    known_q, known_t = [quarters[0] - 1], [times[0] - 60 / first_tempo]
    tempos = []
    for quarter, time in zip(quarters, times, strict=True):
        q, t = np.array(known_q), np.array(known_t)
        tempo = first_tempo
        if time - times[0] >= 1.0:
            q, t = q[t <= time - 0.5], t[t <= time - 0.5]
            window = t >= time - 8
            if window.sum() < 8:
                window = (np.arange(len(t)) >= len(t) - 8) & (t >= time - 32)
            elapsed = time - t[window]
            weights = 1 - elapsed / (elapsed.max() + 0.01)
            tempo = max(15, np.sum(weights / weights.sum() * 60 * (quarter - q[window]) / elapsed))
            tempo = FIELDS[TEMPO].values[np.abs(FIELDS[TEMPO].values - tempo).argmin()]
        known_q.append(quarter)
        known_t.append(time)
        tempos.append(tempo)
    return tempos


@pytest.mark.parametrize("seconds_a_quarter", [0.3, 1.0, 3.5])
def test_the_local_tempo_is_the_papers(seconds_a_quarter):
    random = np.random.default_rng(1)
    quarters = np.cumsum(random.choice([0.25, 0.5, 1.0], 300))
    times = 5 + np.cumsum(np.diff(quarters, prepend=quarters[0]) * seconds_a_quarter * random.uniform(0.6, 1.6, 300))
    first = nearest_tempo(60 / seconds_a_quarter)
    local = LocalTempo(first)
    found = [local.add(quarter, time) for quarter, time in zip(quarters.tolist(), times.tolist(), strict=True)]
    assert found == plain_local_tempos(quarters, times, first)
    assert len(set(found)) > 10


def test_after_a_long_silence_the_tempo_stays():
    local = LocalTempo(100)
    for beat in range(40):
        local.add(beat, beat * 0.5)
    before = local.tempo
    assert local.add(40, 100) == before == nearest_tempo(120)
    assert local.add(41, 101.0) == nearest_tempo(60)


def test_a_performance_begins_with_the_tempo_of_its_first_half_minute():
    quarters = np.arange(200.0)
    slower = np.where(quarters < 60, quarters * 0.5, 30 + (quarters - 60) * 2)
    assert initial_tempo(quarters, slower) == nearest_tempo(120)
    assert initial_tempo(quarters[:3], quarters[:3] * 40) == 15  # too slow for 32 s to say anything
    assert initial_tempo(quarters[:1], slower[:1]) == 120
    assert initial_tempo(quarters[:2], np.array([0, 0.2])) == nearest_tempo(300)


def test_tempos_of_groups_reach_from_their_beginning_to_the_next():
    quarters, times = np.array([0, 1, 2, 3, 4, 5.0]), np.array([0, 0.4, 1, 3, 5, 5.5])
    tempos = group_tempos(quarters, times, np.array([0, 0, 1, 1, 2, 2]))
    assert tempos.tolist() == [120, 120, 30, 30, 120, 120]
    assert group_tempos(quarters[:3], times[:3], np.array([0, 0, 1])).tolist() == [120, 120, 120]
    assert group_tempos(quarters[:1], times[:1], np.array([0])).tolist() == [120]


@pytest.mark.parametrize("tempos", ["window", "onset", "beat", "bar"])
def test_a_performance_comes_back(tempos):
    notes = made_up_notes(1500)
    performed = rubato(notes)
    encoded, decoded = decoded_again(notes, performed, tempos)
    assert not encoded.cut_sec.any()
    positions = np.unique(notes["onset_quarter"])
    gap_s = np.diff(positions, prepend=positions[0] - 1)[np.searchsorted(positions, notes["onset_quarter"])] * 60
    gap_s /= to_values(TEMPO, encoded.tokens[:, TEMPO])
    error = np.abs(decoded.onset_sec - performed.onset_sec)
    assert (error <= half_a_bin(ONSET_DEVIATION, encoded.tokens[:, ONSET_DEVIATION]) * gap_s).all()  # nothing adds up over the piece
    np.testing.assert_array_equal(decoded.velocity, performed.velocity)
    share = performed.duration_sec / notated_seconds(notes, to_values(TEMPO, encoded.tokens[:, TEMPO]))
    kept = (share > 0.1) & (share < 3)
    assert kept.mean() > 0.9
    shares = to_values(PERFORMED_DURATION, encoded.tokens[:, PERFORMED_DURATION])
    assert (np.abs(shares - share) <= half_a_bin(PERFORMED_DURATION, encoded.tokens[:, PERFORMED_DURATION]))[kept].all()
    np.testing.assert_allclose(decoded.duration_sec[kept], (shares / share * performed.duration_sec)[kept])


def test_the_window_tempo_can_be_recomputed_from_what_was_decoded():
    notes = made_up_notes(400)
    encoded, decoded = decoded_again(notes, rubato(notes))
    tokens = encoded.tokens.copy()
    tokens[notes["onset_quarter"] > notes["onset_quarter"][0], TEMPO] = to_tokens(TEMPO, np.array(33.0))
    _, segments = encoded_score(notes)
    again = decode_performance(notes, segments, tokens, decoded.onset_sec[0], recompute_tempo=True)
    start = decode_performance(notes, segments, encoded.tokens, decoded.onset_sec[0])
    np.testing.assert_array_equal(again.onset_sec, start.onset_sec)
    np.testing.assert_allclose(again.duration_sec, start.duration_sec, rtol=1e-12)


def test_window_tempos_and_deviations_know_nothing_of_what_comes_later():
    notes = made_up_notes(600)
    performed = rubato(notes)
    late = performed.onset_sec > performed.onset_sec[0] + 60
    changed = performed._replace(onset_sec=np.where(late, performed.onset_sec * 1.3, performed.onset_sec))
    tokens, segments = encoded_score(notes)
    first, second = (encode_performance(tokens, segments, notes, item).tokens for item in (performed, changed))
    known = notes["onset_quarter"] < notes["onset_quarter"][late][0]
    causal = [VELOCITY, TEMPO, ONSET_DEVIATION, PERFORMED_DURATION]
    np.testing.assert_array_equal(first[known][:, causal], second[known][:, causal])
    assert (first[late][:, causal] != second[late][:, causal]).any()


def test_tempos_of_bars_beats_and_onsets():
    notes = made_up_notes(200)
    performed = rubato(notes, asynchrony_s=0.0, depth=0.6)
    tokens, segments = encoded_score(notes)
    found = {tempos: encode_performance(tokens, segments, notes, performed, tempos).tokens for tempos in ("onset", "beat", "bar")}
    for tempos, level in (("beat", BEAT_LEVEL), ("bar", BAR_LEVEL), ("onset", ONSET_LEVEL)):
        of_segment = [np.unique(found[tempos][segments[:, level] == index, TEMPO]) for index in np.unique(segments[:, level])]
        assert all(len(values) == 1 for values in of_segment) and len(np.unique(np.concatenate(of_segment))) > 3
    deviations = to_values(ONSET_DEVIATION, found["onset"][:, ONSET_DEVIATION])
    assert np.abs(deviations).max() < 0.02  # but for the tempo's rounding, nothing is left between onsets


def test_a_pause_beyond_the_limit_is_cut_and_said():
    notes = made_up_notes(200)
    performed = rubato(notes, pause_s=5.0)
    encoded, decoded = decoded_again(notes, performed)
    middle = np.unique(notes["onset_quarter"])[len(np.unique(notes["onset_quarter"])) // 2]
    before, after = notes["onset_quarter"] < middle, notes["onset_quarter"] >= middle
    assert not encoded.cut_sec[before].any() and len(np.unique(encoded.cut_sec[after])) == 1
    assert 3 < encoded.cut_sec[after][0] < 5
    np.testing.assert_allclose(decoded.onset_sec + encoded.cut_sec, performed.onset_sec, atol=0.03)
    at_pause = to_values(ONSET_DEVIATION, encoded.tokens[notes["onset_quarter"] == middle, ONSET_DEVIATION])
    assert at_pause.max() == 2


def test_notes_that_are_not_performed_stay_so():
    notes = made_up_notes(120)
    performed = rubato(notes)
    silent = np.zeros(len(notes), dtype=bool)
    silent[[0, 5, 40]] = True
    silent[notes["onset_quarter"] == notes["onset_quarter"][60]] = True  # a whole onset
    performed = performed._replace(
        onset_sec=np.where(silent, np.nan, performed.onset_sec),
        duration_sec=np.where(silent, np.nan, performed.duration_sec),
        velocity=np.where(silent, 0, performed.velocity),
    )
    encoded, decoded = decoded_again(notes, performed)
    silent_values = {VELOCITY: 0, ONSET_DEVIATION: 0, PERFORMED_DURATION: 1}
    for field, value in silent_values.items():
        assert (to_values(field, encoded.tokens[silent, field]) == value).all()
    np.testing.assert_array_equal(np.isnan(decoded.onset_sec), silent)
    np.testing.assert_array_equal(np.isnan(decoded.duration_sec), silent)
    np.testing.assert_array_equal(decoded.velocity == 0, silent)
    np.testing.assert_allclose(decoded.onset_sec[~silent], performed.onset_sec[~silent], atol=0.02)


def test_nothing_performed():
    notes = made_up_notes(5)
    nothing = Performed(np.full(5, np.nan), np.full(5, np.nan), np.zeros(5, dtype=int), Pedal(np.empty(0), np.empty(0, dtype=int)))
    tokens, segments = encoded_score(notes)
    with pytest.raises(ValueError, match="at least one performed note"):
        encode_performance(tokens, segments, notes, nothing)
    tokens[:, VELOCITY] = SPECIALS
    assert np.isnan(decode_performance(notes, segments, tokens).onset_sec).all()


def test_large_chords_come_back():
    notes = np.concatenate([chord(15, 0.0), chord(20, 1.0), chord(1, 2.0)])
    performed = rubato(notes, asynchrony_s=0.03)
    _, decoded = decoded_again(notes, performed)
    np.testing.assert_allclose(decoded.onset_sec, performed.onset_sec, atol=0.003)
    np.testing.assert_array_equal(decoded.velocity, performed.velocity)


def test_grace_notes_come_back_and_do_not_move_the_beat():
    notes = np.concatenate([chord(1, 0.0), chord(1, 1.0), chord(2, 2.0), chord(1, 3.0)])
    notes["is_grace"][2], notes["duration_quarter"][2] = True, 0.0
    onsets = np.array([1.0, 1.5, 1.85, 2.0, 2.5])
    performed = Performed(onsets, np.array([0.4, 0.4, 0.06, 0.4, 0.4]), np.full(5, 80), Pedal(np.empty(0), np.empty(0, dtype=int)))
    encoded, decoded = decoded_again(notes, performed)
    np.testing.assert_allclose(decoded.onset_sec, onsets, atol=0.005)
    np.testing.assert_allclose(decoded.duration_sec, performed.duration_sec, rtol=0.03)
    deviations = to_values(ONSET_DEVIATION, encoded.tokens[:, ONSET_DEVIATION])
    assert to_values(PERFORMED_DURATION, encoded.tokens[2, PERFORMED_DURATION]) == pytest.approx(
        0.96, abs=0.02
    )  # of an eighth of a quarter
    assert np.abs(deviations[[3, 4]]).max() < 0.01 and deviations[2] == pytest.approx(-0.3, abs=0.01)


def test_the_pedal_comes_back():
    notes = np.concatenate([chord(2, float(onset)) for onset in range(8)])
    times = np.repeat(0.5 * np.arange(8), 2)
    pedal = Pedal(np.array([0.5, 1.125, 1.25, 2.75]), np.array([127, 0, 127, 0]))
    performed = Performed(times, np.full(16, 0.4), np.full(16, 70), pedal)
    _, decoded = decoded_again(notes, performed)
    assert decoded.pedal.value.tolist() == [127, 0, 127, 0]
    np.testing.assert_allclose(decoded.pedal.time_sec, pedal.time_sec, atol=0.01)
