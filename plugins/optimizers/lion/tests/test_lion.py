"""Lion's steps all have the same size, and use the momentum before it is updated."""

import numpy as np

import mxcore as mx


def test_every_step_has_the_size_of_the_rate() -> None:
    weight = np.zeros(3)
    mx.optimizer.get_updater(mx.optimizer.Lion(0.25))(0, np.array([1e-3, 0.0, -1e3]), weight)
    assert weight.tolist() == [-0.25, 0.0, 0.25]


def test_the_direction_mixes_the_gradient_with_the_old_mean() -> None:
    weight, updater = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.Lion(1.0, beta1=0.5, beta2=0.5))
    updater(0, np.full(1, 2.0), weight)  # the mean is 1 now
    updater(0, np.full(1, -1.5), weight)  # 0.5 - 0.75: the gradient wins
    assert weight.tolist() == [0.0]
    assert updater.states[0].tolist() == [-0.25]
