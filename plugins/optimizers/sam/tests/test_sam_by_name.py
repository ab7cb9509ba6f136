"""The optimizer `sam` updates as the one it wraps, and its updater has the two steps of `mx.SAM`."""

import numpy as np

import mxcore as mx


def test_its_updater_takes_the_steps_of_sam_with_the_numbers_that_it_has_now() -> None:
    optimizer = mx.optimizer.create("sam(sgd)", learning_rate=0.25)
    update, weight = mx.optimizer.get_updater(optimizer), np.array([3.0, 4.0])
    optimizer.rho = 0.5
    update.first_step("w", 2 * weight, weight)
    np.testing.assert_allclose(weight, [3.3, 4.4])
    update.second_step("w", 2 * weight, weight)
    np.testing.assert_allclose(weight, [3 - 0.25 * 6.6, 4 - 0.25 * 8.8])


def test_an_ordinary_call_is_one_of_what_it_wraps() -> None:
    weights = []
    for name in ("adam", "sam(adam)"):
        weight = np.array([3.0, 4.0])
        update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.25))
        update("w", 2 * weight, weight)
        weights.append(weight.tolist())
    assert weights[0] == weights[1]
