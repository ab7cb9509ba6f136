"""MSRA (He) initialization, for mxcore."""

import math
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from mxcore import boolean, hyperparameter, hyperparameters, integer, number, one_of
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["MSRAPrelu"]


@hyperparameters
class MSRAPrelu(Initializer):
    r"""Weights whose scale keeps the variance of signals constant through layers of (parametric) rectified units.

    A unit of slope :math:`a` for negative inputs passes on :math:`(1 + a^2) / 2` of the variance of a symmetric input.
    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. With *factor* one of the two or their mean, weights are drawn from

    .. math::

        N\left(0, \; \frac{2}{(1 + slope^2) \cdot factor}\right)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.MSRAPrelu("in", slope=0)("fc_weight", weight)
    >>> bool(0.9 * (2 / 100) ** 0.5 < weight.std() < 1.1 * (2 / 100) ** 0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Both parts
    of a complex weight have half of the variance.

    Args:
        factor_type: ``"avg"``, ``"in"`` or ``"out"``.
        slope: the slope of the units for negative inputs; 0 for plain rectified units.
        transposed: whether the weight has the shape (in, out, k1, k2, …), as that of a transposed convolution or a
            kernel of TensorFlow's dense layers: then the two fans change places.
        groups: the groups of a grouped convolution, whose weight has only the channels of one group on its second axis:
            the fan of the first axis is divided by their number.

    Raises:
        ValueError: an argument is out of its range, or the array has fewer than two axes or cannot be
            divided into ``groups``.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level performance on
        ImageNet classification", ICCV 2015, https://arxiv.org/abs/1502.01852

    Differs from MXNet 1.9.1: wrong arguments are refused when the initializer is made, not when it is used. The class
    is not a subclass of Xavier, whose other arguments it does not have.
    """

    examples = ({}, {"factor_type": "in", "slope": 0})

    factor_type: str = hyperparameter("avg", one_of("avg", "in", "out"))
    slope: float = hyperparameter(0.25, number)
    transposed: bool = hyperparameter(False, boolean, kw_only=True)
    groups: int = hyperparameter(1, integer(at_least=1), kw_only=True)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if len(shape) < 2:
            raise ValueError(f"MSRAPrelu needs at least two axes, (out, in, …): {str(desc)!r} has shape {shape}")
        if shape[0] % self.groups:
            raise ValueError(
                f"{str(desc)!r} has shape {shape}, whose first axis has no groups={self.groups} equal parts"
            )
        return rng.normal(0, self._deviation(shape), shape)

    def _factor(self, shape: tuple[int, ...]) -> float:
        kernel = math.prod(shape[2:])
        fans = [shape[1] * kernel, shape[0] * kernel / self.groups]
        fan_in, fan_out = fans[::-1] if self.transposed else fans
        return {"avg": (fan_in + fan_out) / 2, "in": fan_in, "out": fan_out}[self.factor_type]

    def _arguments(self) -> Mapping[str, Any]:
        """Without those that MXNet does not have, where they say nothing."""
        silent = {"transposed": False, "groups": 1}
        return {name: value for name, value in super()._arguments().items() if silent.get(name) != value}

    def _deviation(self, shape: tuple[int, ...]) -> float:
        factor = self._factor(shape)
        # An empty array may have a fan of 0; nothing is drawn for it.
        return math.sqrt(2 / ((1 + self.slope**2) * factor)) if factor else 0.0

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return 0.0, self._deviation(shape)
