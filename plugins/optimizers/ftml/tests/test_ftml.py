"""FTML's first step has the size of its learning rate, and a rate of 0 stops it."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_first_step_is_the_learning_rate_whatever_the_scale_of_the_gradient(scale: float) -> None:
    weight = np.ones(2)
    mx.optimizer.get_updater(mx.optimizer.FTML(learning_rate=0.01))(0, scale * np.array([1.0, -2.0]), weight)
    np.testing.assert_allclose(weight, [0.99, 1.01], rtol=1e-6)


def test_ftml_leaves_everything_as_it_is_at_a_rate_of_zero() -> None:
    weight, optimizer = np.ones(2), mx.optimizer.FTML()
    updater = mx.optimizer.get_updater(optimizer)
    updater(0, np.array([1.0, 0.0]), weight)
    before = [array.tobytes() for array in (weight, *updater.states[0])]
    optimizer.set_learning_rate(0.0)
    updater(0, np.array([1.0, 0.0]), weight)
    assert [array.tobytes() for array in (weight, *updater.states[0])] == before
