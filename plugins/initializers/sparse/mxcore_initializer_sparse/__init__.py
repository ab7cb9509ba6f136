"""Sparse weights, for mxcore."""

import math

import numpy as np
import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, in_range, non_negative
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Sparse"]


@hyperparameters
class Sparse(Initializer):
    r"""Normal weights, of which the same number in each column is replaced by 0.

    In a column of :math:`n` weights, :math:`\lceil sparsity \cdot n \rceil` at random places are 0, and

    .. math::

        w \sim N(0, \; sigma^2)

    elsewhere. So each input reaches the same number of units, however many units there are, and their weights may be
    large.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((10, 3))
    >>> mx.init.Sparse(0.75, sigma=1)("fc_weight", weight)
    >>> (weight == 0).sum(axis=0)
    array([8, 8, 8])

    Arrays have two axes and any floating or complex dtype. Each part of a complex weight has half the variance.

    Args:
        sparsity: the share of zeros in each column, from 0 to 1.
        sigma: the standard deviation of the other weights, at least 0.

    Raises:
        ValueError: the array has not two axes.

    When to use it: wide layers whose units should each start with few large weights. When not: convolutions.

    References:
        J. Martens, "Deep learning via Hessian-free optimization", ICML 2010,
        https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf

    Differs from MXNet 1.9.1: MXNet has no Sparse. This is torch's ``sparse_``.
    """

    family = "random"
    examples = ({"sparsity": 0.1}, {"sparsity": 0.75, "sigma": 1.0})

    sparsity: float = hyperparameter(in_range(0, 1))
    sigma: float = hyperparameter(0.01, non_negative)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if len(shape) != 2:
            raise ValueError(f"Sparse needs two axes: {str(desc)!r} has shape {shape}")
        weight = rng.normal(0, self.sigma, shape)
        order = np.argsort(rng.uniform(size=shape, dtype=np.float64), axis=0, kind="stable")
        np.put_along_axis(weight, order[: self._zeros(shape)], 0, axis=0)
        return weight

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return 0.0, self.sigma * math.sqrt(1 - self._zeros(shape) / shape[0])

    def _zeros(self, shape: tuple[int, ...]) -> int:
        """Return how many weights of a column are 0."""
        return math.ceil(self.sparsity * shape[0])
