"""MSRA (He) initialization, for mxcore."""

from mxcore import hyperparameter, hyperparameters, number, one_of
from mxcore.fans import FanInitializer

__all__ = ["MSRAPrelu"]


@hyperparameters
class MSRAPrelu(FanInitializer):
    r"""Weights whose scale keeps the variance of signals constant through layers of (parametric) ReLUs.

    A unit with slope :math:`a` for negative inputs keeps :math:`(1 + a^2) / 2` of the variance of a symmetric input.
    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. With *factor* one of these or their mean, weights are drawn from

    .. math::

        N\left(0, \; \frac{2}{(1 + slope^2) \cdot factor}\right)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.MSRAPrelu("in", slope=0)("fc_weight", weight)
    >>> bool(0.9 * (2 / 100) ** 0.5 < weight.std() < 1.1 * (2 / 100) ** 0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        factor_type: ``"avg"``, ``"in"`` or ``"out"``.
        slope: the slope of the units for negative inputs; 0 for ReLU.
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: layers of ReLUs in code that comes from MXNet. When not: new code: ``kaimingnormal`` has torch's
    arguments.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level performance on
        ImageNet classification", ICCV 2015, https://arxiv.org/abs/1502.01852

    Differs from MXNet 1.9.1: invalid arguments are refused when the initializer is created, not when it is used. The
    class is not a subclass of Xavier, since it lacks some of its arguments.
    """

    family = "fans"
    examples = ({}, {"factor_type": "in", "slope": 0})

    factor_type: str = hyperparameter("avg", one_of("avg", "in", "out"))
    slope: float = hyperparameter(0.25, number)

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "normal", 2 / ((1 + self.slope**2) * self.fan(self.factor_type, shape))
