"""Delta-orthogonal kernels, for mxcore."""

from typing import Any

import numpy as np
import numpy.typing as npt
from mxcore_initializer_orthogonal import Orthogonal

from mxcore import hyperparameter, hyperparameters, non_negative
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["DeltaOrthogonal"]


@hyperparameters
class DeltaOrthogonal(Initializer):
    r"""Kernels that are an orthogonal matrix in the middle and 0 elsewhere, so that a convolution keeps lengths.

    A weight has the shape (out, in, k1, …). With the middle at :math:`\lfloor (k - 1) / 2 \rfloor` on each axis of the
    kernel, and a uniformly distributed (Haar) matrix :math:`Q` of *out* rows and *in* columns, :math:`Q^T Q = I`,

    .. math::

        w_{o, i, middle} = scale \cdot Q_{oi}

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((3, 2, 5))
    >>> mx.init.DeltaOrthogonal(scale=2)("conv_weight", weight)
    >>> middle = weight[:, :, 2]
    >>> bool(np.allclose(middle.T @ middle, 4 * np.eye(2))), int((weight != 0).sum())
    (True, 6)

    Arrays have three axes or more, with at least as many outputs as inputs, and any floating or complex dtype. For an
    even kernel, the middle is not that of ``dirac``.

    Args:
        scale: the norm of the columns; :math:`\sqrt 2` suits ReLUs.

    Raises:
        ValueError: the array has fewer than three axes, or more inputs than outputs.

    When to use it: very deep convolutional networks without normalization or residual connections. When not: layers
    with more inputs than outputs.

    References:
        L. Xiao, Y. Bahri, J. Sohl-Dickstein, S. S. Schoenholz and J. Pennington, "Dynamical isometry and a mean field
        theory of CNNs: how to train 10,000-layer vanilla convolutional neural networks", ICML 2018,
        https://arxiv.org/abs/1806.05393

    Differs from MXNet 1.9.1: MXNet has no DeltaOrthogonal. This is JAX's ``delta_orthogonal``.
    """

    family = "orthogonal"
    examples = ({}, {"scale": 2**0.5})

    scale: float = hyperparameter(1.0, non_negative)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if len(shape) < 3 or shape[0] < shape[1]:
            raise ValueError(
                "DeltaOrthogonal needs axes (out, in, k1, …) and no more inputs than outputs: "
                f"{str(desc)!r} has shape {shape}"
            )
        matrix = Orthogonal(self.scale, "normal").values(desc, shape[:2], rng)
        weight = np.zeros(shape, np.asarray(matrix).dtype)
        middle: Any = (..., *((size - 1) // 2 for size in shape[2:]))
        if weight.size:
            weight[middle] = matrix
        return weight
