"""Identity hands as much of its input on as there is room for."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2)])
def test_a_layer_hands_its_input_on(shape: tuple[int, int]) -> None:
    weight, signal = np.full(shape, 7.0), np.arange(1.0, shape[1] + 1)
    mx.init.Identity(2.0)("fc_weight", weight)
    passed = np.zeros(shape[0])
    passed[: min(shape)] = 2 * signal[: min(shape)]
    np.testing.assert_array_equal(weight @ signal, passed)


def test_three_axes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Identity needs two axes: 'x_weight' has shape \(2, 2, 2\)"):
        mx.init.Identity()("x_weight", np.empty((2, 2, 2)))
