"""A learning rate that changes along a straight line, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, optional
from mxcore.curves import Curve, finished

__all__ = ["LinearScheduler"]


@hyperparameters
class LinearScheduler(Curve):
    r"""The learning rate changes linearly from one share of ``base_lr`` to another, and stays there.

    .. math::

        p &= \min\left(\frac{t - 1}{total\_steps}, \; 1\right) \\
        factor &= (1 - p) \cdot start\_factor + p \cdot end\_factor \\
        rate(t) &= base\_lr \cdot factor

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.LinearScheduler(total_steps=4, base_lr=0.4, start_factor=1.0, end_factor=0.0)
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 4, 5, 100)]
    [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]

    Args:
        total_steps: the number of updates until the end of the line, at least 1.
        base_lr: the learning rate of which the factors are shares.
        start_factor: the share at the first update, in [0, 1].
        end_factor: the share after ``total_steps`` updates, in [0, 1].

    When to use it: fine-tuning, and runs of known length, where a fall to 0 along a line is as good as ``cosine`` or
    better. When not: runs that may be prolonged: it ends at a fixed update.

    References:
        P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
        https://arxiv.org/abs/1706.02677 (as a gradual warm-up)

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``LinearLR`` and of optax's
    ``linear_schedule``.
    """

    family = "decay"
    examples = ({"total_steps": 100}, {"total_steps": 200, "start_factor": 1.0, "end_factor": 0.0})
    bad_examples = ({"total_steps": 0}, {"total_steps": 9, "start_factor": 1.5}, {"total_steps": 9, "end_factor": -1})

    total_steps: int = hyperparameter(integer(at_least=1))
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    start_factor: float = hyperparameter(1 / 3, in_range(0, 1))
    end_factor: float = hyperparameter(1.0, in_range(0, 1))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate to 0 over the run."""
        return {"total_steps": updates, "start_factor": 1.0, "end_factor": 0.0}

    def rate(self, t: Any) -> Any:
        progress = np.minimum(finished(t) / self.total_steps, 1)
        return self.base_lr * ((1 - progress) * self.start_factor + progress * self.end_factor)
