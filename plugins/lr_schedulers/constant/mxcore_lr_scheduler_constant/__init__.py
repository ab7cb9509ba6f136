"""A learning rate that is reduced for some updates, for mxcore."""

from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, optional
from mxcore.curves import Curve

__all__ = ["ConstantScheduler"]


@hyperparameters
class ConstantScheduler(Curve):
    r"""The learning rate is a share of ``base_lr`` for ``total_steps`` updates, and then ``base_lr``.

    .. math::

        rate(t) = \begin{cases}
        base\_lr \cdot factor & t \le total\_steps \\
        base\_lr & \text{otherwise}
        \end{cases}

    With ``factor=1`` it is constant, which is useful in combinations.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.ConstantScheduler(base_lr=0.4, factor=0.25, total_steps=3)
    >>> [schedule(t) for t in (1, 3, 4)]
    [0.1, 0.1, 0.4]

    Args:
        base_lr: the learning rate after ``total_steps`` updates.
        factor: the share before, in [0, 1].
        total_steps: the number of updates at the reduced rate.

    When to use it: a reduced rate for the first updates, as torch's ``ConstantLR``. When not: a gentle start:
    ``warmup`` and ``linear`` have no jump.

    References:
        P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
        https://arxiv.org/abs/1706.02677 (as a constant warm-up)

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``ConstantLR``.
    """

    family = "decay"
    examples = ({}, {"factor": 0.25, "total_steps": 33})
    bad_examples = ({"factor": 1.5}, {"total_steps": -1})

    base_lr: float = hyperparameter(0.01, optional(non_negative))
    factor: float = hyperparameter(1 / 3, in_range(0, 1))
    total_steps: int = hyperparameter(5, integer(at_least=0))

    def rate(self, t: Any) -> Any:
        return self.base_lr * np.where(t <= self.total_steps, self.factor, 1.0)
