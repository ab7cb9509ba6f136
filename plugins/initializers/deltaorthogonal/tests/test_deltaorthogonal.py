"""DeltaOrthogonal makes convolutions that keep lengths."""

import numpy as np
import pytest

import mxcore as mx


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(5, 3, 3), (4, 4, 2, 5), (2, 1, 1, 3, 4), (3, 0, 3)])
def test_only_the_middle_is_not_zero_and_keeps_lengths(shape: tuple[int, ...], dtype: type) -> None:
    mx.random.seed(1)
    weight = np.full(shape, 7, dtype)
    mx.init.DeltaOrthogonal(1.5)("conv_weight", weight)
    middle = (..., *((size - 1) // 2 for size in shape[2:]))
    matrix = weight[middle].copy()
    np.testing.assert_allclose(matrix.T.conj() @ matrix, 2.25 * np.eye(shape[1]), atol=1e-13)
    weight[middle] = 0
    assert not weight.any()


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_matrices_and_more_inputs_than_outputs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"no more inputs than outputs: 'x_weight' has shape"):
        mx.init.DeltaOrthogonal()("x_weight", np.empty(shape))
