"""DoWG weights each gradient by the distance covered when it came."""

import numpy as np
import pytest

import mxcore as mx


def test_early_gradients_have_the_weight_of_the_distance_then() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.DoWG(d0=2.0, epsilon=0.0))
    weights = [np.zeros(1), np.zeros(1)]
    update(["a", "b"], [np.array([3.0]), np.array([4.0])], weights)  # 4 over 2 · 5
    np.testing.assert_allclose(weights, [[-1.2], [-1.6]])  # as far as d0
    update(["a", "b"], [np.array([0.0]), np.array([12.0])], weights)
    np.testing.assert_allclose(weights, [[-1.2], [-1.6 - 12 * 4 / (4 * 25 + 4 * 144) ** 0.5]])
    square = 1.2**2 + float(weights[1][0]) ** 2
    update(["a", "b"], [np.array([1.0]), np.array([0.0])], weights)
    assert square > 4
    assert update.optimizer.model_numbers == pytest.approx({"square": square, "weighted": 676 + square})


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_it_gets_to_the_bottom_whatever_the_curvature(scale: float) -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.DoWG()), np.array([1.0, -2.0])
    for _ in range(200):
        update("w", scale * weight, weight)
    assert np.abs(weight).max() < 1e-6
