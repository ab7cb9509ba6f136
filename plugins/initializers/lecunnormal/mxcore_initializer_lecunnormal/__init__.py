"""LeCun initialization with truncated normal weights, for mxcore."""

from mxcore import hyperparameters
from mxcore.fans import FanInitializer

__all__ = ["LeCunNormal"]


@hyperparameters
class LeCunNormal(FanInitializer):
    r"""Truncated normal weights that keep the variance of signals constant where units are nearly linear, or SELUs.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots`. Weights are drawn from

    .. math::

        N\left(0, \; 1 / fan_{in}\right)

    without values beyond two standard deviations. The distribution is widened by 1 / 0.8796, so that
    :math:`1 / fan_{in}` is its variance after truncation.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.LeCunNormal()("fc_weight", weight)
    >>> bool(abs(weight).max() <= 2 / 0.8796 / 100**0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: networks of SELUs, which normalize themselves with it. When not: networks of ReLUs, whose signals
    fade: use ``kaimingnormal``.

    References:
        Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", Neural Networks: Tricks of the Trade,
        1998, https://doi.org/10.1007/3-540-49430-8_2

    Differs from MXNet 1.9.1: MXNet has no LeCunNormal. This is ``lecun_normal`` of JAX and Keras.
    """

    family = "fans"

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "truncated_normal", 1 / self.fan("in", shape)
