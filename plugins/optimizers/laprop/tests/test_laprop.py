"""LaProp's momentum is one of scaled gradients."""

import numpy as np
import pytest

import mxcore as mx


def steps(grads: list[float], rates: list[float]) -> list[float]:
    """Return the steps with no memory in the scale, but in the mean."""
    update = mx.optimizer.get_updater(mx.optimizer.LaProp(beta1=0.5, beta2=0.0))
    weight, found = np.zeros(1), []
    for grad, rate in zip(grads, rates, strict=True):
        update.optimizer.learning_rate = rate
        before = weight.copy()
        update(0, np.full(1, grad), weight)
        found.append((before - weight).item())
    return found


def test_gradients_of_any_size_count_equally_in_the_mean() -> None:
    assert steps([1.0, -1e6], [0.5, 0.5]) == pytest.approx([0.5, 0.5 * (0.25 - 0.5) / 0.75])


def test_a_gradient_counts_with_the_rate_it_was_seen_at() -> None:
    assert steps([1.0, -1.0, 5.0], [1.0, 0.5, 0.0]) == pytest.approx([1.0, 0.0, 0.0])


def test_the_decay_comes_after_the_step() -> None:
    weight = np.zeros(1)
    mx.optimizer.get_updater(mx.optimizer.LaProp(0.5, wd=1.0))("weight", np.full(1, -3.0), weight)
    assert weight == pytest.approx([0.25])
