"""Weights of 1, for mxcore."""

import numpy.typing as npt

from mxcore import hyperparameters
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["One"]


@hyperparameters
class One(Initializer):
    """Sets every weight to 1. As always, biases are 0 and gammas 1.

    .. math::

        w = 1

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((2, 2))
    >>> mx.init.One()("fc_weight", weight)
    >>> weight
    array([[1., 1.],
           [1., 1.]])

    Arrays may have any shape and any floating dtype.

    When to use it: scales that should change nothing at first. When not: the weights of a layer with several units,
    which would stay equal.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: nothing.
    """

    family = "fixed"

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        return 1
