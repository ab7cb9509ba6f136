"""Xavier initialization, for mxcore."""

import math

import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, non_negative, one_of
from mxcore.initializer import VarianceScaling
from mxcore.random import Generator

__all__ = ["Xavier"]


@hyperparameters
class Xavier(VarianceScaling):
    r"""Weights whose scale keeps the variance of signals constant from layer to layer.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. With *factor* one of these or their mean,

    .. math::

        scale &= \sqrt{magnitude / factor} \\
        w &\sim U(-scale, \; scale) \quad\text{or}\quad N(0, \; scale^2)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.Xavier(factor_type="in")("fc_weight", weight)
    >>> bool(abs(weight).max() <= (3 / 100) ** 0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        rnd_type: ``"uniform"`` or ``"gaussian"``.
        factor_type: ``"avg"``, ``"in"`` or ``"out"``.
        magnitude: sets the variance, which is magnitude / (3 factor) for uniform and magnitude / factor for gaussian.
        transposed: whether the weight has the shape (in, out, k1, k2, …), as in a transposed convolution or a kernel of
            TensorFlow's dense layers, which swaps the two fans.
        groups: the number of groups of a grouped convolution, whose weight has only the channels of one group on its
            second axis: it divides the fan of the first axis.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    References:
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html

    Differs from MXNet 1.9.1: invalid arguments are refused when the initializer is created, not when it is used.
    """

    examples = ({}, {"rnd_type": "gaussian", "factor_type": "in"})

    rnd_type: str = hyperparameter("uniform", one_of("uniform", "gaussian"))
    factor_type: str = hyperparameter("avg", one_of("avg", "in", "out"))
    magnitude: float = hyperparameter(3, non_negative)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        self.check_shape(desc, shape)
        scale = self._scale(shape)
        return rng.uniform(-scale, scale, shape) if self.rnd_type == "uniform" else rng.normal(0, scale, shape)

    def _scale(self, shape: tuple[int, ...]) -> float:
        factor = self.fan(self.factor_type, shape)
        return math.sqrt(self.magnitude / factor) if factor else 0.0

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return 0.0, self._scale(shape) / (3**0.5 if self.rnd_type == "uniform" else 1)
