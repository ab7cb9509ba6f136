"""LaProp, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["LaProp"]


@hyperparameters
class LaProp(Optimizer):
    r"""LaProp: Adam that scales gradients first and takes their mean then, so momentum and scaling do not interfere.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        U &= G \cdot \frac{\sqrt{1 - \beta_2^t}}{\sqrt{variance} + \epsilon} \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot lr \cdot U \\
        rate &\leftarrow \beta_1 \cdot rate + (1 - \beta_1) \cdot lr \\
        w &\leftarrow (1 - lr \cdot wd) \left( w - \frac{lr}{rate} \cdot mean \right)

    with t = 1, 2, … the update count of this parameter.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.LaProp(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.9, -0.9])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the variance; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight; and ``rate``, a number.

    When to use it: a small ``beta2``, with which Adam is unstable: it divides gradients before it averages them. When
    not: if Adam with its usual values is stable; the two are then close.

    References:
        L. Ziyin, Z. T. Wang and M. Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020,
        https://arxiv.org/abs/2002.04839

    Differs from MXNet 1.9.1: MXNet has no LaProp. This is the rule of pytorch_optimizer, which equals the paper's at a
    constant learning rate, except for where ``epsilon`` is added.
    """

    family = "adaptive"
    default_learning_rate = 0.0004
    decay = "own"
    slots = ("mean", "variance", Slot("rate", shape=()))
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-15, stabilizing)

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, wd, t, rate, beta1, beta2, epsilon):
        variance = beta2 * variance + (1 - beta2) * grad * grad
        scaled = grad * ((1 - beta2**t) ** 0.5 / (np.sqrt(variance) + epsilon))
        mean = beta1 * mean + (1 - beta1) * lr * scaled
        rate = beta1 * rate + (1 - beta1) * lr
        weight = weight - lr / np.where(rate == 0, 1, rate) * mean
        return weight - lr * wd * weight, mean, variance, rate
