"""A schedule that starts again, for mxcore."""

from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, optional
from mxcore.curves import Combination, finished, part
from mxcore.lr_scheduler import LRScheduler, evaluate

__all__ = ["RepeatScheduler"]


@hyperparameters
class RepeatScheduler(Combination):
    r"""The learning rate follows another schedule, which starts again after every ``period`` updates.

    .. math::

        c &= \min\left(\left\lfloor\frac{t - 1}{period}\right\rfloor, \; times - 1\right) \\
        rate(t) &= schedule(t - c \cdot period)

    ``schedule.repeat(period)`` makes one:

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4).repeat(2, times=2)
    >>> [schedule(t) for t in (1, 2, 3, 4, 5)]
    [0.4, 0.2, 0.4, 0.2, 0.1]

    Args:
        schedule: the schedule, its name or its string.
        period: the number of updates after which it starts again, at least 1.
        times: how often it runs; the last time it goes on to its end. None for no end.
        base_lr: see :class:`~mxcore.curves.Combination`: by default, that of ``schedule``.

    When to use it: the same schedule over and over, such as restarts of any shape. When not: cosines:
    ``cosinewarmrestarts`` lets cycles grow.

    References:
        I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983 (of a cosine)

    Differs from MXNet 1.9.1: MXNet has no such class.
    """

    family = "combination"
    examples = (
        {"schedule": ["linear", {"total_steps": 60}], "period": 60},
        {"schedule": ["cosine", {"max_update": 50}], "period": 50, "times": 3},
    )
    bad_examples = ({"schedule": ["cosine", {"max_update": 50}], "period": 0},)
    expected_failures = {"the_final_rate_is_held": {"period=60": "without an end, it goes on starting again"}}

    schedule: LRScheduler = part()
    period: int = hyperparameter(integer(at_least=1))
    times: int | None = hyperparameter(None, optional(integer(at_least=1)))

    def combined_lr(self) -> float:
        return self.schedule.base_lr

    def rate(self, t: Any) -> Any:
        cycle = finished(t) // self.period
        if self.times is not None:
            cycle = np.minimum(cycle, self.times - 1)
        return self.scale * evaluate(self.schedule, t - cycle * self.period)
