"""LeCun initialization with uniformly distributed weights, for mxcore."""

from mxcore import hyperparameters
from mxcore.fans import FanInitializer

__all__ = ["LeCunUniform"]


@hyperparameters
class LeCunUniform(FanInitializer):
    r"""Uniform weights that keep the variance of signals constant where units are nearly linear, or SELUs.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots`, and

    .. math::

        bound &= \sqrt{3 / fan_{in}} \\
        w &\sim U(-bound, \; bound)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 300))
    >>> mx.init.LeCunUniform()("fc_weight", weight)
    >>> bool(abs(weight).max() <= 0.1)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: networks of SELUs, or linear layers. When not: networks of ReLUs, whose signals fade: use
    ``kaiminguniform``.

    References:
        Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", Neural Networks: Tricks of the Trade,
        1998, https://doi.org/10.1007/3-540-49430-8_2

    Differs from MXNet 1.9.1: MXNet has no LeCunUniform; its values are those of Xavier with ``factor_type="in"``. This
    is ``lecun_uniform`` of JAX and Keras.
    """

    family = "fans"

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "uniform", 1 / self.fan("in", shape)
