"""Adai, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, mean, non_negative
from mxcore.optimizer import Optimizer

__all__ = ["Adai"]


@hyperparameters
class Adai(Optimizer):
    r"""Adai: SGD with a momentum of its own for each weight, smaller where gradients are larger than elsewhere.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        V &= variance / (1 - \beta_2^t) \\
        \beta_1 &= \mathrm{clip} \left( 1 - \beta_0 \cdot V / \mathrm{mean}_{\text{all}}(V), 0, 1 - \epsilon \right) \\
        velocity &\leftarrow \beta_1 \cdot velocity + (1 - \beta_1) \cdot G \\
        share &\leftarrow \beta_1 \cdot share + (1 - \beta_1) \\
        w &\leftarrow w - lr \cdot velocity / share

    with t = 1, 2, … the update count of this parameter. The mean goes over all elements of all parameters of the model,
    so every call must have all of them. ``share`` is 1 minus the product of all :math:`\beta_1` so far, and corrects
    the bias of the velocity.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.Adai(0.1))
    >>> weights = [np.zeros(1), np.zeros(1)]
    >>> for sign in (1, -1):
    ...     update([0, 1], [sign * np.array([3.0]), sign * np.array([0.5])], weights)
    >>> [weight.round(4).tolist() for weight in weights]  # the first has less momentum
    [[-0.2677], [-0.0499]]

    Args:
        learning_rate: the learning rate, at least 0. Steps are means of gradients, so use about ten times the rate of
            SGD with a momentum of 0.9, whose steps are sums.
        beta0: how far the momentum of a weight whose V is the mean is from 1; at least 0.
        beta2: the decay of the variance, in [0, 1).
        epsilon: the least distance of a momentum from 1, in (0, 1].
        decoupled_wd: whether w is multiplied by 1 - lr · wd before the step, instead of adding wd · w to G.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity``, ``variance`` and ``share``, with the shape and dtype of the weight.

    When to use it: in place of SGD with momentum, with the same schedule, in search of flat minima. When not:
    parameters that are updated one by one, or gradients of very different scales: all have the same step size.

    References:
        Z. Xie, X. Wang, H. Zhang, I. Sato and M. Sugiyama, "Adaptive Inertia: Disentangling the Effects of Adaptive
        Learning Rate and Momentum", 2020, https://arxiv.org/abs/2006.15815

    Differs from MXNet 1.9.1: MXNet has no Adai. This is the rule of the paper and of its authors' code. In
    pytorch_optimizer the mean of V counts as at least ``epsilon``, so that momenta grow as gradients vanish.
    """

    family = "momentum"
    default_learning_rate = 0.1
    slots = ("velocity", "variance", "share")
    elementwise = False
    beta0: float = hyperparameter(0.1, non_negative)
    beta2: float = hyperparameter(0.99, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(0.001, in_range(0, 1, left_open=True))
    decoupled_wd: bool = hyperparameter(False, boolean)

    @property
    def decay(self) -> str:  # type: ignore[override]
        return "decoupled" if self.decoupled_wd else "after_clip"

    @staticmethod
    def rule(weight, grad, velocity, variance, share, *, lr, t, beta0, beta2, epsilon):
        variance = beta2 * variance + (1 - beta2) * grad * grad
        corrected = variance / (1 - beta2**t)
        typical = mean(corrected, over="all")
        rest = np.clip(beta0 * (corrected / np.where(typical > 0, typical, 1)), epsilon, 1)  # 1 - beta1
        rest = np.where(np.isinf(corrected), 1, rest)  # not inf / inf where the square overflows
        velocity = velocity + rest * (grad - velocity)
        share = share + rest * (1 - share)
        return weight - lr * velocity / share, velocity, variance, share
