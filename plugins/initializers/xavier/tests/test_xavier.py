"""Xavier scales by the fans of a layer, and refuses arrays that have none."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


@pytest.mark.parametrize(("factor_type", "factor"), [("in", 40 * 9), ("out", 20 * 9), ("avg", 30 * 9)])
@pytest.mark.parametrize(("rnd_type", "law"), [("uniform", stats.uniform(-1, 2)), ("gaussian", stats.norm())])
def test_the_scale_follows_from_the_fans(rnd_type: str, law: Any, factor_type: str, factor: float) -> None:
    mx.random.seed(1)
    array = np.empty((20, 40, 3, 3), np.float32)
    mx.init.Xavier(rnd_type, factor_type, 2.0)("conv_weight", array)
    scaled = array.ravel() / (2 / factor) ** 0.5
    np.testing.assert_allclose(scaled.var(), law.var(), rtol=0.08)
    assert stats.kstest(scaled, law.cdf).pvalue > 0.01


def test_a_vector_has_no_fans() -> None:
    with pytest.raises(ValueError, match=r"at least two axes, \(out, in, …\): 'x_weight' has shape \(3,\)"):
        mx.init.Xavier()("x_weight", np.empty(3))


def test_wrong_words_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="factor_type must be one of 'avg', 'in', 'out', got 'both'"):
        mx.init.Xavier(factor_type="both")


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("glorot_uniform", mx.init.Xavier(magnitude=3 * 1.5**2)),
        ("xavier_normal", mx.init.Xavier("gaussian", magnitude=1.5**2)),
    ],
)
def test_the_forms_with_a_gain_are_xavier_with_a_magnitude(name: str, same: mx.init.Initializer) -> None:
    weights = []
    for initializer in (mx.init.create(name, gain=1.5), same):
        mx.random.seed(1)
        weights.append(np.empty((6, 4, 3)))
        initializer("conv_weight", weights[-1])
    np.testing.assert_allclose(*weights, rtol=1e-14)
    assert mx.init.create("glorot_uniform").moments((8, 4)) == mx.init.Xavier().moments((8, 4))
