"""The sustain pedal within a span: its moves, and whole pedals from spans."""

import numpy as np

from models.performance.pedal import Pedal, decode_pedal, encode_pedal, span_steps


def test_a_span_has_one_move_and_a_second_where_the_pedal_returns():
    assert span_steps(0.2, 0.5, 1.0, 0.9) == [(0.5, 0.2)]
    assert span_steps(0.2, 0.5, 0.75, 0.9) == [(0.5, 0.2), (0.75, 0.9)]
    assert span_steps(0.2, 0.5, 0.25, 0.9) == [(0.5, 0.2), (0.5, 0.9)]  # it cannot return before it has moved


def test_the_pedal_of_spans_is_that_of_their_moves():
    edges = np.array([1.0, 2.0, 4.0])
    pedal = Pedal(np.array([1.0, 1.25, 1.75, 3.0]), np.array([127, 0, 100, 40]))
    encoded = encode_pedal(pedal, edges)
    np.testing.assert_allclose(encoded, [[1, 0, 0.25, 0.75], [100 / 127, 40 / 127, 0.5, 1]])
    decoded = decode_pedal(encoded, edges)
    np.testing.assert_allclose(decoded.time_sec, [*pedal.time_sec, 4.0])  # it is up after the last edge
    assert decoded.value.tolist() == [127, 0, 100, 40, 0]


def test_of_several_moves_at_one_time_the_last_stands():
    decoded = decode_pedal(np.array([[0.5, 1.0, 0.0, 0.0], [0.25, 0.25, 0.0, 1.0]]), np.array([0.0, 1.0, 2.0]))
    assert decoded.time_sec.tolist() == [0.0, 2.0] and decoded.value.tolist() == [32, 0]
