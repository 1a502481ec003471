"""Strokes that are drawn one by one: what is known of those before, and what is drawn."""

import copy

import numpy as np
import pytest
from made_up_drawing import head_of_chances, made_up_drawing

from engine.performers.drums.expression import DrumExpression
from models.drums.drawing import FEATURES, PAST_INPUTS, TIMING, VELOCITY, Drawing, Past, Stroke, amount_columns, load_drawing, named
from models.drums.representation import ROLES

AVERAGED = (4, 16, 64)


def strokes_by_chance(count):
    random = np.random.default_rng(3)
    times_s = np.cumsum(random.choice([0.0, 0.02, 0.2, 0.4], count))
    strokes = [Stroke(int(random.integers(3)), int(random.integers(4)), float(time_s)) for time_s in times_s]
    return strokes, np.stack([random.integers(1, 128, count), random.normal(0, 20, count)], 1)


def known_of(before, played, stroke):
    """Return what is known before a stroke, worked out anew from all of the take."""
    values = [((velocity - 64) / 32, timing_ms / 30) for velocity, timing_ms in played]

    def average(rows, longest):
        found = (0.0, 0.0)
        for number, row in enumerate(rows, 1):
            rate = max(1 / longest, 1 / number)
            found = tuple(old + rate * (new - old) for old, new in zip(found, values[row], strict=True))
        return found

    def last(rows, count):
        return [values[row] for row in rows[::-1][:count]] + [(0.0, 0.0)] * max(count - len(rows), 0)

    everyone = list(range(len(before)))
    own = [row for row in everyone if before[row].role == stroke.role]
    here = [row for row in own if before[row].place == stroke.place]
    by_role = [[row for row in everyone if before[row].role == role] for role in range(ROLES)]
    since = [stroke.time_s - before[rows[-1]].time_s if rows else np.inf for rows in by_role]
    together = [float(each < 0.03) for each in since]
    lasts = [last(rows, 1)[0] for rows in by_role]
    parts = [
        *(last(own, 4), [len(own) > lag for lag in range(4)], [average(own, each) for each in AVERAGED], [np.log1p(len(own)) / 3]),
        *(last(here, 2), [average(here, 8)], [len(here) > 0, len(here) > 1, np.log1p(len(here))]),
        *([average(everyone, each) for each in AVERAGED], last(everyone, 3), [np.log1p(len(everyone)) / 3]),
        *(lasts, np.exp(-np.array(since)), [(a * near, b * near) for (a, b), near in zip(lasts, together, strict=True)], together),
    ]
    return np.concatenate([np.ravel(np.array(part, float)) for part in parts])


def test_what_is_known_of_the_strokes_before_is_as_worked_out_anew():
    strokes, played = strokes_by_chance(120)
    past = Past()
    for row, (stroke, drawn) in enumerate(zip(strokes, played.tolist(), strict=True)):
        found = past.inputs(stroke)
        assert found.shape == (PAST_INPUTS,)
        np.testing.assert_allclose(found, known_of(strokes[:row], played[:row].tolist(), stroke), atol=1e-4)
        past.add(stroke, drawn)


def test_each_velocity_and_each_bin_of_timing_has_its_chance():
    velocities, bounds = np.array([40.0, 127.0]), (np.array([-20.0, 0.0]), np.array([0.0, 10.0]))
    heads = {VELOCITY: head_of_chances([0.25, 0.75], velocities, velocities), TIMING: head_of_chances([0.5, 0.5], *bounds)}
    drawing, past, random = made_up_drawing(heads), Past(), np.random.default_rng(0)
    read = drawing.read(np.zeros((1, len(FEATURES["groove"])), np.float32))[0]
    drawn = np.array([drawing.draw(read, past, Stroke(0, 0, number / 4), random.random(2).tolist()) for number in range(4000)])
    assert set(drawn[:, 0]) == {40.0, 127.0} and np.mean(drawn[:, 0] == 127) == pytest.approx(0.75, abs=0.03)
    early = drawn[drawn[:, 1] < 0, 1]
    assert len(early) / 4000 == pytest.approx(0.5, abs=0.03) and early.mean() == pytest.approx(-10, abs=0.5)
    assert drawn[:, 1].min() >= -20 and 9 < drawn[:, 1].max() <= 10


def test_a_network_reads_names_amounts_the_past_and_what_is_drawn_as_one_product():
    random = np.random.default_rng(5)
    drawing = made_up_drawing(by_chance=random)
    head, features = drawing.heads[TIMING], random.integers(0, 4, (1, len(FEATURES["groove"]))).astype(np.float32)
    past, stroke = Past(), Stroke(1, 3, 0.0)
    past.add(Stroke(0, 0, -1.0), [90.0, 12.0])
    known, shares = past.inputs(stroke), [0.3, 0.6]
    velocity, timing_ms = drawing.draw(drawing.read(features)[0], past, stroke, shares)
    called = np.zeros(sum(head.first.shape[:1]) - len(amount_columns("groove")) - PAST_INPUTS - 1)
    called[named("groove", features)[0]] = 1
    sized = (features[0, amount_columns("groove")] - drawing.centre) / drawing.scale
    inputs = np.concatenate([called, sized.clip(-4, 4), known, [(velocity - 64) / 32]])

    def silu(values):
        return values / (1 + np.exp(-values))

    hidden = silu(silu(inputs @ head.first + head.first_bias) @ head.second + head.second_bias)
    chances = np.exp(hidden @ head.last + head.last_bias)
    above = np.cumsum(chances) / chances.sum()
    index = int(np.sum(above <= shares[1]))
    inside = (shares[1] - (above[index - 1] if index else 0)) / (chances[index] / chances.sum())
    assert timing_ms == pytest.approx(head.low[index] + inside * (head.high[index] - head.low[index]), abs=1e-3)


@pytest.fixture
def drawing():
    return made_up_drawing(by_chance=np.random.default_rng(1))


def choose(drawing, temperature, count=40, seed=2):
    expression = DrumExpression(seed, {"temperature": temperature}, drawing)
    features = np.random.default_rng(0).integers(0, 4, (count, len(FEATURES["groove"]))).astype(np.float32)
    read = expression.read(features)
    strokes = [Stroke(number % 3, number % 16, number / 8) for number in range(count)]
    return np.array([expression.choose([60.1, -3.7], read[row], stroke) for row, stroke in enumerate(strokes)])


def test_temperature_says_how_far_from_the_likeliest_to_what_is_drawn(drawing):
    assert choose(drawing, 0).tolist() == [[60.1, -3.7]] * 40  # exactly
    whole, half, twice = (choose(drawing, temperature) - [60.1, -3.7] for temperature in (1, 0.5, 2))
    assert len(set(whole[:, 0].round(6))) > 10
    np.testing.assert_allclose(half, whole / 2, atol=1e-9)
    np.testing.assert_allclose(twice, whole * 2, atol=1e-9)
    assert (choose(drawing, 1, seed=3) != choose(drawing, 1)).any()


def test_streams_share_networks_and_not_what_was_drawn(drawing):
    expression = DrumExpression(0, {"temperature": 1}, drawing)
    other = copy.deepcopy(expression)
    assert other._drawing is drawing
    read = expression.read(np.zeros((1, len(FEATURES["groove"])), np.float32))[0]
    first = [expression.choose([60, 0], read, Stroke(0, 0, number)) for number in range(5)]
    assert [other.choose([60, 0], read, Stroke(0, 0, number)) for number in range(5)] == first


def test_a_file_is_read_as_it_was_written_and_another_is_refused(drawing, tmp_path):
    path = tmp_path / "drawing.safetensors"
    drawing.save(path)
    np.testing.assert_array_equal(choose(load_drawing("groove", path), 1), choose(drawing, 1))
    with pytest.raises(ValueError, match="do not read the"):
        load_drawing("live", path)
    heads = {VELOCITY: drawing.heads[VELOCITY]}
    Drawing("groove", heads, drawing.centre, drawing.scale).save(path)
    with pytest.raises(ValueError, match="no networks of the drummer's"):
        load_drawing("groove", path)
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match="no networks of the drummer's"):
        load_drawing("groove", path)
