"""Uniformly distributed weights, for mxcore."""

import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, non_negative
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Uniform"]


@hyperparameters
class Uniform(Initializer):
    r"""Weights drawn from :math:`U(-scale, scale)`.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((100, 100))
    >>> mx.init.Uniform(0.5)("fc_weight", weight)
    >>> bool(abs(weight).max() <= 0.5)
    True

    Arrays may have any shape and any floating dtype.

    Args:
        scale: the bound of the distribution, at least 0. Its variance is scale² / 3.

    Raises:
        ValueError: ``scale`` is negative or no number.
    """

    scale: float = hyperparameter(0.07, non_negative)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        return rng.uniform(-self.scale, self.scale, shape)
