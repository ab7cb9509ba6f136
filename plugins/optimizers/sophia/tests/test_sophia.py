"""Sophia wants an estimate of the Hessian where one is due, and says so before it changes anything."""

import numpy as np
import pytest

import mxcore as mx


def test_an_estimate_that_is_due_but_missing_is_an_error_that_changes_nothing() -> None:
    sophia = mx.optimizer.Sophia(0.1)
    updater = mx.optimizer.get_updater(sophia)
    weights, grads = [np.ones(2), np.ones(3)], [np.ones(2), np.ones(3)]
    sophia.set_hessian("a", np.ones(2))
    for estimate, got in ((None, "none was passed"), (np.ones(2), r"it has the shape \(2,\), not \(3,\)")):
        if estimate is not None:
            sophia.set_hessian("b", estimate)
        with pytest.raises(ValueError, match=rf"parameter 'b': an estimate .* is due for this update, but {got}"):
            updater(["a", "b"], grads, weights)
        assert [weight.tolist() for weight in weights] == [[1.0] * 2, [1.0] * 3]
        assert (dict(updater.states), sophia.num_update) == ({}, 0)
    with pytest.raises(ValueError, match="none was passed"):
        sophia.update("c", np.ones(2), np.ones(2), (np.zeros(2), np.zeros(2)))
    assert "c" not in sophia._index_update_count
    sophia.set_hessian("b", np.ones(3))
    updater(["a", "b"], grads, weights)
    assert sophia.num_update == 1


def test_an_estimate_counts_from_the_next_update_and_only_where_due() -> None:
    sophia = mx.optimizer.Sophia(1.0, beta1=0.0, beta2=0.5, gamma=1.0, update_interval=3)
    updater, weight = mx.optimizer.get_updater(sophia), np.zeros(1)
    due, steps = [], []
    for _ in range(5):
        due.append(sophia.is_hessian_due(0))
        sophia.set_hessian(0, np.array([8.0]))
        before = weight.copy()
        updater(0, np.array([2.0]), weight)
        steps.append((before - weight).item())
    assert due == [True, False, False, True, False]
    np.testing.assert_allclose(steps, [1.0, 0.5, 0.5, 0.5, 2.0 / 6.0])  # h is 0, 4, 4, 4, 6


def test_a_step_of_newton_where_nothing_is_clipped() -> None:
    curvature, weight = np.array([0.5, 40.0]), np.array([0.5, -0.25])
    sophia = mx.optimizer.Sophia(1.0, beta1=0.0, beta2=0.0, gamma=1.0, update_interval=1)
    updater = mx.optimizer.get_updater(sophia)
    for after in ([-0.5, 0.75], [0.0, 0.0]):  # h is 0 at first
        sophia.set_hessian(0, curvature)
        updater(0, curvature * weight, weight)
        np.testing.assert_allclose(weight, after, atol=1e-15)
