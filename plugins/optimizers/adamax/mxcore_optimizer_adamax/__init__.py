"""Adamax, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, non_negative
from mxcore.optimizer import Optimizer

__all__ = ["Adamax"]


@hyperparameters
class Adamax(Optimizer):
    r"""Adamax: Adam with a decaying maximum of the gradients instead of their root mean square.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g + wd \cdot w) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        largest &\leftarrow \max(\beta_2 \cdot largest, |G| + \epsilon) \\
        w &\leftarrow w - lr \, / \, (1 - \beta_1^t) \cdot mean / largest

    with t = 1, 2, … the update count of this parameter. A weight whose gradients have all been 0 does not change.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Adamax(0.1))(0, np.array([3.0, 0.0]), weight)
    >>> weight.round(6)
    array([ 0.9, -1. ])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the maximum, in [0, 1).
        epsilon: added to the gradient's magnitude; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``largest`` (the paper's m and u), with the shape and dtype of the weight.

    When to use it: rare large gradients, to which a running maximum is more robust than a mean of squares. When not:
    gradients that shrink quickly: the maximum follows slowly.

    References:
        D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014, https://arxiv.org/abs/1412.6980
        (algorithm 2).

    Differs from MXNet 1.9.1: 0/0 counts as 0, where MXNet's weights become NaN; there is an ``epsilon``, 0 by default;
    the default learning rate does not override a scheduler's ``base_lr``.
    """

    family = "adaptive"
    default_learning_rate = 0.002
    decay = "before_clip"
    slots = ("mean", "largest")
    conventions = {"torch": {"epsilon": 1e-8}, "optax": {"epsilon": 1e-8}, "keras": {"epsilon": 1e-7}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(0.0, non_negative)

    @staticmethod
    def rule(weight, grad, mean, largest, *, lr, t, beta1, beta2, epsilon):
        mean = beta1 * mean + (1 - beta1) * grad
        largest = np.maximum(beta2 * largest, np.abs(grad) + epsilon)
        step = np.where(largest == 0, 0, mean / largest)
        return weight - lr / (1 - beta1**t) * step, mean, largest
