"""COCOB, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, positive
from mxcore.optimizer import Optimizer

__all__ = ["COCOB"]


@hyperparameters
class COCOB(Optimizer):
    r"""COCOB: each weight bets a share of what it has won on the sign of its next gradient; no learning rate to tune.

    .. math::

        G &= lr \cdot \left( \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \right) \\
        largest &\leftarrow \max(largest, |G|) \\
        total &\leftarrow total + |G| \\
        reward &\leftarrow \max(reward - G \cdot (w - start), 0) \\
        sum &\leftarrow sum - G \\
        share &= sum / \max(total + largest, \alpha \cdot largest) \\
        w &\leftarrow start + share \cdot (1 + reward / largest)

    The first step has the size 1 / α. Only the relative sizes of gradients matter, so a constant learning rate changes
    nothing; with a falling one, later gradients count less, and at 0 not at all.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.array([1.0, -2.0]), mx.optimizer.get_updater(mx.optimizer.COCOB())
    >>> update(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.99, -1.99])
    >>> for _ in range(200):
    ...     update(0, 2 * weight, weight)
    >>> bool(abs(weight).max() < 0.1)
    True

    Args:
        learning_rate: the factor on gradients, for schedules; at least 0.
        alpha: the inverse of the first step, positive.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``largest``, ``total``, ``reward``, ``sum``, and ``start``, initially the weight, with its shape and dtype.

    When to use it: if you cannot tune a learning rate, and parameters are updated one by one. When not: little memory,
    or where ``prodigy`` works, which keeps less and is closer to Adam.

    References:
        F. Orabona and T. Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting", 2017,
        https://arxiv.org/abs/1705.07795

    Differs from MXNet 1.9.1: MXNet has no COCOB. This is the rule of the paper and of optax, which counts the largest
    gradient as at least 1e-8.
    """

    family = "learning-rate-free"
    default_learning_rate = 1.0
    slots = ("largest", "total", "reward", "sum", Slot("start", init="weight"))
    expected_failures = {"slots_are_named_and_used": "start is the initial weight, which does not change"}
    conventions = {"optax": {}}
    alpha: float = hyperparameter(100.0, positive)

    @staticmethod
    def rule(weight, grad, largest, total, reward, sum, start, *, lr, alpha):
        grad = lr * grad
        largest = np.maximum(largest, abs(grad))
        total = total + abs(grad)
        reward = np.maximum(reward - grad * (weight - start), 0)
        sum = sum - grad
        unit = np.where(largest == 0, 1, largest)
        share = sum / np.maximum(total + unit, alpha * unit)
        return start + share * (1 + reward / unit), largest, total, reward, sum, start
