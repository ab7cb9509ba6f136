"""Normally distributed weights between two bounds, for mxcore."""

import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, non_negative, number, optional
from mxcore.initializer import Initializer
from mxcore.random import Generator
from mxcore.random.truncated import moments

__all__ = ["TruncatedNormal"]


@hyperparameters
class TruncatedNormal(Initializer):
    r"""Weights drawn from a normal distribution between two bounds.

    .. math::

        w \sim N(mean, \; sigma^2) \;\text{ given }\; low \le w \le high

    The bounds are values of the weights, not numbers of standard deviations. They make the standard deviation smaller
    than *sigma*: 0.8796 sigma for the default bounds.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((100, 100))
    >>> mx.init.TruncatedNormal(sigma=0.02)("fc_weight", weight)
    >>> bool(abs(weight).max() <= 0.04), bool(0.017 < weight.std() < 0.018)
    (True, True)

    Arrays may have any shape and any floating or complex dtype. Each part of a complex weight has half the variance,
    and needs bounds that are symmetric around the mean. In float16 and bfloat16, values can be rounded to beyond a
    bound that the dtype cannot represent.

    Args:
        mean: the mean before truncation.
        sigma: the standard deviation before truncation, at least 0.
        low: the lower bound; None is ``mean - 2 * sigma``.
        high: the upper bound, at least ``low``; None is ``mean + 2 * sigma``.

    Raises:
        ValueError: a complex weight gets bounds that are not symmetric.

    When to use it: embeddings and transformers, where a rare large value would stand out. When not: deep networks
    without normalization: use an initializer that knows the fans of a layer.

    References:
        G. Marsaglia, "Generating a variable from the tail of the normal distribution", Technometrics 6 (1964),
        https://doi.org/10.1080/00401706.1964.10490150

    Differs from MXNet 1.9.1: MXNet has no TruncatedNormal. This is torch's ``trunc_normal_``, whose default bounds are
    -2 and 2 whatever *sigma* is; those of JAX and Keras are at two standard deviations, as here.
    """

    family = "random"
    examples = ({}, {"mean": 1.0, "sigma": 2.0, "low": 0.0, "high": 2.5}, {"sigma": 0.1, "low": 0.3, "high": 1.0})
    bad_examples = ({"low": 1.0, "high": 0.5}, {"low": 1.0})

    mean: float = hyperparameter(0.0, number)
    sigma: float = hyperparameter(0.01, non_negative)
    low: float | None = hyperparameter(None, optional(number))
    high: float | None = hyperparameter(None, optional(number))

    def check_together(self) -> None:
        low, high = self.bounds()
        if low > high:
            raise ValueError(f"low must be at most high, got {low!r} and {high!r}")

    def bounds(self) -> tuple[float, float]:
        """Return the lower and the upper bound."""
        low = self.mean - 2 * self.sigma if self.low is None else self.low
        return low, self.mean + 2 * self.sigma if self.high is None else self.high

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        return rng.truncated_normal(self.mean, self.sigma, *self.bounds(), shape)

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float] | None:
        return moments(self.mean, self.sigma, *self.bounds())
