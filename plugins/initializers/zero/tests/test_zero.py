"""Zero sets weights, and leaves other kinds of parameters to their own rules."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(("name", "value"), [("fc_weight", 0), ("fc_bias", 0), ("bn_gamma", 1), ("bn_beta", 0)])
def test_the_name_decides(name: str, value: float) -> None:
    array = np.full((2, 3), 7.0, np.float32)
    mx.init.create("zeros")(name, array)
    assert (array == value).all()
