"""AdaBelief, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, non_negative, optional, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdaBelief"]


@hyperparameters
class AdaBelief(Optimizer):
    r"""AdaBelief: Adam with the variance of gradients around their mean, so that steps are large where they agree.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance \\
            &\quad + (1 - \beta_2) \cdot (G - mean)^2 + \epsilon_{root} \\
        step &= \frac{mean / (1 - \beta_1^t)}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon} \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot step

    with t = 1, 2, … the update count of this parameter. :math:`\epsilon_{root}` accumulates in the variance.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdaBelief(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)
    array([ 0.8889, -0.8889])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the corrected variance; at least 0.
        epsilon_root: added to the variance, at least 0; None for ``epsilon``.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight.

    When to use it: training where Adam is unstable: steps shrink where the gradient differs from its mean, not where it
    is large. When not: half precision without masters, since the default epsilon of 1e-16 vanishes there.

    References:
        J. Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients", 2020,
        https://arxiv.org/abs/2010.07468

    Differs from MXNet 1.9.1: MXNet has no AdaBelief; that of 2.0 does not correct the root of the variance, and its
    weight decay enters the gradient. This is the rule of optax and, without rectification, of
    pytorch_optimizer and timm.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "decoupled"
    slots = ("mean", "variance")
    conventions = {"optax": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-16, stabilizing)
    epsilon_root: float | None = hyperparameter(None, optional(non_negative))

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, t, beta1, beta2, epsilon, epsilon_root):
        mean = beta1 * mean + (1 - beta1) * grad
        surprise = (1 - beta2) * (grad - mean) * (grad - mean)
        variance = beta2 * variance + surprise + (epsilon if epsilon_root is None else epsilon_root)
        scale = np.sqrt(variance / (1 - beta2**t)) + epsilon
        return weight - lr / (1 - beta1**t) * mean / scale, mean, variance
