"""Adai's momentum depends on how a weight's gradients compare with those of the whole model."""

import numpy as np
import pytest

import mxcore as mx


def walk(grads: list[list[float]], **settings: object) -> list[float]:
    """Return where these gradients lead several parameters from 0, at a learning rate of 1."""
    updater = mx.optimizer.get_updater(mx.optimizer.Adai(1.0, **settings))
    weights = [np.zeros(1) for _ in grads[0]]
    for some in grads:
        updater(list(range(len(weights))), [np.full(1, grad) for grad in some], weights)
    return [weight.item() for weight in weights]


def test_the_share_of_a_new_gradient_grows_with_its_square_over_the_mean_of_all() -> None:
    """With both signs of a gradient g, the second step is r · g / (2 - r) for a share of r."""
    shares = [0.1 * 9 / 5, 0.1 * 1 / 5]
    expected = [-grad * (1 - share / (2 - share)) for grad, share in zip((3.0, 1.0), shares, strict=True)]
    assert walk([[3.0, 1.0], [-3.0, -1.0]]) == pytest.approx(expected)


def test_the_first_step_is_the_gradient_and_one_of_zero_changes_nothing() -> None:
    assert walk([[3.0, 0.0]]) == pytest.approx([-3.0, 0.0])


@pytest.mark.parametrize("settings", [{"epsilon": 1.0}, {"beta0": 1e9}])
def test_without_momentum_it_is_sgd(settings: dict[str, float]) -> None:
    assert walk([[3.0, 1.0], [-1.0, 0.5]], **settings) == pytest.approx([-2.0, -1.5])


def test_a_new_gradient_counts_at_least_epsilon() -> None:
    assert walk([[1e-9, 1.0], [1.0, 1.0]], beta2=0.0, epsilon=0.5)[0] == pytest.approx(-0.5 / 0.75)
