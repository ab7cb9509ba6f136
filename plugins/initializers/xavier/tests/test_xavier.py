"""Xavier scales by the fans of a layer, and refuses what has none."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(("factor_type", "factor"), [("in", 40 * 9), ("out", 20 * 9), ("avg", 30 * 9)])
@pytest.mark.parametrize(("rnd_type", "share"), [("uniform", 3), ("gaussian", 1)])
def test_the_variance_follows_from_the_fans(rnd_type: str, share: float, factor_type: str, factor: float) -> None:
    mx.random.seed(1)
    array = np.empty((20, 40, 3, 3), np.float32)
    mx.init.Xavier(rnd_type, factor_type, 2.0)("conv_weight", array)
    np.testing.assert_allclose(array.var(), 2 / (share * factor), rtol=0.08)


def test_a_vector_has_no_fans() -> None:
    with pytest.raises(ValueError, match=r"at least two axes, \(out, in, …\): 'x_weight' has shape \(3,\)"):
        mx.init.Xavier()("x_weight", np.empty(3))


def test_wrong_words_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="factor_type must be one of 'avg', 'in', 'out', got 'both'"):
        mx.init.Xavier(factor_type="both")
