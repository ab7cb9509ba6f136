"""Kaiming initialization with normally distributed weights, for mxcore."""

from mxcore import hyperparameter, hyperparameters, number, one_of
from mxcore.fans import GAINS, FanInitializer, gain

__all__ = ["KaimingNormal"]


@hyperparameters
class KaimingNormal(FanInitializer):
    r"""Normal weights whose scale keeps the variance of signals constant through layers of ReLUs.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. With *fan* one of these and *gain* that of the nonlinearity
    (:func:`mxcore.fans.gain`),

    .. math::

        w \sim N\left(0, \; \frac{gain^2}{fan}\right)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.KaimingNormal(nonlinearity="relu")("fc_weight", weight)
    >>> bool(0.9 * (2 / 100) ** 0.5 < weight.std() < 1.1 * (2 / 100) ** 0.5)
    True

    Arrays need at least two axes and may have any floating or complex dtype. Each part of a complex weight has half the
    variance.

    Args:
        mode: ``"fan_in"``, which keeps the variance of activations, or ``"fan_out"``, that of gradients.
        nonlinearity: what follows the layer: ``"relu"``, ``"leaky_relu"``, ``"tanh"``, ``"selu"``, ``"sigmoid"`` or
            ``"linear"``.
        negative_slope: the slope of a leaky ReLU for negative inputs.
        transposed: whether the shape is (in, out, …), see :class:`~mxcore.fans.FanInitializer`.
        groups: the number of groups of a grouped convolution, see there.
        axes: the axes of outputs and inputs, see there.

    Raises:
        ValueError: the array has fewer than two axes or cannot be divided into ``groups``.

    When to use it: deep networks of ReLUs and their relatives. When not: layers before tanh or a softmax, unless you
    name the nonlinearity.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level performance on
        ImageNet classification", ICCV 2015, https://arxiv.org/abs/1502.01852

    Differs from MXNet 1.9.1: MXNet has no KaimingNormal; the fan of its MSRAPrelu is the mean of both. This is torch's
    ``kaiming_normal_``. It has the variance of Keras's and JAX's ``he_normal``, which cut off what is beyond two
    standard deviations: ``variancescaling`` with ``scale=2`` draws theirs.
    """

    family = "fans"
    examples = ({}, {"mode": "fan_out", "nonlinearity": "tanh"}, {"negative_slope": 0.3})

    mode: str = hyperparameter("fan_in", one_of("fan_in", "fan_out"))
    nonlinearity: str = hyperparameter("leaky_relu", one_of(*GAINS))
    negative_slope: float = hyperparameter(0.0, number)

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "normal", gain(self.nonlinearity, self.negative_slope) ** 2 / self.fan(self.mode, shape)
