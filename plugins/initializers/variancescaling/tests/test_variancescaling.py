"""VarianceScaling has the other initializers with fans as special cases."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({}, mx.init.LeCunNormal()),
        ({"distribution": "uniform"}, mx.init.LeCunUniform()),
        ({"scale": 2.0, "distribution": "normal"}, mx.init.KaimingNormal(nonlinearity="relu")),
        ({"scale": 2.0, "mode": "fan_out", "distribution": "uniform"}, mx.init.KaimingUniform("fan_out", "relu")),
        ({"mode": "fan_avg", "distribution": "normal"}, mx.init.XavierNormal()),
    ],
)
def test_its_values_are_those_of_its_special_cases(settings: dict[str, object], same: mx.init.Initializer) -> None:
    weights = []
    for initializer in (mx.init.VarianceScaling(**settings), same):
        mx.random.seed(1)
        weights.append(np.empty((6, 4, 3)))
        initializer("conv_weight", weights[-1])
    np.testing.assert_allclose(*weights, rtol=1e-14)


def test_wrong_words_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="mode must be one of 'fan_in', 'fan_out', 'fan_avg', got 'fan'"):
        mx.init.VarianceScaling(mode="fan")
