"""Ftrl holds unimportant weights at exactly 0, and a rate of 0 stops it."""

import numpy as np

import mxcore as mx


def test_weights_with_little_evidence_are_exactly_zero() -> None:
    weight, update = np.zeros(2), mx.optimizer.get_updater(mx.optimizer.Ftrl(lamda1=1.0))
    for _ in range(5):
        update(0, np.array([1.0, 0.1]), weight)
    assert weight[0] < 0
    assert weight[1] == 0


def test_ftrl_leaves_everything_as_it_is_at_a_rate_of_zero() -> None:
    weight, optimizer = np.ones(2), mx.optimizer.Ftrl()
    updater = mx.optimizer.get_updater(optimizer)
    updater(0, np.array([1.0, 0.0]), weight)
    before = [array.tobytes() for array in (weight, *updater.states[0])]
    optimizer.set_learning_rate(0.0)
    updater(0, np.array([1.0, 0.0]), weight)
    assert [array.tobytes() for array in (weight, *updater.states[0])] == before


def test_the_learning_rate_is_the_second_argument_as_in_mxnet() -> None:
    optimizer = mx.optimizer.Ftrl(0.5, 0.25, 2.0)
    assert (optimizer.lamda1, optimizer.learning_rate, optimizer.beta) == (0.5, 0.25, 2.0)


def test_ftrl_shows_a_nan() -> None:
    weight = np.ones(1)
    mx.optimizer.get_updater(mx.optimizer.Ftrl())(0, np.full(1, np.nan), weight)
    assert np.isnan(weight).all()
