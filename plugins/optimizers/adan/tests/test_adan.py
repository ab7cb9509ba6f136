"""Adan's momentum looks ahead by the difference of two gradients."""

import numpy as np
import pytest

import mxcore as mx


def test_the_first_difference_is_zero_wherever_counting_begins() -> None:
    for begin in (0, 100):
        update = mx.optimizer.get_updater(mx.optimizer.Adan(begin_num_update=begin))
        update(0, np.full(1, 3.0), np.zeros(1))
        mean, difference, variance, previous = update.states[0]
        assert (difference.item(), previous.item()) == (0.0, 3.0)
        assert (mean.item(), variance.item()) == pytest.approx((0.02 * 3, 0.01 * 9))


def test_momentum_and_variance_see_the_gradient_ahead() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Adan(0.1, beta1=0.0, beta2=0.5, beta3=0.0))
    weight = np.zeros(1)
    update(0, np.full(1, 1.0), weight)
    before = weight.copy()
    update(0, np.full(1, 3.0), weight)  # the difference is 0.5 · 2 now, and 4/3 once corrected
    assert (before - weight).item() == pytest.approx(0.1 * (3 + 0.5 * 4 / 3) / (3 + 0.5 * 2))


def test_weight_decay_divides_or_multiplies() -> None:
    for proximal, wanted in ((True, 2 / 1.25), (False, 2 * 0.75)):
        weight = np.full(1, 2.0)
        update = mx.optimizer.get_updater(mx.optimizer.Adan(0.5, wd=0.5, proximal_wd=proximal))
        update(0, np.zeros(1), weight)
        assert weight.tolist() == [wanted]
