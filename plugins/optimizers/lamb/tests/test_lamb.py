"""LAMB's step has the norm of the weight times the learning rate, within bounds."""

import numpy as np
import pytest

import mxcore as mx


def step_of(weight: list[float], grad: list[float], **settings: float) -> float:
    after = np.array(weight)
    mx.optimizer.get_updater(mx.optimizer.LAMB(0.5, **settings))(0, np.array(grad), after)
    return float(np.linalg.norm(after - weight))


@pytest.mark.parametrize(("bounds", "norm"), [({}, 5.0), ({"lower_bound": 7.0}, 7.0), ({"upper_bound": 2.0}, 2.0)])
def test_the_step_has_the_norm_of_the_weight_within_bounds(bounds: dict[str, float], norm: float) -> None:
    assert step_of([3.0, -4.0], [0.1, 70.0], **bounds) == pytest.approx(0.5 * norm)


def test_where_a_norm_is_zero_the_step_is_adams() -> None:
    assert step_of([0.0], [3.0]) == pytest.approx(0.5)
    assert step_of([1.0], [0.0]) == 0
