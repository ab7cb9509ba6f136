"""Normally distributed weights, for mxcore."""

import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, non_negative, number
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Normal"]


@hyperparameters
class Normal(Initializer):
    r"""Weights drawn from a normal distribution.

    .. math::

        w \sim N(mean, \; sigma^2)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((100, 100))
    >>> mx.init.Normal(0.5)("fc_weight", weight)
    >>> bool(0.45 < weight.std() < 0.55)
    True

    Arrays may have any shape and any floating or complex dtype. Each part of a complex weight has half the variance.

    Args:
        sigma: the standard deviation, at least 0.
        mean: the mean.

    When to use it: embeddings, and layers for which a paper names a standard deviation. When not: deep networks: use an
    initializer that knows the fans of a layer.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: nothing but the random numbers, which depend on the seed and the parameter's name;
    ``mean`` is new.
    """

    family = "random"
    examples = ({}, {"sigma": 0.1, "mean": 0.5})

    sigma: float = hyperparameter(0.01, non_negative)
    mean: float = hyperparameter(0.0, number, kw_only=True)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        return rng.normal(self.mean, self.sigma, shape)

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return self.mean, self.sigma
