"""SM3 has one accumulator per index of each axis, which bounds what AdaGrad would have for each element."""

import numpy as np
import pytest

import mxcore as mx


def test_a_vector_has_adagrads_history() -> None:
    weights, rng = [np.zeros(5), np.zeros(5)], np.random.default_rng(3)
    sm3 = mx.optimizer.get_updater(mx.optimizer.SM3(0.1, momentum=0.0, epsilon=1e-7))
    adagrad = mx.optimizer.get_updater(mx.optimizer.AdaGrad(eps=1e-7, learning_rate=0.1))
    for _ in range(4):
        grad = rng.standard_normal(5)
        sm3(0, grad, weights[0])
        adagrad(0, grad, weights[1])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)


def test_the_accumulators_of_each_element_bound_the_sum_of_its_squares() -> None:
    weight, rng = np.zeros((2, 3, 4)), np.random.default_rng(3)
    updater, squares = mx.optimizer.get_updater(mx.optimizer.SM3()), np.zeros((2, 3, 4))
    for _ in range(5):
        grad = rng.standard_normal(weight.shape)
        updater(0, grad, weight)
        squares += grad**2
    *accumulators, m = updater.states[0]
    assert [one.shape for one in accumulators] == [(2, 1, 1), (1, 3, 1), (1, 1, 4)]
    assert m.shape == weight.shape
    assert all((one >= squares - 1e-12).all() for one in accumulators)


def test_weight_decay_is_refused() -> None:
    with pytest.raises(ValueError, match="wd must be 0: weight decay is not supported"):
        mx.optimizer.SM3(wd=0.1)
