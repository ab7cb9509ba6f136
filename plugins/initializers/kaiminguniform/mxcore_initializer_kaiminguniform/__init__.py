"""Kaiming initialization with uniformly distributed weights, for mxcore."""

from mxcore_initializer_kaimingnormal import KaimingNormal

from mxcore import hyperparameters

__all__ = ["KaimingUniform"]


@hyperparameters
class KaimingUniform(KaimingNormal):
    r"""Uniform weights whose scale keeps the variance of signals constant through layers of ReLUs.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. With *fan* one of these and *gain* that of the nonlinearity
    (:func:`mxcore.fans.gain`),

    .. math::

        bound &= gain \, \sqrt{3 / fan} \\
        w &\sim U(-bound, \; bound)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 100))
    >>> mx.init.KaimingUniform(nonlinearity="relu")("fc_weight", weight)
    >>> bool(abs(weight).max() <= (6 / 100) ** 0.5)
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

    When to use it: deep networks of ReLUs and their relatives, where no value should be large. When not: layers before
    tanh or a softmax, unless you name the nonlinearity.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level performance on
        ImageNet classification", ICCV 2015, https://arxiv.org/abs/1502.01852

    Differs from MXNet 1.9.1: MXNet has no uniform form of MSRAPrelu. This is torch's ``kaiming_uniform_``, and with the
    default arguments, ``he_uniform`` of Keras and JAX.
    """

    examples = ({}, {"mode": "fan_out", "nonlinearity": "tanh"}, {"negative_slope": 0.3})

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        return "uniform", super().law(shape)[1]
