"""Adaptive clipping bounds the gradient of each unit by a fraction of the norm of its weights."""

import numpy as np

import mxcore as mx


def step(weight: list[list[float]], grad: list[list[float]], clipping: float = 0.1) -> list[list[float]]:
    after = np.array(weight)
    mx.optimizer.get_updater(mx.optimizer.AGC("sgd", clipping, learning_rate=1.0))("w", np.array(grad), after)
    return (weight - after).round(6).tolist()  # type: ignore[no-any-return]


def test_units_are_clipped_on_their_own() -> None:
    assert step([[3.0, 4.0], [30.0, 40.0]], [[0.0, 2.0], [0.0, 2.0]]) == [[0, 0.5], [0, 2]]


def test_weights_of_zero_can_move() -> None:
    assert step([[0.0, 0.0]], [[0.0, 2.0]]) == [[0, 1e-4]]


def test_a_gradient_of_zero_is_no_division_by_zero() -> None:
    assert step([[3.0, 4.0]], [[0.0, 0.0]]) == [[0, 0]]
