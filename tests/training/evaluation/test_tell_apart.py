"""``perf-eval tell-apart``: what two classifiers make of performances that differ, and of those that do not."""

import json

import numpy as np
import pytest
from synthetic_improviser import write_model
from test_expressiveness import NO_PEDAL, make_score

from engine.base.errors import PerfLiveError
from engine.performers.performance_rnn.voice import Preferences
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.performance_rnn.sampling import Boldness
from training.datasets.performances import NOTE_DTYPE
from training.evaluation.tell_apart.classifiers import CLASSIFIERS
from training.evaluation.tell_apart.improvisation import describe_notes as describe_sounding
from training.evaluation.tell_apart.improvisation import improvised
from training.evaluation.tell_apart.judgement import area_under_curve, begin_contest, folds_of, judge, with_interval
from training.evaluation.tell_apart.performances import COLUMNS, describe_notes, performance_windows, series_of
from training.evaluation.tell_apart.picture import draw_telling
from training.evaluation.tell_apart.statistics import Statistic, correlate, measure_series, percentile
from training.evaluation.tell_apart.table import Told, as_plain, print_telling, print_told
from training.evaluation.tell_apart.telling import find_telling, in_words
from training.evaluation.tell_apart.windows import cut
from training.performance_rnn.data import SoundingNotes

MEASURES = 24  # of four beats, two notes each: seven windows
PIECES, EACH = 5, 3


def perform(random, louder=0.0):
    """Return a performance at random: nothing in it depends on the piece."""
    score = make_score(MEASURES)
    count = len(score.notes)
    onsets, index = np.unique(score.notes["onset_quarter"], return_inverse=True)
    times = np.cumsum(0.5 * 2 ** (0.2 * random.normal(size=len(onsets))))
    velocity = np.clip(60 + louder + 8 * random.normal(size=count), 1, 127).round().astype(int)
    duration_sec = 0.4 * 2 ** (0.3 * random.normal(size=count))
    return score, Performed(times[index] + 0.01 * random.normal(size=count), duration_sec, velocity, NO_PEDAL)


def contest(louder, each=EACH):
    random = np.random.default_rng(1)
    ours, humans = (
        [performance_windows(*perform(random, more), f"piece {piece}") for piece in range(PIECES) for _ in range(each)]
        for more in (louder, 0.0)
    )
    return begin_contest(ours, humans)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_performances_of_one_distribution_are_not_told_apart(name):
    judged = judge(contest(0.0), CLASSIFIERS[name])
    assert abs(judged.window.area - 0.5) < 0.12 and judged.window.low < 0.55
    assert judged.performance.low <= judged.performance.area <= judged.performance.high


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_performances_of_another_distribution_are(name):
    judged = judge(contest(12.0), CLASSIFIERS[name])
    assert judged.window.area > 0.95 and judged.performance.area > 0.95 and judged.window.low > 0.9


def test_what_tells_is_named_with_its_size_and_its_direction():
    found = find_telling(contest(12.0))
    assert found[0].words.startswith(("notes are louder", "the top voice is louder"))
    mean = next(each for each in found if each.statistic == Statistic("velocity", "mean"))
    assert mean.ours - mean.humans == pytest.approx(12, abs=1)
    assert mean.off == pytest.approx(12 / (8 / 48**0.5), rel=0.2)  # the mean of 48 notes deviates by 8 / sqrt(48)
    assert mean.area > 0.99


def test_both_have_as_many_windows_of_each_piece():
    random = np.random.default_rng(0)
    ours = [performance_windows(*perform(random), "a") for _ in range(3)] + [performance_windows(*perform(random), "b")]
    humans = [performance_windows(*perform(random), piece) for piece in ("a", "b", "b", "b", "c")]
    windows, are_ours = begin_contest(ours, humans)
    counts = {(piece, side): int((are_ours[windows.piece == piece] == side).sum()) for piece in ("a", "b") for side in (True, False)}
    assert counts == dict.fromkeys(counts, 7) and len(windows) == 28
    assert len(np.unique(windows.performance)) == 4
    with pytest.raises(PerfLiveError, match="^1 piece with windows of both to be told apart: two are needed"):
        begin_contest(ours[:3], humans)


def test_no_piece_is_on_both_sides_of_a_fold():
    pieces = np.repeat([f"piece {number}" for number in range(12)], [90, 5, 5, 30, 30, 10, 40, 1, 1, 1, 20, 20])
    folds = folds_of(pieces)
    assert all(len(set(folds[pieces == piece])) == 1 for piece in np.unique(pieces))
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    assert sorted(set(folds_of(np.array(["a", "b", "b"])))) == [0, 1]


def test_area_under_the_curve():
    ours = np.array([True, True, False, False])
    assert area_under_curve(np.array([3.0, 4, 1, 2]), ours) == 1
    assert area_under_curve(np.array([1.0, 2, 3, 4]), ours) == 0
    assert area_under_curve(np.array([1.0, 3, 2, 1]), ours) == pytest.approx(2.5 / 4)  # of four pairs two are right and one is equal
    whole = with_interval(np.array([1.0, 3, 2, 1] * 3), np.tile(ours, 3), np.repeat(["a", "b", "c"], 4))
    assert whole == pytest.approx((0.625, 0.625, 0.625))  # all pieces are alike


def test_windows_overlap_by_half():
    notes = np.arange(100)[:, None]
    assert [(window[0, 0], window[-1, 0]) for window in cut(notes)] == [(0, 47), (24, 71), (48, 95)]
    assert cut(notes[:47]).shape == (0, 48, 1)


def test_statistics_of_a_series():
    """Known values 1, 3, 2, 6: around their mean 3 they are -2, 0, -1, 3, their squares' mean 3.5."""
    found = measure_series(np.array([[1, np.nan, 3, 2, np.nan, 6], [1, 2, 3, np.nan, np.nan, np.nan]]))
    values = {name: column[0] for name, column in found.items()}
    assert values == pytest.approx(
        {
            "mean": 3,
            "deviation": 3.5**0.5,
            "5th percentile": 1.15,  # .15 of the way from the lowest, 1, to the next, 2
            "25th percentile": 1.75,
            "50th percentile": 2.5,
            "75th percentile": 3.75,
            "95th percentile": 5.55,
            "mean step": 7 / 3,  # steps of 2, 1 and 4
            "95th percentile of steps": 3.8,
            "autocorrelation at 1": -3 / 14,  # (-2 * 0 + 0 * -1 + -1 * 3) / (4 + 0 + 1 + 9)
            "autocorrelation at 2": 2 / 14,  # -2 * -1 + 0 * 3
        }
    )
    assert all(np.isnan(column[1]) for column in found.values())  # three are too few
    assert np.isnan(percentile(np.full((1, 3), np.nan), 50)).all()
    still = measure_series(np.full((1, 5), 2.0))
    assert still["deviation"][0] == 0 and np.isnan(still["autocorrelation at 1"][0])


def test_correlation_where_both_are_known():
    one = np.array([[1, 2, 3, 4, np.nan], [1, 1, 1, 1, 1], [1, 2, 3, np.nan, 4]])
    other = np.array([[2, 4, 6, 8, 0], [1, 2, 3, 4, 5], [1, 2, 3, 4, np.nan]])
    np.testing.assert_allclose(correlate(one, other), [1, 0, np.nan], atol=1e-12)


def test_columns_of_a_hand_made_performance():
    """Chords of 48 and a note of the melody on each of four beats of half a second, the melody 20 ms early, held for .25 s and .5 s."""
    score = make_score(1)
    late = np.tile([0.01, -0.01], 4)
    pedal = Pedal(np.array([0.5, 1.2]), np.array([70, 60]))
    performed = Performed(np.repeat(np.arange(4) / 2, 2) + late, np.tile([0.253, 0.497], 4), np.tile([50, 70], 4), pedal)
    notes = describe_notes(score, performed)
    column = dict(zip(COLUMNS, notes.T, strict=True))
    np.testing.assert_allclose(column["onset_quarter"], np.repeat(np.arange(4), 2))
    np.testing.assert_allclose(column["onset_sec"], performed.onset_sec, atol=1e-9)
    np.testing.assert_allclose(2 ** column["duration"], np.tile([0.25, 0.5], 4))  # rounded to 10 ms
    np.testing.assert_allclose(column["tempo"], [-1] * 6 + [np.nan] * 2)  # log2 of .5 s
    np.testing.assert_allclose(column["articulation"], [-1, 0] * 3 + [np.nan] * 2, atol=1e-9)
    np.testing.assert_allclose(column["asynchrony"], late, atol=1e-9)
    np.testing.assert_allclose(column["pedal"], [0, 0, 1, 0, 1, 1, 0, 0])  # the melody's second note is before the press
    series = series_of(notes[None])
    nothing = np.full(4, np.nan)
    np.testing.assert_allclose(series["voicing"][0], np.stack([nothing, np.full(4, 20.0)], 1).ravel())
    np.testing.assert_allclose(series["melody lead"][0], np.stack([nothing, np.full(4, 0.02)], 1).ravel(), atol=1e-9)
    np.testing.assert_allclose(series["chord spread"][0], np.stack([nothing, np.full(4, 0.02)], 1).ravel(), atol=1e-9)
    np.testing.assert_allclose(series["melody velocity"][0], np.stack([nothing, np.full(4, 70.0)], 1).ravel())


def test_notes_that_a_listener_cannot_compare_are_left_out():
    score = make_score(2)
    score.notes["is_grace"][3], score.markings["ornament"][5], score.markings["tremolo"][7] = True, True, 0.25
    onset_sec = np.repeat(np.arange(8) / 2, 2)
    onset_sec[1] = np.nan
    performed = Performed(onset_sec, np.full(16, 0.3), np.arange(16) + 1, NO_PEDAL)
    notes = describe_notes(score, performed)
    assert notes[:, COLUMNS.index("velocity")].tolist() == [1, 3, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16]
    assert np.isnan(notes[:, COLUMNS.index("pedal")]).all()


def test_columns_of_what_sounds():
    """Two notes together for a second, a third half a second later, 12 semitones above the second."""
    notes = np.zeros(3, [("pitch", "i4"), ("onset_sec", "f8"), ("duration_sec", "f8"), ("velocity", "i4")])
    notes["pitch"], notes["onset_sec"], notes["duration_sec"], notes["velocity"] = [60, 64, 76], [0, 0.02, 0.5], [1, 1, 0.25], 64
    onset, interval, key, duration, velocity, overlap, sounding, leap = describe_sounding(notes).T
    np.testing.assert_allclose(interval, [0, np.nan, np.log2(0.48)])
    np.testing.assert_allclose(overlap, [1, np.log2(1 / 0.48), np.nan])  # a second is twice the half to the next onset
    assert sounding.tolist() == [1, 2, 3] and leap.tolist() == [0, 4, 12] and duration.tolist() == [0, 0, -2]


def test_improvisations_and_humans_beside_humans(tmp_path):
    """Eight performances of which every other one stands for the human among the others; improvisations follow the preferences."""
    notes = np.zeros(100, NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"], notes["velocity"] = np.arange(100) / 5, 0.2, 64
    played = [notes.copy() for _ in range(8)]
    for index, each in enumerate(played):
        each["pitch"] = 40 + index
    humans = SoundingNotes(np.concatenate(played), np.arange(9) * 100)
    model = write_model(tmp_path / "improviser.onnx")
    found = {bold: improvised(humans, model, Preferences(Boldness(bold)), 4, 15.0) for bold in (0.1, 1.0)}
    human, others = found[1.0]["one human, without a score"]
    key = [str(each) for each in human[0].statistics].index("key, mean")
    assert [each.values[0, key] for each in human] == [41, 43, 45, 47] and [each.values[0, key] for each in others] == [40, 42, 44, 46]
    ours, beside = found[1.0]["improvised"]
    assert [each.piece[0] for each in ours] == [each.piece[0] for each in beside] == ["0", "1", "2", "3"]
    assert not np.array_equal(ours[0].values, found[0.1]["improvised"][0][0].values, equal_nan=True)


@pytest.mark.parametrize(
    ("statistic", "more", "words"),
    [
        (("duration", "5th percentile"), False, "keys are held shorter at the lowest"),
        (("tempo by onset", "autocorrelation at 1"), True, "tempo: smoother from one to the next"),
        (("articulation", "mean step"), False, "touch: changes less from one to the next"),
        (("velocity with pitch", "correlation"), True, "velocity goes with pitch more"),
        (("voicing", "mean"), True, "the top voice over its chord is louder"),
        (("velocity", "deviation"), False, "notes: varies less"),
    ],
)
def test_statistics_in_a_musician_s_words(statistic, more, words):
    assert in_words(Statistic(*statistic), more) == words


def test_tables_picture_and_json(tmp_path, capsys):
    told = contest(12.0, each=2)
    judged = {name: judge(told, CLASSIFIERS["statistics"]) for name in CLASSIFIERS}
    rows = {"ours": Told(told, judged, find_telling(told))}
    print_told(rows)
    print_telling("ours", rows["ours"].telling)
    shown = capsys.readouterr().out
    assert "by statistics: a window" in shown and "ours: what tells" in shown
    plain = json.loads(json.dumps(as_plain(rows), allow_nan=False))
    assert plain["ours"]["areas"]["notes"]["window"]["area"] > 0.9 and plain["ours"]["statistics"][0]["share"] > 0
    draw_telling(tmp_path / "told.png", rows)
    assert (tmp_path / "told.png").read_bytes().startswith(b"\x89PNG")
