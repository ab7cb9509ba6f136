"""Centralized gradients have a mean of 0 along each row; vectors are left alone."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("shape", [(5, 4), (5, 3, 2, 2)])
def test_each_row_of_a_step_has_mean_zero(shape: tuple[int, ...]) -> None:
    weight, grad = np.zeros(shape), np.random.default_rng(1).normal(size=shape)
    mx.optimizer.get_updater(mx.optimizer.Centralized("sgd", learning_rate=1.0))("w", grad, weight)
    axes = tuple(range(1, len(shape)))
    np.testing.assert_allclose(weight, grad.mean(axes, keepdims=True) - grad, rtol=1e-12)


@pytest.mark.parametrize(("shape", "only"), [((5,), False), ((), False), ((5, 4), True)])
def test_other_gradients_are_left_alone(shape: tuple[int, ...], only: bool) -> None:
    weight, grad = np.zeros(shape), np.random.default_rng(1).normal(size=shape)
    optimizer = mx.optimizer.Centralized("sgd", convolutions_only=only, learning_rate=1.0)
    mx.optimizer.get_updater(optimizer)("w", np.asarray(grad), weight)
    np.testing.assert_array_equal(weight, -grad)
