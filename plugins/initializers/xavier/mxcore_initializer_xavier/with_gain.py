"""Xavier initialization in the form of torch and Keras, with a gain."""

from mxcore import hyperparameter, hyperparameters, non_negative
from mxcore.fans import FanInitializer


@hyperparameters
class XavierUniform(FanInitializer):
    r"""Uniform weights whose scale keeps the variance of signals constant from layer to layer.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`, and

    .. math::

        bound &= gain \, \sqrt{\frac{6}{fan_{in} + fan_{out}}} \\
        w &\sim U(-bound, \; bound)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.XavierUniform()("fc_weight", weight)
    >>> bool(abs(weight).max() <= 0.2)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        gain: that of the nonlinearity that follows, see :func:`mxcore.fans.gain`.
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: linear layers and tanh; try it first. When not: deep networks of ReLUs, whose signals fade: use
    ``kaiminguniform``.

    References:
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html

    Differs from MXNet 1.9.1: MXNet has no gain; its Xavier gives the same values with ``magnitude=3 * gain**2``. This
    is torch's ``xavier_uniform_``, and ``glorot_uniform`` of Keras and JAX.
    """

    family = "fans"
    examples = ({}, {"gain": 5 / 3})

    gain: float = hyperparameter(1.0, non_negative)

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "uniform", self.gain**2 / self.fan("avg", shape)


@hyperparameters
class XavierNormal(FanInitializer):
    r"""Normal weights whose scale keeps the variance of signals constant from layer to layer.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`, and

    .. math::

        w \sim N\left(0, \; gain^2 \frac{2}{fan_{in} + fan_{out}}\right)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.XavierNormal()("fc_weight", weight)
    >>> bool(0.9 * (2 / 150) ** 0.5 < weight.std() < 1.1 * (2 / 150) ** 0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        gain: that of the nonlinearity that follows, see :func:`mxcore.fans.gain`.
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: linear layers and tanh. When not: deep networks of ReLUs, whose signals fade: use ``kaimingnormal``.

    References:
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html

    Differs from MXNet 1.9.1: MXNet has no gain; its Xavier gives the same values with ``rnd_type="gaussian"`` and
    ``magnitude=gain**2``. This is torch's ``xavier_normal_``. It has the variance of Keras's and JAX's
    ``glorot_normal``, which cut off what is beyond two standard deviations: ``variancescaling`` with
    ``mode="fan_avg"`` draws theirs.
    """

    family = "fans"
    examples = ({}, {"gain": 5 / 3})

    gain: float = hyperparameter(1.0, non_negative)

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "normal", self.gain**2 / self.fan("avg", shape)
