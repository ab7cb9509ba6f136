"""AdaDelta's steps have the units of the weights, and do not depend on a learning rate."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_the_learning_rate_has_no_effect(rate: float) -> None:
    weight = np.ones(1)
    optimizer = mx.optimizer.AdaDelta(rho=0.0, epsilon=0.25, learning_rate=rate)
    mx.optimizer.get_updater(optimizer)(0, np.full(1, 3.0), weight)
    np.testing.assert_allclose(weight, 1 - 3 * (0.25 / 9.25) ** 0.5)


def test_weight_decay_takes_its_share_of_the_weight_in_every_update() -> None:
    weight = np.full(1, 4.0)
    mx.optimizer.get_updater(mx.optimizer.AdaDelta(wd=0.25))(0, np.zeros(1), weight)
    assert weight.tolist() == [3.0]
