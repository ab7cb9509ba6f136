"""Yogi's variance changes by a share of the squared gradient, however large it is itself."""

import numpy as np
import pytest

import mxcore as mx


def test_the_variance_does_not_forget_a_large_gradient_at_once() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Yogi(beta2=0.5, initial_accumulator=0.0))
    seen = []
    for grad in (8.0, 1.0, 1.0):
        update(0, np.full(1, grad), np.zeros(1))
        seen.append(update.states[0][1].item())
    assert seen == [32.0, 31.5, 31.0]


def test_both_moments_begin_at_the_accumulator_which_then_stays() -> None:
    optimizer = mx.optimizer.Yogi(initial_accumulator=0.25)
    assert [one.tolist() for one in optimizer.create_state(0, np.zeros(2))] == [[0.25, 0.25], [0.25, 0.25]]
    mx.optimizer.get_updater(optimizer)(0, np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match="initial_accumulator determines which state is kept"):
        optimizer.initial_accumulator = 1.0
