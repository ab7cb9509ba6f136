"""RMSProp's epsilon is inside the root, and its weights can be bounded."""

import numpy as np

import mxcore as mx


def test_epsilon_stands_inside_the_root() -> None:
    weight = np.zeros(1)
    mx.optimizer.get_updater(mx.optimizer.RMSProp(1.0, gamma1=0.0, epsilon=7.0))(0, np.full(1, 3.0), weight)
    assert weight.tolist() == [-0.75]


def test_weights_stay_within_their_bounds() -> None:
    weight = np.zeros(2)
    mx.optimizer.get_updater(mx.optimizer.RMSProp(1.0, clip_weights=0.5))(0, np.array([3.0, -3.0]), weight)
    assert weight.tolist() == [-0.5, 0.5]


def test_rmsprop_counts_a_variance_that_rounding_makes_negative_as_zero() -> None:
    weight = np.zeros(3, np.float32)
    update = mx.optimizer.get_updater(mx.optimizer.RMSProp(centered=True, epsilon=1e-12))
    for _ in range(400):
        update(0, np.array([0.3, 3.1, 31.7], np.float32), weight)
    assert np.isfinite(weight).all()
