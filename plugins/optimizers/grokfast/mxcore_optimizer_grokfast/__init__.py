"""Grokfast, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, non_negative
from mxcore.wrapper import Wrapper

__all__ = ["Grokfast"]


@hyperparameters
class Grokfast(Wrapper):
    r"""Grokfast: amplifies the slow part of gradients, their exponential average, so that a model generalizes sooner.

    .. math::

        slow &\leftarrow \alpha \cdot slow + (1 - \alpha) \cdot g \\
        w &\leftarrow \mathrm{inner}(w, g + factor \cdot slow)

    The average begins as the first gradient.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(1)
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("grokfast(sgd, factor=2.0)", learning_rate=1.0))
    >>> update("w", np.array([1.0]), weight)
    >>> weight
    array([-3.])

    Args:
        optimizer: the optimizer to wrap, or its name.
        alpha: the decay of the average, in [0, 1).
        factor: how much of the average is added to the gradient; at least 0.

    State: ``slow``, with the shape and dtype of the weight; and ``updates``, a number.

    When to use it: problems where generalization comes long after the training loss is small. When not: ordinary
    training, where it only amplifies the slow part of the gradient.

    References:
        J. Lee et al., "Grokfast: Accelerated Grokking by Amplifying Slow Gradients", 2024,
        https://arxiv.org/abs/2405.20233

    Differs from MXNet 1.9.1: MXNet has no Grokfast. This is the authors' ``gradfilter_ema``.
    """

    family = "wrapper"
    slots = ("slow", Slot("updates", shape=()))
    alpha: float = hyperparameter(0.98, in_range(0, 1, right_open=True))
    factor: float = hyperparameter(2.0, non_negative)

    @staticmethod
    def rule(weight, grad, slow, *, inner, updates, alpha, factor):
        slow = np.where(updates == 0, grad, alpha * slow + (1 - alpha) * grad)
        return inner(weight, grad + factor * slow), slow, updates + 1
