"""ADOPT, for mxcore."""

import numpy as np

from mxcore import Slot, boolean, hyperparameter, hyperparameters, in_range, non_negative, optional, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["ADOPT"]


@hyperparameters
class ADOPT(Optimizer):
    r"""ADOPT: Adam that divides each gradient by the variance of the gradients before it, then takes the mean.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        U &= \mathrm{clip} \left( \frac{G}{\max(\sqrt{variance}, \epsilon)}, \pm n^{clip\_exponent} \right) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot U \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot mean \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2

    with n the number of earlier updates. The first update only sets the variance to :math:`G^2`. As a gradient is
    independent of the variance it is divided by, the method converges with any ``beta2``.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.array([1.0, -1.0]), mx.optimizer.get_updater(mx.optimizer.ADOPT(0.1))
    >>> for _ in range(2):
    ...     update(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.99, -0.99])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: the smallest divisor, at least 0.
        clip_exponent: how the bound on U grows, at least 0; None for no bound.
        decoupled_wd: whether weight decay acts as above; otherwise wd · w is added to G.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight; and ``updates``, a number.

    When to use it: in place of Adam with a ``beta2`` that is hard to choose: it converges with any. When not: runs of a
    few hundred updates: the first only measures, and the bound on steps loosens slowly.

    References:
        S. Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any β2 with the Optimal Rate", 2024,
        https://arxiv.org/abs/2411.02853

    Differs from MXNet 1.9.1: MXNet has no ADOPT. This is the rule of the paper and of optax, and of timm with an
    exponent of 1/4. In pytorch_optimizer, n counts the current update too, and the first update decays weights.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "own"
    slots = ("mean", "variance", Slot("updates", shape=()))
    conventions = {"optax": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.9999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-6, stabilizing)
    clip_exponent: float | None = hyperparameter(0.25, optional(non_negative))
    decoupled_wd: bool = hyperparameter(True, boolean)

    @staticmethod
    def rule(
        weight, grad, mean, variance, *, lr, wd, updates, beta1, beta2, epsilon, clip_exponent, decoupled_wd
    ):  # fmt: skip
        first = updates == 0
        lr, beta2 = np.where(first, 0, lr), np.where(first, 0, beta2)
        if decoupled_wd:
            weight = weight - lr * wd * weight
        else:
            grad = grad + wd * weight
        scaled = grad / np.maximum(np.sqrt(variance), epsilon)
        if clip_exponent is not None:
            scaled = np.clip(scaled, -(updates**clip_exponent), updates**clip_exponent)
        mean = np.where(first, mean, beta1 * mean + (1 - beta1) * scaled)
        variance = beta2 * variance + (1 - beta2) * grad * grad
        return weight - lr * mean, mean, variance, updates + 1
