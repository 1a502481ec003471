"""The written tempo holds, however many voices there are, and no beat strays far from those around it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from score_playing import melody, play

from engine.base.errors import UsageError
from engine.performers.controls import parse_settings
from engine.performers.dexter.controls import CONTROLS
from engine.performers.registry import load_performer
from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.shaping.bounds import bounded
from engine.performers.score_playing.shaping.tempo import TempoDrift, TempoRule
from engine.performers.score_playing.shaping.texture import fitting_tempo, melody_onsets
from engine.performers.score_playing.shaping.written_tempo import held_sections, tempo_sections
from engine.score.piece import read_piece
from engine.score.tables import TEMPO_DTYPE, Word
from engine.systems import Kind, find_system, performers

SCORES = Path(__file__).parents[3] / "data" / "scores"
WRITTEN = 96  # quarters a minute, printed in chorale_96.musicxml


@pytest.fixture(scope="module", params=performers(Kind.SCORES))
def performer(request):
    return load_performer(request.param, None)


def with_tempos(piece, *rows, words=(), has_markings=False):
    score = replace(piece.score, tempos=np.array(list(rows), dtype=TEMPO_DTYPE), words=words, has_markings=has_markings)
    return replace(piece, score=score)


def heard(rule, piece, expected, controls=None):
    """Return the seconds a quarter that are heard from each onset on when the model plays as it expects."""
    expression, drift, onsets = ColumnExpression(controls or {}, CONTROLS), TempoDrift(), piece.score.notes["onset_quarter"]
    periods = []
    for note, onset in enumerate(onsets.tolist()):
        periods.append(2.0 ** rule.heard(expected[note], note, expression, drift))
        if note + 1 < len(onsets) and onsets[note + 1] > onset:
            gap = float(onsets[note + 1]) - onset
            rule.passed(drift, note, gap, gap * periods[-1], expression)
    first = np.unique(onsets, return_index=True)[1]
    return np.array(periods)[first]


def mean_tempo(stream, piece):
    table, notes = stream.performed, piece.score.notes
    end_quarter = (notes["onset_quarter"] + notes["duration_quarter"]).max()
    return 60 * float(end_quarter - notes["onset_quarter"].min()) / ((table["end_ns"].max() - table["onset_ns"].min()) / 1e9)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_chorale_for_four_voices_is_as_fast_as_it_says(performer, seed):
    piece = read_piece(SCORES / "chorale_96.musicxml")
    stream = performer.perform(piece, find_system(performer.name).request(), {"temperature": 0.5}, seed, False)
    play(stream)
    assert WRITTEN / 1.1 < mean_tempo(stream, piece) < WRITTEN * 1.1


@pytest.mark.parametrize(("said", "expected_qpm"), [("score", 100), ("auto", 100), ("model", 50), ("0.5", 50 * math.sqrt(2))])
def test_the_mean_tempo_is_the_scores_or_the_models_or_between(said, expected_qpm):
    piece = melody(bars=20)  # at 100 quarters a minute; the model takes 50
    expected = np.full(len(piece.score.notes), math.log2(60 / 50))
    periods = heard(TempoRule(piece, expected), piece, expected, parse_settings(CONTROLS, [f"tempo_from={said}"]))
    np.testing.assert_allclose(60 / periods, expected_qpm, rtol=1e-6)


def test_the_tempo_is_from_words_or_a_number_from_0_to_1():
    with pytest.raises(UsageError, match=r"'tempo_from': got 2, allowed: auto, score, model, 0 to 1"):
        parse_settings(CONTROLS, ["tempo_from=2"])
    control = next(control for control in CONTROLS if control.name == "tempo_from")
    assert control.describe_default() == "auto" and control.from_controller(127) == control.parse("score") == control.parse("1")


def test_each_section_of_one_written_tempo_has_its_own_factor():
    piece = with_tempos(melody(bars=20), (0, 60), (40, 120))
    expected = np.full(len(piece.score.notes), math.log2(0.7))
    periods = heard(TempoRule(piece, expected), piece, expected)
    np.testing.assert_allclose(periods[:40], 1.0, rtol=1e-6)
    np.testing.assert_allclose(periods[40:], 0.5, rtol=1e-6)


def test_a_shade_of_the_tempo_goes_as_far_as_the_model_takes_it_and_the_whole_lasts_as_long_as_it_says():
    piece = with_tempos(melody(bars=20), (0, 60), (40, 54), (48, 60))  # a little slower for two of twenty bars
    expected = np.where(np.abs(piece.score.notes["onset_quarter"] - 43.5) < 4, math.log2(1.3), 0.0)  # the model goes further
    periods = heard(TempoRule(piece, expected), piece, expected)
    np.testing.assert_allclose(periods[42:46] / periods[10], 1.3, rtol=1e-6)
    assert periods.sum() == pytest.approx(40 + 8 * 60 / 54 + 32, rel=0.005)


def test_no_tempo_of_its_own_is_held_over_three_bars_or_less():
    piece = with_tempos(melody(bars=20), (0, 120), (40, 60), (52, 120))
    expected = np.where(np.abs(piece.score.notes["onset_quarter"] - 45.5) < 6, 0.5, 0.0)
    periods = heard(TempoRule(piece, expected), piece, expected)
    assert periods[45] / periods[10] == pytest.approx(2**0.5, rel=1e-6)
    assert periods.sum() == pytest.approx(20 + 12 + 14, rel=0.005)


def test_what_is_said_is_a_mark_a_word_or_nothing():
    piece = melody(bars=20)

    def said(*rows, **more):
        return [(section.begin, section.said) for section in tempo_sections(with_tempos(piece, *rows, **more).score)]

    def held(*rows, **more):
        return held_sections(tempo_sections(with_tempos(piece, *rows, **more).score))

    assert said((0, 120)) == said() == [(0, "nothing")]  # 120 is what a MIDI file has that says nothing
    assert said((0, 120), has_markings=True) == said((0, 121)) == [(0, "mark")]
    adagio, presto = Word(0.0, "Adagio", "tempo"), Word(40.0, "Presto", "tempo")
    assert said(words=(adagio, presto)) == [(0, "word"), (40, "word")]
    assert said((0, 60), words=(presto,)) == [(0, "mark"), (40, "word")]
    assert said((0, 60), (40, 90), words=(presto,)) == [(0, "mark"), (40, "mark")]
    largo = (Word(0.0, "Largo", "tempo"), Word(20.0, "Largo", "tempo"))  # a repeat brings the word back, and no mark
    assert [round(60 * each.quarters / each.seconds) for each in held((0, 48), words=largo)] == [48]
    ritardando = [(0, 60), *((76 + place, 55 - 5 * place) for place in range(4))]
    assert said(*ritardando) == [(0, "mark"), (76, "mark")]  # a change a quarter is one section
    assert sum(section.seconds for section in tempo_sections(with_tempos(piece, *ritardando).score)) == pytest.approx(
        76 + 60 / 55 + 60 / 50 + 60 / 45 + 60 / 40
    )


def test_a_tempo_that_nobody_says_does_not_depend_on_how_many_voices_there_are():
    piece = read_piece(SCORES / "tempo_none_quartet.musicxml")
    score = piece.score
    soprano = score.notes["part"] == 0
    alone = replace(score, notes=score.notes[soprano], markings=score.markings[soprano])
    assert fitting_tempo(alone) == fitting_tempo(score)
    np.testing.assert_array_equal(melody_onsets(score.notes), np.unique(alone.notes["onset_quarter"]))
    slow, quick = (np.full(len(score.notes), math.log2(60 / tempo)) for tempo in (30, 180))
    for expected in (slow, quick):  # what the model makes of the crowd of notes does not count
        np.testing.assert_allclose(60 / heard(TempoRule(piece, expected), piece, expected), fitting_tempo(score), rtol=1e-6)
    assert 60 < fitting_tempo(score) < 160


def test_what_moves_below_the_melody_does_not_count_for_its_rhythm():
    tune = melody(bars=20, pitch_of=lambda index: 80 + index % 5).score
    below = tune.notes.copy()
    below["onset_quarter"] += 0.5
    below["pitch"] -= 24
    both = np.concatenate([tune.notes, below])
    both = both[np.lexsort((both["pitch"], both["onset_quarter"]))]
    assert melody_onsets(both).tolist() == melody_onsets(tune.notes).tolist() == list(range(80))
    assert fitting_tempo(replace(tune, notes=both)) == fitting_tempo(tune)


def test_a_performance_that_strays_from_its_plan_is_brought_back():
    piece = melody(bars=40)
    rule = TempoRule(piece, np.full(200, math.log2(0.6)))
    slower = np.full(200, math.log2(0.6 * 1.3))  # than the model was expected to be
    assert heard(rule, piece, slower).sum() == pytest.approx(160 * 0.6, rel=0.08)
    kept = heard(rule, piece, slower, parse_settings(CONTROLS, ["tempo_from=model"])).sum()
    assert kept == pytest.approx(160 * 0.6 * 1.3, rel=1e-6)


def test_no_beat_is_slower_than_a_third_of_its_surroundings_or_three_times_as_fast():
    piece = melody(bars=20)
    for factor in (16, 1 / 16):
        expected = np.full(100, math.log2(0.6))
        expected[[52, 98, 99]] += math.log2(factor)  # a beat in the middle, and the last two
        periods = heard(TempoRule(piece, expected), piece, expected, parse_settings(CONTROLS, ["tempo_from=model"]))
        assert (np.abs(np.log2(periods / np.median(periods))) < math.log2(3)).all()
        assert np.abs(np.log2(periods / np.median(periods))).max() > 1  # it is still heard


def eighths_heard(octaves):
    """Return how many times as slow as their surroundings the two eighths of a beat are heard that would be slower by ``octaves``."""
    tune = melody(bars=40)
    tune.score.notes["onset_quarter"] /= 2
    tune.score.notes["duration_quarter"] /= 2
    expected = np.full(200, math.log2(0.6))
    expected[125:128] += np.array(octaves)[[0, 0, 1]]  # a chord and a note
    periods = heard(TempoRule(tune, expected), tune, expected, parse_settings(CONTROLS, ["tempo_from=model"]))
    return (periods / np.median(periods))[100:102]


def test_part_of_a_beat_may_be_slower_where_the_rest_is_not():
    assert eighths_heard([0, 2]) == pytest.approx([1, 4], rel=0.01)  # 5 / 2 of a beat
    both = eighths_heard([2, 2])
    assert (both < 3).all() and both.mean() > 2.5
    assert 1 + eighths_heard([0, 6])[1] < 2 * 3  # the beat as a whole
    first = eighths_heard([2, 0])
    assert first[0] < 3 and first[1] == pytest.approx(1, rel=0.01)


def test_bounds_have_no_kink():
    values = np.linspace(-4, 4, 4001)
    within = np.array([bounded(value, 1.5) for value in values])
    slopes = np.diff(within) / np.diff(values)
    assert (np.abs(within) < 1.5).all() and (slopes > 0).all() and np.abs(np.diff(slopes)).max() < 0.02
    assert bounded(0.5, 1.5) == 0.5


def test_a_long_last_note_is_no_part_of_its_surroundings():
    piece = melody(bars=20)
    piece.score.notes["duration_quarter"][-1] = 30.0
    expected = np.full(100, math.log2(0.6))
    expected[-1] = math.log2(16.0)  # 3.75 quarters a minute
    periods = heard(TempoRule(piece, expected), piece, expected)
    assert periods[-1] < 3 * np.median(periods)
    assert 60 / np.median(periods[:-1]) == pytest.approx(100, rel=0.3)
