"""The figures by which performances of scores are compared with humans'."""

import json

import numpy as np
import pytest

from engine.score.piece import piece_of
from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from training.evaluation.dexter.descriptors import descriptor_trials, summarise_trials
from training.evaluation.expressiveness.classic_attributes import compare_attributes, measure_attributes
from training.evaluation.expressiveness.figures import HUMANS, evaluate_piece, summarise
from training.evaluation.expressiveness.pieces import HeldOutPiece, Presentation, as_written
from training.evaluation.expressiveness.tables import as_plain, print_pieces, print_summary
from training.metrics.expressiveness import (
    CURVES,
    Beats,
    correlation,
    count_values,
    distances,
    find_beats,
    jensen_shannon_distance,
    mean_curves,
    mean_depth,
    measure_amounts,
    measure_curves,
    one_against_others,
    one_with_another,
    overlap,
)

NO_PEDAL = Pedal(np.zeros(0), np.zeros(0, dtype=int))
MEASURES = 12


def table(rows, dtype):
    return np.array(rows, dtype=dtype)


def make_score(measures=MEASURES, beats=4, beat_type=4, tempos=(), upbeat=0.0):
    """Return two notes on each beat, a bass and a melody of whole tones."""
    length, step = 4 * beats / beat_type, 4 / beat_type
    edges = [0.0] if not upbeat else [0.0, upbeat]
    while len(edges) < measures:
        edges.append(edges[-1] + length)
    lengths = [*np.diff(edges), length]
    onsets = np.arange(0 if not upbeat else upbeat - step * int(upbeat / step), edges[-1] + length - 1e-6, step)
    notes = np.zeros(2 * len(onsets), SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["duration_quarter"] = np.repeat(onsets, 2), step
    notes["pitch"] = np.stack([np.full(len(onsets), 48), 60 + 2 * (np.arange(len(onsets)) % 7)], axis=1).ravel()
    notes["voice"] = np.tile([2, 1], len(onsets))
    notes["id"] = [f"n{index}" for index in range(len(notes))]
    return Score(
        notes,
        table([(onset, length, number + 1) for number, (onset, length) in enumerate(zip(edges, lengths, strict=True))], MEASURE_DTYPE),
        table([(0.0, beats, beat_type)], TIME_SIGNATURE_DTYPE),
        table(list(tempos), TEMPO_DTYPE),
        np.zeros(len(notes), MARKING_DTYPE),
        has_markings=True,
    )


def perform(score, seed, spread=1.0):
    """Return a performance that shares a shape with those of other seeds and has something of its own."""
    rng = np.random.default_rng(seed)
    notes = score.notes
    onsets, index = np.unique(notes["onset_quarter"], return_inverse=True)
    shape = np.sin(onsets / 3)
    periods = 0.5 * 2 ** (spread * (0.2 * shape + 0.05 * rng.normal(size=len(onsets))))
    times = np.append(0, np.cumsum(periods[:-1] * np.diff(onsets)))
    velocity = np.clip(64 + spread * (15 * shape[index] + 5 * rng.normal(size=len(notes))), 1, 127).round().astype(int)
    onset_sec = times[index] - 0.01 * spread * (notes["pitch"] > 50) + 0.002 * spread * rng.normal(size=len(notes))
    duration_sec = 0.5 * 2 ** (spread * (0.5 * np.cos(notes["onset_quarter"]) + 0.2 * rng.normal(size=len(notes))))
    edges = np.repeat(times[::4], 2) + np.tile([0.05, 1.2], len(times[::4]))
    return Performed(onset_sec, duration_sec, velocity, Pedal(edges, np.tile([100, 0], len(edges) // 2)))


def make_piece(name="piece", humans=5, seed=0, presentations=True):
    score = make_score(tempos=[(0.0, 120.0)])
    every = np.arange(len(score.notes))
    shown = {"MusicXML": Presentation(piece_of(score), every)}
    if presentations:
        shown["MIDI"] = Presentation(piece_of(score), np.where(every % 7 == 3, -1, every))
    return HeldOutPiece(name, score, find_beats(score), tuple(perform(score, seed + number) for number in range(humans)), shown)


def curves_of(score, performed):
    return measure_curves(score.notes, find_beats(score), performed)


def test_beats_follow_the_metre():
    np.testing.assert_allclose(find_beats(make_score(3, 3, 4)).onset_quarter, np.arange(9))
    np.testing.assert_allclose(find_beats(make_score(2, 6, 8)).onset_quarter, [0, 1.5, 3, 4.5])
    np.testing.assert_allclose(find_beats(make_score(2, 3, 8)).onset_quarter, [0, 1.5])
    np.testing.assert_allclose(find_beats(make_score(2, 2, 2)).onset_quarter, [0, 2, 4, 6])
    np.testing.assert_allclose(find_beats(make_score(3, 4, 4, upbeat=1.5)).onset_quarter, [0.5, *np.arange(1.5, 9)])


def test_notated_intervals_follow_the_tempo_map():
    beats = find_beats(make_score(2, tempos=[(0.0, 60.0), (4.0, 120.0)]))
    np.testing.assert_allclose(beats.notated, [0, 0, 0, 0, -1, -1, -1])
    np.testing.assert_allclose(find_beats(make_score(2, 2, 2, tempos=[(0.0, 60.0)])).notated, 1)
    np.testing.assert_allclose(find_beats(make_score(2)).notated, 0)


def test_curves_say_what_was_played():
    score = make_score(3)
    written = as_written(score)
    chord = np.tile([0.02, -0.02], len(score.notes) // 2)
    stretched = Performed(2 * written.onset_sec + chord, 0.5 * written.duration_sec, written.velocity + 10, NO_PEDAL)
    curves = curves_of(score, stretched)
    np.testing.assert_allclose(curves["velocity"], 74)
    np.testing.assert_allclose(curves["tempo"], 0, atol=1e-9)  # a quarter takes a second
    np.testing.assert_allclose(curves["articulation"], -2, atol=1e-9)
    np.testing.assert_allclose(curves["chord_timing"], chord, atol=1e-9)
    np.testing.assert_allclose(curves["pedal"], 0)
    assert len(curves["tempo_body"]) == len(curves["tempo"]) - 4


def test_the_notated_tempo_does_not_count_as_relative_tempo():
    score = make_score(tempos=[(0.0, 60.0), (16.0, 120.0), (40.0, 90.0)])
    curves = curves_of(score, as_written(score))
    assert curves["tempo"].std() > 0.3
    np.testing.assert_allclose(curves["tempo_relative"], 0, atol=1e-9)


def test_what_is_not_played_is_not_measured():
    score = make_score(3)
    written = as_written(score)
    missing = np.zeros(len(score.notes), dtype=bool)
    missing[[0, 1, 5]] = True
    performed = Performed(np.where(missing, np.nan, written.onset_sec), np.where(missing, np.nan, 1.0), written.velocity, NO_PEDAL)
    curves = curves_of(score, performed)
    assert np.isnan(curves["velocity"][missing]).all() and np.isfinite(curves["velocity"][~missing]).all()
    assert np.isnan(curves["tempo"][0]) and np.isfinite(curves["tempo"][1:]).all()  # the first beat is before all that is played
    assert np.isnan(curves["chord_timing"][4]) and np.isnan(curves["articulation"][5])
    with pytest.raises(ValueError, match="two or more onsets"):
        curves_of(score, performed._replace(onset_sec=np.full(len(missing), np.nan)))


def test_grace_notes_have_velocity_and_neither_timing_nor_articulation():
    score = make_score(3)
    score.notes["is_grace"][3] = True
    curves = curves_of(score, perform(score, 0))
    assert np.isfinite(curves["velocity"][3])
    assert np.isnan(curves["chord_timing"][[2, 3]]).all() and np.isnan(curves["articulation"][3])


def test_mean_depth_of_the_pedal():
    pedal = Pedal(np.array([1.0, 2.0, 4.0]), np.array([127, 0, 127]))
    np.testing.assert_allclose(
        mean_depth(pedal, np.array([0.0, 0.5, 1.0, 3.0, 9.0]), np.array([1.0, 1.5, 3.0, 5.0, 10.0])), [0, 0.5, 0.5, 0.5, 1]
    )


def test_mean_curves_leave_out_what_is_not_known():
    known, unknown = np.array([1.0, 2.0]), np.array([3.0, np.nan])
    np.testing.assert_array_equal(mean_curves([{"a": known}, {"a": unknown}])["a"], [2, 2])
    np.testing.assert_array_equal(mean_curves([{"a": unknown}, {"a": unknown}])["a"], [3, np.nan])


def test_correlation():
    a, b = np.array([1.0, 2, 3, 4, np.nan]), np.array([2.0, 4, 6, np.nan, 1])
    assert correlation(a, b) == pytest.approx(1)
    assert correlation(a, -b) == pytest.approx(-1)
    assert correlation(a, np.ones(5)) == 0
    assert np.isnan(correlation(a[2:], b[2:]))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))
    assert correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_one_human_is_compared_with_the_mean_of_the_others():
    a, b, c = (np.array(values, dtype=float) for values in ([1, 2, 3, 4], [4, 2, 3, 1], [1, 3, 2, 5]))
    curves = [dict.fromkeys(CURVES, values) for values in (a, b, c)]
    expected = np.mean([correlation(a, b + c), correlation(b, a + c), correlation(c, a + b)])
    assert one_against_others(curves)["tempo"] == pytest.approx(expected)
    expected = np.mean([correlation(a, b), correlation(a, c), correlation(b, c)])
    assert one_with_another(curves)["tempo"] == pytest.approx(expected)


def test_distance_is_of_the_shape():
    score = make_score()
    performed = perform(score, 0)
    louder = performed._replace(velocity=performed.velocity + 10, onset_sec=2 * performed.onset_sec)
    apart = distances(curves_of(score, performed), curves_of(score, louder))
    assert apart["velocity"] == pytest.approx(0) and apart["tempo"] == pytest.approx(0)
    assert distances(curves_of(score, performed), curves_of(score, perform(score, 1)))["velocity"] > 4


def test_amounts():
    score = make_score()
    notes = score.notes
    written = as_written(score)
    timing = np.where(notes["pitch"] > 50, -0.01, 0.01)
    beats = notes["onset_quarter"].astype(int)
    pedal = Pedal(np.array([0.0, written.onset_sec.max() / 4]), np.array([127, 0]))
    performed = Performed(written.onset_sec + timing, written.duration_sec, np.where(beats % 2, 74, 54), pedal)
    amounts = measure_amounts(performed, curves_of(score, performed))
    assert amounts["velocity_deviation"] == pytest.approx(10)
    assert amounts["tempo_deviation"] == pytest.approx(0, abs=1e-9)
    assert amounts["chord_asynchrony_s"] == pytest.approx(0.01)
    assert amounts["pedal_share"] == pytest.approx(0.25, abs=0.01)


def test_histograms_count_notes_in_order_of_onset():
    pedal = Pedal(np.array([0.05, 0.4]), np.array([127, 0]))
    performed = Performed(np.array([0.1, 0.0, np.nan, 0.5]), np.array([0.4, 0.6, np.nan, 0.0101]), np.array([60, 70, 0, 80]), pedal)
    counts = count_values(performed)
    assert counts["velocity"].sum() == 3 and counts["velocity"][[60, 70, 80]].sum() == 3
    assert dict(enumerate(counts["duration"][counts["duration"] > 0])) == {0: 1, 1: 1}  # 0.6 s is beyond the bins
    assert counts["duration"][5] == 1 and counts["duration"][200] == 1
    assert counts["inter_onset_interval"].sum() == 1 and counts["inter_onset_interval"][100] == 1
    assert counts["pedal"][0b0011] == 1 and counts["pedal"][0b1110] == 1 and counts["pedal"].sum() == 2


def test_jensen_shannon_distance_and_overlap():
    a, b, c = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 5, 5]), np.array([3.0, 3, 0, 0])
    assert jensen_shannon_distance(a, b) == pytest.approx(1) and overlap(a, b) == 0
    assert jensen_shannon_distance(a, c) == pytest.approx(0) and overlap(a, c) == pytest.approx(1)
    half = np.array([1.0, 0, 1, 0])
    assert jensen_shannon_distance(a, half) == pytest.approx(np.sqrt(0.5)) and overlap(a, half) == pytest.approx(0.5)
    assert np.isnan(jensen_shannon_distance(a, 0 * a)) and np.isnan(overlap(0 * a, a))


def test_a_score_as_written_keeps_its_tempo_map_and_velocities():
    score = make_score(tempos=[(0.0, 60.0), (4.0, 120.0)])
    written = as_written(score)
    np.testing.assert_allclose(written.onset_sec[:10:2], [0, 1, 2, 3, 4])
    assert written.onset_sec[10] == pytest.approx(4.5) and set(written.velocity) == {64}
    score.notes["velocity"] = 90
    assert set(as_written(score).velocity) == {90}
    np.testing.assert_allclose(as_written(make_score(3)).duration_sec, 0.5)


def test_a_presentation_is_measured_as_the_piece():
    piece = make_piece()
    written = as_written(piece.score)
    performed = piece.performed(piece.presentations["MIDI"], written)
    unknown = np.arange(len(piece.notes)) % 7 == 3
    assert np.isnan(performed.onset_sec[unknown]).all()
    np.testing.assert_array_equal(performed.onset_sec[~unknown], written.onset_sec[~unknown])


def render(piece, seed):
    """The shape that all humans share, or one more human."""
    return perform(piece.score, 100 + seed) if seed is not None else perform(piece.score, 99, spread=0.5)


@pytest.fixture(scope="module")
def evaluated():
    pieces = [make_piece("first"), make_piece("second", seed=20, presentations=False)]
    return pieces, [evaluate_piece(piece, render, range(3)) for piece in pieces]


def test_rows_of_a_piece(evaluated):
    _, rows = evaluated
    assert list(rows[0]) == [
        HUMANS, "MusicXML, as written", "MusicXML, mean", "MusicXML, sampled", "MIDI, as written", "MIDI, mean", "MIDI, sampled"
    ]  # fmt: skip
    humans, sampled = rows[0][HUMANS].figures, rows[0]["MusicXML, sampled"].figures
    for name in ("velocity", "tempo", "articulation", "chord_timing"):
        assert 0.3 < humans["with_one_human"][name] < humans["correlation"][name] < 1
        assert sampled["correlation"][name] == pytest.approx(humans["correlation"][name], abs=0.12)
        assert sampled["with_one_human"][name] == pytest.approx(humans["with_one_human"][name], abs=0.12)
        assert sampled["apart"][name] == pytest.approx(humans["apart"][name], rel=0.3)
        assert rows[0]["MusicXML, as written"].figures["correlation"][name] == pytest.approx(0, abs=0.2)


def test_summary_compares_amounts_and_distributions_with_humans(evaluated):
    _, rows = evaluated
    summary = summarise(rows)
    assert summary["MusicXML, sampled"]["amount_ratio"]["velocity_deviation"] == pytest.approx(1, abs=0.1)
    assert summary["MusicXML, mean"]["amount_ratio"]["velocity_deviation"] == pytest.approx(0.5, abs=0.1)
    assert summary["MusicXML, sampled"]["share_of_human"]["velocity"] == pytest.approx(1, abs=0.1)
    assert summary["MusicXML, sampled"]["apart_ratio"]["tempo"] == pytest.approx(1, abs=0.3)
    assert summary["MusicXML, as written"]["distance"]["velocity"] > 0.8 > 0.4 > summary["MusicXML, sampled"]["distance"]["velocity"]
    assert summary["MusicXML, as written"]["overlap"]["velocity"] < 0.2 < 0.5 < summary["MusicXML, sampled"]["overlap"]["velocity"]
    # A row that one piece has is compared with the humans of that piece.
    of_first = summarise(rows[:1])
    assert summary["MIDI, mean"]["amount_ratio"] == of_first["MIDI, mean"]["amount_ratio"]


def test_tables_and_json_show_all_figures(evaluated, capsys):
    pieces, rows = evaluated
    names, summary = [piece.name for piece in pieces], summarise(rows)
    print_pieces(names, rows)
    print_summary(summary)
    shown = capsys.readouterr().out
    assert "tempo relative" in shown and "one with the others' mean" in shown and "first" in shown and "nan" not in shown
    plain = json.loads(json.dumps(as_plain(names, rows, summary), allow_nan=False))
    assert set(plain["overall"][HUMANS]["correlation"]) == set(CURVES)
    assert set(plain["pieces"]) == {"first", "second"}


def test_classic_attributes_of_a_performance_with_itself_and_another():
    score = make_score()
    score.markings["dynamic"] = np.where(score.notes["onset_quarter"] < 20, 3, 6)
    score.markings["hairpin"][:8], score.markings["hairpin_position"][:8] = 1, np.repeat(np.arange(4) / 4, 2)
    performed = perform(score, 0)
    rising = np.where(np.arange(len(score.notes)) < 8, 40 + np.arange(len(score.notes)), performed.velocity)
    mine = measure_attributes(score, performed._replace(velocity=rising))
    same = compare_attributes(mine, mine)
    assert same["tempo_curve"] == pytest.approx(1) and same["key_overlap_deviation"] == 0
    assert same["hairpins"] > 0.9
    louder = performed._replace(velocity=20 + 10 * score.markings["dynamic"].astype(int))
    assert compare_attributes(measure_attributes(score, louder), mine)["dynamics"] == pytest.approx(1)
    other = compare_attributes(measure_attributes(score, perform(score, 1)), measure_attributes(score, performed))
    assert 0.3 < other["tempo_curve"] < 1 and 0 < other["velocity_curve_deviation"] < 2


def test_classic_attributes_say_what_was_played():
    score = make_score(2)
    written = as_written(score)
    early = written._replace(onset_sec=written.onset_sec - 0.03 * (score.notes["pitch"] > 50), duration_sec=1.5 * written.duration_sec)
    attributes = measure_attributes(score, early)
    np.testing.assert_allclose(attributes["asynchrony_s"], 0.03)
    np.testing.assert_allclose(attributes["tempo_curve"], 120)
    np.testing.assert_allclose(attributes["key_overlap"][:-2], 0.5)


def test_controls_that_move_descriptors_are_told_from_those_that_do_not():
    score = make_score(4)

    def render_with(piece, controls):
        written = as_written(piece.score)
        share = 0.6 + 0.1 * controls.get("articulation", 0)
        return written._replace(duration_sec=share * written.duration_sec)

    figures = summarise_trials([descriptor_trials(piece_of(score), render_with)] * 2)
    assert figures["articulation"]["right_way"] == 1 and figures["articulation"]["articulation"] > 1
    assert set(figures["melodiousness"].values()) == {0}


def test_a_beat_without_a_note_lies_between_its_neighbours():
    score = make_score(2)
    kept = score.notes[score.notes["onset_quarter"] != 2]
    curves = measure_curves(
        kept,
        Beats(np.arange(4.0), np.zeros(3)),
        as_written(score)._replace(
            **{
                name: getattr(as_written(score), name)[score.notes["onset_quarter"] != 2]
                for name in ("onset_sec", "duration_sec", "velocity")
            }
        ),
    )
    np.testing.assert_allclose(curves["tempo"], -1)
