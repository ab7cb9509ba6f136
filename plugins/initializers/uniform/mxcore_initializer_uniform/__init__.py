"""Uniformly distributed weights, for mxcore."""

import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, non_negative
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Uniform"]


@hyperparameters
class Uniform(Initializer):
    r"""Weights drawn from a uniform distribution around 0.

    .. math::

        w \sim U(-scale, \; scale)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((100, 100))
    >>> mx.init.Uniform(0.5)("fc_weight", weight)
    >>> bool(abs(weight).max() <= 0.5)
    True

    Arrays may have any shape and any floating or complex dtype. Each part of a complex weight has half the variance.

    Args:
        scale: the bound of the distribution, at least 0. Its variance is scale² / 3.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: nothing but the random numbers, which depend on the seed and the parameter's name.
    """

    scale: float = hyperparameter(0.07, non_negative)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        return rng.uniform(-self.scale, self.scale, shape)

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return 0.0, self.scale / 3**0.5
