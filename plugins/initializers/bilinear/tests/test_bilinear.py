"""Bilinear kernels interpolate linearly, each axis with its own size."""

import numpy as np
import pytest

import mxcore as mx


def kernel(*shape: int) -> np.ndarray:
    array = np.empty(shape)
    mx.init.Bilinear()("up_weight", array)
    return array


@pytest.mark.parametrize(
    ("size", "triangle"),
    [
        (1, [1]),
        (2, [1, 0]),
        (3, [0.25, 0.75, 0.75]),
        (4, [0.25, 0.75, 0.75, 0.25]),
        (5, [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]),
    ],
)
def test_each_axis_is_a_triangle_of_its_own_size(size: int, triangle: list[float]) -> None:
    np.testing.assert_allclose(kernel(1, 1, size, 1)[0, 0, :, 0], triangle, rtol=1e-15)
    np.testing.assert_allclose(kernel(2, 3, 4, size)[1, 2, 1], np.multiply(0.75, triangle), rtol=1e-15)


def test_bilinear_uses_the_size_of_each_axis() -> None:
    assert np.array_equal(kernel(1, 1, 7, 4)[0, 0], kernel(1, 1, 4, 7)[0, 0].T)
    assert kernel(1, 1, 7, 2).min() >= 0


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_upsampling_a_straight_line_gives_a_straight_line(factor: int) -> None:
    size = 2 * factor - factor % 2
    stretched = np.zeros(factor * 10)
    stretched[::factor] = np.arange(10.0)
    upsampled = np.convolve(stretched, kernel(1, 1, 1, size)[0, 0, 0])[2 * size : -3 * size]
    np.testing.assert_allclose(np.diff(upsampled), 1 / factor, rtol=1e-12)


def test_three_axes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"four axes, \(out, in, height, width\): 'up_weight' has shape \(1, 4, 4\)"):
        kernel(1, 4, 4)
