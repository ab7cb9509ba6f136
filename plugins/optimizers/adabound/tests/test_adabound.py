"""AdaBound's step sizes stay between bounds that close in on those of SGD."""

import numpy as np
import pytest

import mxcore as mx


def walk(grads: list[list[float]], **settings: object) -> np.ndarray:
    """Return where these gradients lead from 0, at a learning rate of 0.5."""
    weight, update = np.zeros(len(grads[0])), mx.optimizer.get_updater(mx.optimizer.AdaBound(0.5, **settings))
    for grad in grads:
        update("weight", np.array(grad), weight)
    return weight


def test_tiny_and_huge_gradients_meet_the_bounds() -> None:
    assert walk([[1e-6, 1e3]], final_scale=4.0, gamma=1.0, beta1=0.0) == pytest.approx([-0.5 * 8e-6, -0.5 * 2e3])


def test_once_the_bounds_have_met_it_is_sgd_with_momentum() -> None:
    found = walk([[1.0, 100.0], [-3.0, 100.0]], final_scale=0.1, gamma=1e12, beta1=0.5)
    assert found == pytest.approx([-0.05 * (0.5 - 1.25), -0.05 * (50 + 75)])


def test_amsbound_remembers_the_largest_variance() -> None:
    settings = {"final_scale": 1.0, "gamma": 1e-6, "beta1": 0.0, "beta2": 0.0, "epsilon": 0.0}
    assert walk([[10.0], [1.0]], **settings, amsbound=True) == pytest.approx([-0.5 - 0.05])
    assert walk([[10.0], [1.0]], **settings) == pytest.approx([-0.5 - 0.5])


def test_decay_may_be_decoupled() -> None:
    weight, settings = np.ones(1), {"wd": 0.25, "decoupled_wd": True}
    mx.optimizer.get_updater(mx.optimizer.AdaBound(0.5, **settings))("weight", np.zeros(1), weight)
    assert weight == pytest.approx([1 - 0.5 * 0.25])
