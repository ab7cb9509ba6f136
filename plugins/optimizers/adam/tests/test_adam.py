"""Adam's step is bounded by its learning rate, and clipping includes weight decay."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_first_step_is_the_learning_rate_whatever_the_scale_of_the_gradient(scale: float) -> None:
    weight = np.zeros(4)
    mx.optimizer.get_updater(mx.optimizer.Adam(0.01))(0, scale * np.array([1.0, -2.0, 3.0, -4.0]), weight)
    np.testing.assert_allclose(weight, [-0.01, 0.01, -0.01, 0.01], rtol=1e-3)


def test_clipping_sees_the_decayed_gradient() -> None:
    optimizer = mx.optimizer.Adam(wd=1.0, clip_gradient=0.5, beta1=0.0)
    weight = np.full(1, 2.0)
    updater = mx.optimizer.get_updater(optimizer)
    updater(0, np.zeros(1), weight)
    mean, _ = updater.states[0]
    assert mean.tolist() == [0.5]


def test_a_beta_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"beta1 must be in \[0, 1\), got 1\.2"):
        mx.optimizer.Adam(beta1=1.2)
