"""KaimingUniform has the variance of KaimingNormal within bounds."""

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


@pytest.mark.parametrize("settings", [{}, {"mode": "fan_out", "nonlinearity": "tanh"}, {"negative_slope": 0.3}])
def test_values_are_uniform_with_the_variance_of_the_normal_form(settings: dict[str, object]) -> None:
    mx.random.seed(1)
    weight = np.empty((100, 40, 5))
    initializer, normal = mx.init.create("he_uniform", **settings), mx.init.create("he_normal", **settings)
    initializer("conv_weight", weight)
    bound = 3**0.5 * normal.moments(weight.shape)[1]
    assert stats.kstest(weight.ravel(), "uniform", args=(-bound, 2 * bound)).pvalue > 0.01
    assert initializer.moments(weight.shape) == normal.moments(weight.shape)
