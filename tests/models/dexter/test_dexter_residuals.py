"""Performances drawn note by note around the mean."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_residuals import residuals_that_repeat

from models.dexter.representation import Passage, Scales, Settings
from models.dexter.residuals import (
    DRAWN_INPUTS,
    OF_ANCHORS,
    OF_NOTES,
    ORDER,
    PAST_INPUTS,
    SCORE_INPUTS,
    WHOLE,
    Past,
    Scored,
    drawn_inputs,
    load_residuals,
)
from models.dexter.windows import WindowSampler, perform
from models.layers.heads import Head
from models.performance.features import FEATURES, at_played_tempo
from models.performance.representation import BEAT_PERIOD, COLUMNS, VELOCITY

NOTES = 150


@pytest.fixture
def residuals():
    return residuals_that_repeat()


def scored(seed=0):
    random = np.random.default_rng(seed)
    begins = np.arange(NOTES) % 3 == 0
    base = random.normal(0, 0.5, (NOTES, COLUMNS)).astype(np.float32)
    base[:, OF_ANCHORS] = np.repeat(base[begins][:, OF_ANCHORS], 3, axis=0)
    return Scored(random.normal(size=(NOTES, len(FEATURES))).astype(np.float32), base, np.full(NOTES, 3.0), begins)


def part(notes, rows):
    return Scored(*(each[rows] for each in notes))


def test_where_it_is_cut_makes_no_difference_and_the_past_is_left_alone(residuals):
    notes, uniform = scored(), np.random.default_rng(1).random((NOTES, COLUMNS))
    whole, _ = residuals.draw(notes, Past(), uniform)
    past, pieces = Past(), []
    for rows in (slice(0, 1), slice(1, 50), slice(50, 51), slice(51, NOTES)):
        again, _ = residuals.draw(part(notes, rows), past, uniform[rows])
        columns, past = residuals.draw(part(notes, rows), past, uniform[rows])
        np.testing.assert_array_equal(again, columns)
        pieces.append(columns)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def drawn_often(residuals, times):
    random = np.random.default_rng(1)
    return np.array([residuals.draw(scored(), Past(), random.random((NOTES, COLUMNS)))[0] for _ in range(times)])


def test_notes_of_an_anchor_have_its_tempo_and_pedal_and_each_bin_its_chance(residuals):
    """The bins of velocity are -1 to 0, a quarter of all, and 0 to 2."""
    notes = scored()
    columns = drawn_often(residuals, 40)
    assert (columns[:, 1::3, OF_ANCHORS] == columns[:, ::3, OF_ANCHORS]).all()
    residual = (columns - notes.base)[:, :, VELOCITY]
    assert (residual < 0).mean() == pytest.approx(0.25, abs=0.02)
    assert np.quantile(residual[residual > 0], [0.25, 0.75]) == pytest.approx([0.5, 1.5], abs=0.05)


def test_what_was_before_is_heard(residuals):
    """The tempo goes on as the anchor before it did."""
    columns = drawn_often(residuals, 60)
    tempo = (columns - scored().base)[:, ::3, BEAT_PERIOD]
    assert np.corrcoef(tempo[:, 1:].ravel(), tempo[:, :-1].ravel())[0, 1] > 0.4


def test_a_column_knows_those_before_it_alone():
    known, other = np.arange(1.0, COLUMNS + 1), np.arange(1.0, COLUMNS + 1)
    for place, column in enumerate(ORDER):
        other[list(ORDER[place:])] += 5
        np.testing.assert_array_equal(drawn_inputs(column, known, known, np.array(2.0)), drawn_inputs(column, other, other, np.array(2.0)))
        other[:] = known
    assert drawn_inputs(ORDER[0], known, known, np.array(2.0)).any() == np.False_
    assert drawn_inputs(ORDER[1], known, known, np.array(2.0))[[BEAT_PERIOD, COLUMNS + BEAT_PERIOD, -1]].tolist() == [1, 1, 2]


def plainly_drawn(residuals, notes, uniform):
    """One performance, each value from all that its network reads, put together and run anew."""
    past, performed = Past(), []
    for note, begins in enumerate(notes.begins):
        if begins:
            past.begin_anchor()
        base, pitch = notes.base[note], 2 * notes.features[note, FEATURES.index("pitch")]
        read = np.concatenate([notes.inputs()[note], past.inputs(pitch)])
        read = np.clip((read - residuals.centre) / residuals.scale, -6, 6)
        columns = np.zeros(COLUMNS)
        columns[OF_ANCHORS] = past.anchor_columns
        for column in ORDER if begins else ORDER[len(OF_ANCHORS) :]:
            seconds = at_played_tempo(columns[None], notes.notated[note])[0]
            head, drawn = residuals.heads[column], drawn_inputs(column, columns - base, columns, seconds)
            hidden = np.concatenate([read, drawn]) @ head.first + head.first_bias
            hidden = (hidden / (1 + np.exp(-hidden))) @ head.second + head.second_bias
            odds = np.exp((hidden / (1 + np.exp(-hidden))) @ head.last + head.last_bias)
            ends = np.cumsum(odds / odds.sum())
            number = int(np.flatnonzero(ends > uniform[note, column])[0])
            share = 1 - (ends[number] - uniform[note, column]) / (odds / odds.sum())[number]
            value = head.low[number] + share * (head.high[number] - head.low[number])
            columns[column] = value if column in WHOLE else base[column] + value
        residual = (columns - base).astype(np.float32)
        if begins:
            past.set_anchor(residual[OF_ANCHORS], columns[OF_ANCHORS].astype(np.float32))
        past.add_note(pitch, residual[OF_NOTES])
        performed.append(columns)
    return np.array(performed)


def networks_by_chance(residuals):
    random = np.random.default_rng(5)
    shapes = (SCORE_INPUTS + PAST_INPUTS + DRAWN_INPUTS, 5), (5,), (5, 7), (7,), (7, 9), (9,)
    edges = np.linspace(-2, 2, 10).astype(np.float32)
    layers = {column: [random.normal(0, 0.4, shape).astype(np.float32) for shape in shapes] for column in ORDER}
    heads = {column: Head(*parts, edges[:-1], edges[1:]) for column, parts in layers.items()}
    sizes = random.uniform(0.5, 2, (2, SCORE_INPUTS + PAST_INPUTS)).astype(np.float32)
    return replace(residuals, heads=heads, centre=sizes[0] - 1, scale=sizes[1])


def test_drawing_is_what_the_networks_say_of_all_that_learning_read(residuals):
    networks, uniform = networks_by_chance(residuals), np.random.default_rng(2).random((NOTES, COLUMNS))
    columns, _ = networks.draw(scored(), Past(), uniform)
    np.testing.assert_allclose(columns, plainly_drawn(networks, scored(), uniform), atol=2e-3)
    assert np.abs(columns - scored().base).std(axis=0).min() > 0.3


def test_what_was_before_a_note_has_its_place():
    """Of one performance: two notes of an anchor, then one of the next, a fourth above the nearer one."""
    past = Past()
    past.begin_anchor()
    past.set_anchor(np.array([1, 2, 3, 4, 5], np.float32), np.array([6, 7, 8, 9, 10], np.float32))
    past.add_note(-0.5, np.array([1, 2, 3], np.float32))
    past.add_note(0.5, np.array([3, 4, 5], np.float32))
    in_chord = past.inputs(1.0)[-13:].tolist()
    assert in_chord[:7] == [3, 4, 5, 2, 3, 4, 1]
    assert in_chord[7:12] == [6, 7, 8, 9, 10]
    assert in_chord[12] == pytest.approx(np.log(3) / 4)
    past.begin_anchor()
    known = past.inputs(0.9)
    assert known[:4].tolist() == [1, 1, 1, 1]  # one anchor so far: the average is its tempo
    assert known[4:8].tolist() == [2, 2, 2, 2]  # of the velocity of two notes
    assert known[32:37].tolist() == [1, 2, 3, 4, 5]
    assert known[47:50].tolist() == [2, 3, 4]
    assert known[56:60] == pytest.approx([3, 4, 5, 0.4])


def test_a_file_of_it_is_it_and_another_is_refused(residuals, tmp_path):
    path = tmp_path / "residuals.safetensors"
    residuals.save(path)
    stored = path.read_bytes()
    for _ in range(8):
        residuals.save(path)
        assert path.read_bytes() == stored
    uniform = np.full((NOTES, COLUMNS), 0.3)
    expected = residuals.draw(scored(), Past(), uniform)[0]
    np.testing.assert_array_equal(load_residuals(path).draw(scored(), Past(), uniform)[0], expected)
    cut = {column: head._replace(first=head.first[1:]) for column, head in residuals.heads.items()}
    replace(residuals, heads=cut).save(path)
    with pytest.raises(ValueError, match=f"do not read the {SCORE_INPUTS + PAST_INPUTS} inputs that there are; fit them again"):
        load_residuals(path)
    path.write_bytes(b"none")
    with pytest.raises(ValueError, match="it is no file of residuals"):
        load_residuals(path)


class Flat:
    """Networks whose mean is what the features say; they have no denoiser."""

    descriptors = 7

    def mean(self, features, descriptors, known):
        return features[:, :COLUMNS], np.zeros((len(features), 3), np.float32)


def windows(residuals, window, seed=0):
    notes = scored()
    known = {"anchors": np.cumsum(notes.begins), "notated_octaves": notes.notated}
    passage = Passage(np.concatenate([notes.base, notes.features[:, COLUMNS:]], axis=1), np.zeros((NOTES, 2)), **known)
    ones = np.ones(COLUMNS)
    return WindowSampler(Flat(), Scales(ones, 2 * ones, 0 * ones, ones, ones), window, passage, seed, draws=residuals)


def test_windows_go_on_where_the_last_one_ended(residuals):
    performed = [perform(windows(residuals, window), Settings(), NOTES) for window in (20, 64)]
    np.testing.assert_allclose(*performed, atol=1e-5)
    assert np.abs(perform(windows(residuals, 64, seed=1), Settings(), NOTES) - performed[1]).max() > 0.5


def test_the_mean_rendering_is_as_without_and_between_the_temperature_decides(residuals):
    sampler = windows(residuals, 64)
    mean = perform(sampler, Settings(temperature=0.0), NOTES)
    np.testing.assert_array_equal(mean, perform(windows(None, 64), Settings(temperature=0.0), NOTES))
    wide, drawn = mean - scored().base, perform(sampler, Settings(), NOTES) - scored().base
    assert wide == pytest.approx(scored().base, abs=1e-5)  # of the gain 2
    assert (np.abs(drawn[:, list(WHOLE)]) > 1e-3).any()
    half = perform(sampler, Settings(temperature=0.5), NOTES) - scored().base
    np.testing.assert_allclose(half, (np.sqrt(1 + 0.75 * 3) - 1) * scored().base + 0.5 * drawn, atol=1e-4)
