"""MSRAPrelu draws normal values, scaled by the fans of a layer and the slope of its units."""

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


@pytest.mark.parametrize(("factor_type", "factor"), [("in", 40 * 9), ("out", 20 * 9), ("avg", 30 * 9)])
@pytest.mark.parametrize("slope", [0, 0.25, -1])
def test_it_is_normal_with_the_variance_of_the_formula(factor_type: str, factor: float, slope: float) -> None:
    mx.random.seed(1)
    array = np.empty((20, 40, 3, 3))
    mx.init.MSRAPrelu(factor_type, slope)("conv_weight", array)
    deviation = (2 / ((1 + slope**2) * factor)) ** 0.5
    assert stats.kstest(array.ravel() / deviation, "norm").pvalue > 0.01


def test_rectified_units_keep_the_second_moment_of_their_input() -> None:
    mx.random.seed(1)
    weight, signal = np.empty((2000, 1000)), np.random.default_rng(0).normal(size=1000)
    mx.init.MSRAPrelu("in", slope=0)("fc_weight", weight)
    for_next_layer = np.maximum(weight @ signal, 0)
    np.testing.assert_allclose(2 * (for_next_layer**2).mean(), 2 * (signal**2).mean(), rtol=0.1)


def test_a_vector_has_no_fans() -> None:
    with pytest.raises(ValueError, match=r"at least two axes, \(out, in, …\): 'x_weight' has shape \(3,\)"):
        mx.init.MSRAPrelu()("x_weight", np.empty(3))


def test_wrong_words_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="factor_type must be one of 'avg', 'in', 'out', got 'both'"):
        mx.init.MSRAPrelu(factor_type="both")
