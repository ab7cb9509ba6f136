"""Kernels of bilinear upsampling, for mxcore."""

import numpy as np
import numpy.typing as npt

from mxcore import hyperparameters
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Bilinear"]


@hyperparameters
class Bilinear(Initializer):
    r"""The kernel with which a transposed convolution interpolates linearly.

    It is the outer product of a triangle for each of its two axes. For an axis of size :math:`n`,

    .. math::

        f &= \lceil n / 2 \rceil \\
        c &= \frac{2 f - 1 - f \bmod 2}{2 f} \\
        triangle(i) &= 1 - \left| i / f - c \right|

    The triangle is complete, and a stride of :math:`f` interpolates exactly, if :math:`n = 2 f - f \bmod 2`.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((1, 1, 2, 4))
    >>> mx.init.Bilinear()("up_weight", weight)
    >>> weight[0, 0, 0]
    array([0.25, 0.75, 0.75, 0.25])

    Arrays have shape (out, in, height, width), or additional leading axes along which the kernel is repeated, and any
    floating dtype. Nothing is random.

    Raises:
        ValueError: the array has fewer than four axes.

    When to use it: transposed convolutions that upsample, such as in segmentation. When not: layers that should learn
    different filters: all channels get the same.

    References:
        J. Long, E. Shelhamer and T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015,
        https://arxiv.org/abs/1411.4038; the formula is from Caffe's ``BilinearFiller``.

    Differs from MXNet 1.9.1: each axis uses its own size. There the width was used for both, so kernels that are not
    square were wrong and had negative values.
    """

    family = "fixed"

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if len(shape) < 4:
            raise ValueError(f"Bilinear needs four axes, (out, in, height, width): {str(desc)!r} has shape {shape}")
        return np.broadcast_to(np.outer(_triangle(shape[-2]), _triangle(shape[-1])), shape)


def _triangle(size: int) -> npt.NDArray[np.float64]:
    half = max((size + 1) // 2, 1)  # 1 even for an empty axis
    return 1 - abs(np.arange(size) / half - (2 * half - 1 - half % 2) / (2 * half))
