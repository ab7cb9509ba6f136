"""One sets weights, and leaves other kinds of parameters to their own rules."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize(("name", "value"), [("fc_weight", 1), ("fc_bias", 0), ("bn_gamma", 1), ("bn_beta", 0)])
def test_the_name_decides(name: str, value: float) -> None:
    array = np.full((2, 3), 7.0, np.float32)
    mx.init.create("ones")(name, array)
    assert (array == value).all()
