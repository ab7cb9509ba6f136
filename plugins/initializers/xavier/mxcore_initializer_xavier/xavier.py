"""Xavier initialization in MXNet's form, with a magnitude."""

from mxcore import hyperparameter, hyperparameters, non_negative, one_of
from mxcore.fans import FanInitializer


@hyperparameters
class Xavier(FanInitializer):
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
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: linear layers and tanh; try it first. When not: deep networks of ReLUs, whose signals fade: use
    ``kaimingnormal``.

    References:
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html

    Differs from MXNet 1.9.1: invalid arguments are refused when the initializer is created, not when it is used.
    """

    family = "fans"
    examples = ({}, {"rnd_type": "gaussian", "factor_type": "in"})

    rnd_type: str = hyperparameter("uniform", one_of("uniform", "gaussian"))
    factor_type: str = hyperparameter("avg", one_of("avg", "in", "out"))
    magnitude: float = hyperparameter(3, non_negative)

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        variance = self.magnitude / self.fan(self.factor_type, shape)
        return ("uniform", variance / 3) if self.rnd_type == "uniform" else ("normal", variance)
