"""Adan, for mxcore."""

import numpy as np

from mxcore import Slot, boolean, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["Adan"]


@hyperparameters
class Adan(Optimizer):
    r"""Adan: Nesterov momentum from the differences of successive gradients, with steps scaled as in Adam.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        change &= G - previous \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        difference &\leftarrow \beta_2 \cdot difference + (1 - \beta_2) \cdot change \\
        variance &\leftarrow \beta_3 \cdot variance \\
            &\quad + (1 - \beta_3) \cdot (G + \beta_2 \cdot change)^2 \\
        ahead &= \frac{mean}{1 - \beta_1^t} + \beta_2 \cdot \frac{difference}{1 - \beta_2^t} \\
        step &= \frac{ahead}{\sqrt{variance / (1 - \beta_3^t)} + \epsilon} \\
        w &\leftarrow (w - lr \cdot step) \, / \, (1 + lr \cdot wd) \\
        previous &\leftarrow G

    with t = 1, 2, … the update count of this parameter. The first change is 0.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Adan(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.9, -0.9])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1); this and the next two are 1 minus the paper's β.
        beta2: the decay of the difference, in [0, 1).
        beta3: the decay of the variance, in [0, 1).
        epsilon: added to the root of the corrected variance; at least 0.
        proximal_wd: whether weight decay acts as above; otherwise w is multiplied by 1 - lr · wd before the step.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, ``difference``, ``variance`` and ``previous``, with the shape and dtype of the weight; and
    ``updates``, a number.

    When to use it: large batches and vision transformers, where looking ahead of the gradient pays. When not: little
    memory: it keeps four arrays for each weight.

    References:
        X. Xie et al., "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models", 2022,
        https://arxiv.org/abs/2208.06677

    Differs from MXNet 1.9.1: MXNet has no Adan. This is the rule of the paper, timm and pytorch_optimizer. optax
    multiplies ``change`` and ``difference`` by 1 - ``beta2`` where the paper means ``beta2``.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "own"
    slots = ("mean", "difference", "variance", "previous", Slot("updates", shape=()))
    conventions = {"optax": "it multiplies differences by 1 - beta2"}
    beta1: float = hyperparameter(0.98, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.92, in_range(0, 1, right_open=True))
    beta3: float = hyperparameter(0.99, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    proximal_wd: bool = hyperparameter(True, boolean)

    @staticmethod
    def rule(
        weight, grad, mean, difference, variance, previous, *, lr, wd, t, updates, beta1, beta2, beta3, epsilon,
        proximal_wd,
    ):  # fmt: skip
        change = np.where(updates == 0, 0, grad - previous)
        looked = grad + beta2 * change
        mean = beta1 * mean + (1 - beta1) * grad
        difference = beta2 * difference + (1 - beta2) * change
        variance = beta3 * variance + (1 - beta3) * looked * looked
        ahead = mean / (1 - beta1**t) + beta2 / (1 - beta2**t) * difference
        step = lr * ahead / (np.sqrt(variance / (1 - beta3**t)) + epsilon)
        weight = (weight - step) / (1 + lr * wd) if proximal_wd else weight - lr * wd * weight - step
        return weight, mean, difference, variance, grad, updates + 1
