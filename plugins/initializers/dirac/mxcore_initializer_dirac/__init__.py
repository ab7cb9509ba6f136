"""Dirac kernels, for mxcore."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, integer
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Dirac"]


@hyperparameters
class Dirac(Initializer):
    r"""Kernels that are 1 in the middle: a convolution hands as many channels on as possible.

    A weight has the shape (out, in, k1, …). Within each of the groups of output channels, with the middle at
    :math:`\lfloor k / 2 \rfloor` on each axis of the kernel,

    .. math::

        w_{o, i, middle} = 1 \text{ if } o = i \text{ else } 0

    >>> import numpy as np, mxcore as mx
    >>> weight, signal = np.empty((1, 1, 3)), np.array([5.0, 1.0, 4.0])
    >>> mx.init.Dirac()("conv_weight", weight)
    >>> np.convolve(signal, weight[0, 0], "same")
    array([5., 1., 4.])

    Arrays have three to five axes and any floating or complex dtype. Nothing is random. For an even kernel, the middle
    is not that of ``deltaorthogonal``.

    Args:
        groups: the number of groups of the convolution, each of which hands its own channels on.

    Raises:
        ValueError: the array has another number of axes, or its first axis cannot be divided into ``groups``.

    When to use it: convolutions that are added to a trained network, or have no residual connection. When not: other
    layers, in which all units should differ.

    References:
        S. Zagoruyko and N. Komodakis, "DiracNets: training very deep neural networks without skip-connections", 2017,
        https://arxiv.org/abs/1706.00388

    Differs from MXNet 1.9.1: MXNet has no Dirac. This is torch's ``dirac_``.
    """

    family = "fixed"
    examples = ({}, {"groups": 2})

    groups: int = hyperparameter(1, integer(at_least=1))

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if not 3 <= len(shape) <= 5:
            raise ValueError(f"Dirac needs three to five axes, (out, in, k1, …): {str(desc)!r} has shape {shape}")
        if shape[0] % self.groups:
            raise ValueError(
                f"{str(desc)!r} has shape {shape}, whose first axis is not divisible by groups={self.groups}"
            )
        weight = np.zeros(shape)
        middle: Any = (..., *(size // 2 for size in shape[2:]))
        if weight.size:
            weight[middle] = np.tile(np.eye(shape[0] // self.groups, shape[1]), (self.groups, 1))
        return weight
