"""Dirac hands channels on, each group its own."""

import numpy as np
import pytest
from scipy.ndimage import correlate

import mxcore as mx


def test_each_group_of_a_convolution_hands_its_own_channels_on() -> None:
    weight, signal = np.full((6, 2, 3, 5), 7.0), np.random.default_rng(0).normal(size=(4, 8, 8))
    mx.init.Dirac(groups=2)("conv_weight", weight)
    inputs = [signal[:2], signal[2:]]  # of both groups
    outputs = [sum(map(correlate, inputs[unit // 3], weight[unit])) for unit in range(6)]
    nothing = np.zeros((8, 8))
    expected = [signal[0], signal[1], nothing, signal[2], signal[3], nothing]
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 2), r"three to five axes, \(out, in, k1, …\): 'x_weight' has shape \(2, 2\)"),
        ((3, 2, 1), r"'x_weight' has shape \(3, 2, 1\), whose first axis is not divisible by groups=2"),
    ],
)
def test_shapes_without_kernels_or_groups_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.init.Dirac(groups=2)("x_weight", np.empty(shape))
