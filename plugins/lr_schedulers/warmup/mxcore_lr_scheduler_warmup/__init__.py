"""A warm-up in front of any schedule, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, non_negative
from mxcore.curves import Combination, finished, part
from mxcore.lr_scheduler import LRScheduler, evaluate

__all__ = ["WarmupScheduler"]


@hyperparameters
class WarmupScheduler(Combination):
    r"""The learning rate rises linearly to where another schedule starts, and then follows that schedule.

    .. math::

        p &= (t - 1) / warmup\_steps \\
        rate(t) &= \begin{cases}
        begin + (after(1) - begin) \cdot p & p < 1 \\
        after(t - warmup\_steps) & \text{otherwise}
        \end{cases}

    where ``begin`` is ``warmup_begin_lr``. ``schedule.warmup(steps)`` makes one:

    >>> import mxcore as mx
    >>> falling = mx.lr_scheduler.create("linear", total_steps=4, base_lr=0.4, start_factor=1.0, end_factor=0.0)
    >>> schedule = falling.warmup(2)
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 4, 5)]
    [0.0, 0.2, 0.4, 0.3, 0.2]

    The schedule starts when the warm-up is over, whereas the argument ``warmup_steps`` of MXNet's classes does not
    delay theirs.

    Args:
        after: the schedule, its name or its string.
        warmup_steps: the number of updates in which the rate rises.
        warmup_begin_lr: the learning rate of the first update.
        base_lr: see :class:`~mxcore.curves.Combination`: by default, that of ``after``.

    Raises:
        ValueError: ``warmup_begin_lr`` is above ``base_lr``.

    When to use it: a gentle start in front of any schedule, which begins after it. When not: MXNet's counting, in which
    warm-up does not delay the schedule: ``warmup_steps`` of its classes.

    References:
        P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
        https://arxiv.org/abs/1706.02677

    Differs from MXNet 1.9.1: MXNet has no such class; this is the warm-up of optax and of transformers.
    """

    family = "combination"
    examples = (
        {"after": ["cosine", {"max_update": 170}], "warmup_steps": 30},
        {"after": ["exponential", {"gamma": 0.8, "decay_steps": 25}], "warmup_steps": 30, "warmup_begin_lr": 0.002},
    )
    expected_failures = {"the_base_rate_can_be_assigned": {"warmup_begin_lr": "the first update is at warmup_begin_lr"}}
    bad_examples = (
        {"after": 0.1, "warmup_steps": 9},
        {"after": ["cosine", {"max_update": 9}], "warmup_steps": 9, "warmup_begin_lr": 0.1},
    )

    after: LRScheduler = part()
    warmup_steps: int = hyperparameter(integer(at_least=0))
    warmup_begin_lr: float = hyperparameter(0.0, non_negative)

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that let the rate rise for a tenth of the run; ``after`` is yours to choose."""
        return {"warmup_steps": updates // 10}

    def check_together(self) -> None:
        super().check_together()
        self.check_order("warmup_begin_lr")

    def combined_lr(self) -> float:
        return self.after.base_lr

    def rate(self, t: Any) -> Any:
        progress = finished(t) / max(self.warmup_steps, 1)
        top = self.scale * evaluate(self.after, [1])
        rising = self.warmup_begin_lr + (top - self.warmup_begin_lr) * progress
        over = finished(t) >= self.warmup_steps
        return np.where(over, self.scale * evaluate(self.after, np.where(over, t - self.warmup_steps, 1)), rising)
