"""Adamax handles gradients of 0, and does not hide NaN."""

import numpy as np

import mxcore as mx


def test_adamax_counts_zero_by_zero_as_zero() -> None:
    weight, update = np.ones(2), mx.optimizer.get_updater(mx.optimizer.Adamax(0.1))
    for _ in range(3):
        update(0, np.array([0.0, 1.0]), weight)
    assert weight[0] == 1
    assert weight[1] < 1


def test_the_epsilon_of_adamax_stands_inside_the_maximum() -> None:
    weight, updater = np.ones(1), mx.optimizer.get_updater(mx.optimizer.Adamax(epsilon=0.5))
    updater(0, np.full(1, -2.0), weight)
    assert updater.states[0][1].tolist() == [2.5]


def test_a_nan_in_the_gradient_shows() -> None:
    weight = np.ones(1)
    mx.optimizer.get_updater(mx.optimizer.Adamax())(0, np.full(1, np.nan), weight)
    assert np.isnan(weight).all()
