"""Variance scaling, the general form of the initializations that depend on fans, for mxcore."""

from mxcore import hyperparameter, hyperparameters, non_negative, one_of
from mxcore.fans import FanInitializer

__all__ = ["VarianceScaling"]


@hyperparameters
class VarianceScaling(FanInitializer):
    r"""Weights whose variance is inversely proportional to a fan of their layer.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. With *fan* one of these or their mean,

    .. math::

        \operatorname{Var} w = scale / fan

    A truncated normal distribution has no values beyond two standard deviations. It is widened by 1 / 0.8796, so that
    this is its variance after truncation.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((200, 100))
    >>> mx.init.VarianceScaling(2.0)("fc_weight", weight)  # he_normal of Keras and JAX
    >>> bool(0.95 * (2 / 100) ** 0.5 < weight.std() < 1.05 * (2 / 100) ** 0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        scale: the variance that the outputs have if the inputs have variance 1, with ``"fan_in"`` and linear units.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"truncated_normal"``, ``"normal"`` or ``"uniform"``.
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: the initial values of Keras and JAX, or a scale of your own. When not: if a name says it already:
    ``lecunnormal``, ``kaimingnormal``.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level performance on
        ImageNet classification", ICCV 2015, https://arxiv.org/abs/1502.01852

    Differs from MXNet 1.9.1: MXNet has no VarianceScaling. This is the initializer of this name in JAX and Keras, where
    ``"normal"`` is called ``"untruncated_normal"`` by Keras.
    """

    family = "fans"
    examples = ({}, {"scale": 0.5, "mode": "fan_out", "distribution": "normal"}, {"distribution": "uniform"})

    scale: float = hyperparameter(1.0, non_negative)
    mode: str = hyperparameter("fan_in", one_of("fan_in", "fan_out", "fan_avg"))
    distribution: str = hyperparameter("truncated_normal", one_of("truncated_normal", "normal", "uniform"))

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return self.distribution, self.scale / self.fan(self.mode, shape)
