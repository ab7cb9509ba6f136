"""Uniformly distributed weights, for mxcore."""

import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, non_negative, number, optional
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Uniform"]


@hyperparameters
class Uniform(Initializer):
    r"""Weights drawn from a uniform distribution.

    .. math::

        w \sim U(low, \; high)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((100, 100))
    >>> mx.init.Uniform(0.5)("fc_weight", weight)
    >>> bool(abs(weight).max() <= 0.5)
    True

    Arrays may have any shape and any floating or complex dtype. Each part of a complex weight has half the variance.

    Args:
        scale: a bound for both sides, at least 0, where the variance is scale² / 3.
        low: the lower bound; None is ``-scale``.
        high: the upper bound, at least ``low``; None is ``scale``.

    When to use it: factors of a matrix, and layers for which a paper names bounds. When not: deep networks: use an
    initializer that knows the fans of a layer.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: nothing but the random numbers, which depend on the seed and the parameter's name; ``low``
    and ``high`` are new.
    """

    family = "random"
    examples = ({}, {"low": -0.3, "high": 0.7})
    bad_examples = ({"low": 1.0},)

    scale: float = hyperparameter(0.07, non_negative)
    low: float | None = hyperparameter(None, optional(number), kw_only=True)
    high: float | None = hyperparameter(None, optional(number), kw_only=True)

    def check_together(self) -> None:
        low, high = self.bounds()
        if low > high:
            raise ValueError(f"low must be at most high, got {low!r} and {high!r}")

    def bounds(self) -> tuple[float, float]:
        """Return the lower and the upper bound."""
        return -self.scale if self.low is None else self.low, self.scale if self.high is None else self.high

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        return rng.uniform(*self.bounds(), shape)

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        low, high = self.bounds()
        return (low + high) / 2, (high - low) / 12**0.5
