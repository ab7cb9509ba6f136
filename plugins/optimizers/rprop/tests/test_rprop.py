"""Rprop looks at signs only."""

import numpy as np
import pytest

import mxcore as mx


def test_steps_grow_with_the_same_sign_and_shrink_without_moving_when_it_changes() -> None:
    weight, update, seen = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.Rprop(1.0, eta_plus=2.0)), []
    for grad in (1e-30, 5.0, -1.0, -1.0, -1.0):
        update(0, np.full(1, grad), weight)
        seen.append(weight.item())
    assert seen == [-1.0, -3.0, -3.0, -2.0, 0.0]


def test_tiny_gradients_have_signs_too() -> None:
    weight, update = np.zeros(1, np.float32), mx.optimizer.get_updater(mx.optimizer.Rprop(1.0, eta_plus=2.0))
    for _ in range(2):
        update(0, np.full(1, 1e-30, np.float32), weight)
    assert weight.tolist() == [-3.0]


def test_steps_stay_within_their_bounds_from_the_first_on() -> None:
    weight, update = np.zeros(2), mx.optimizer.get_updater(mx.optimizer.Rprop(9.0, step_min=1.0, step_max=2.0))
    for grads in ([1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]):
        update(0, np.array(grads), weight)
    assert weight.tolist() == [-8.0, -3.0]
    with pytest.raises(ValueError, match=r"step_max must be at least step_min=1.0, got 0.5"):
        mx.optimizer.Rprop(step_min=1.0, step_max=0.5)
