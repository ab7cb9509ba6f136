"""Lookahead, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, integer
from mxcore.wrapper import Wrapper

__all__ = ["Lookahead"]


@hyperparameters
class Lookahead(Wrapper):
    r"""Lookahead: every ``k`` updates, slow weights follow those of the optimizer, which goes on from there.

    .. math::

        w &\leftarrow \mathrm{inner}(w, g) \\
        \text{every } k \text{ updates:} \\
        slow &\leftarrow slow + \alpha (w - slow) \\
        w &\leftarrow slow

    The state of the wrapped optimizer is kept.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("lookahead(sgd, k=2)", learning_rate=1.0))
    >>> weight = np.array([0.0])
    >>> for _ in range(4):
    ...     update(0, np.array([1.0]), weight)
    ...     print(weight)
    [-1.]
    [-1.]
    [-2.]
    [-2.]

    Args:
        optimizer: the optimizer to wrap, or its name.
        k: the number of updates between two steps of the slow weights; at least 1.
        alpha: the step of the slow weights, in [0, 1].

    State: ``slow``, initially the weight, with its shape and dtype; and ``updates``, a number.

    When to use it: less variance, and less sensitivity to the inner optimizer's learning rate. When not: runs of only a
    few hundred updates, or little memory: it keeps a copy of the weights.

    References:
        M. Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019, https://arxiv.org/abs/1907.08610

    Differs from MXNet 1.9.1: MXNet has no Lookahead. This is ``optax.lookahead``, whose ``k`` is ``sync_period``.
    """

    family = "wrapper"
    slots = (Slot("slow", init="weight"), Slot("updates", shape=()))
    k: int = hyperparameter(5, integer(at_least=1))
    alpha: float = hyperparameter(0.5, in_range(0, 1))

    @staticmethod
    def rule(weight, grad, slow, *, inner, updates, k, alpha):
        fast, updates = inner(weight, grad), updates + 1
        due, step = updates % k == 0, slow + alpha * (fast - slow)
        return np.where(due, step, fast), np.where(due, step, slow), updates
