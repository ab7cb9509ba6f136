"""A learning rate that falls along a polynomial, for mxcore."""

from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, non_negative, optional, positive
from mxcore.lr_scheduler import LRScheduler

__all__ = ["PolyScheduler"]


@hyperparameters
class PolyScheduler(LRScheduler):
    r"""The learning rate falls from ``base_lr`` to ``final_lr`` as a power of the remaining updates, and stays there.

    .. math::

        p &= \min\left(\frac{t - warmup\_steps}{max\_update - warmup\_steps}, \; 1\right) \\
        rate(t) &= final\_lr + (base\_lr - final\_lr) \cdot (1 - p)^{pwr}

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.PolyScheduler(max_update=100, base_lr=0.4, pwr=2)
    >>> [schedule(t) for t in (0, 50, 100, 1000)]
    [0.4, 0.1, 0.0, 0.0]

    Args:
        max_update: the update that ends the schedule, at least 1.
        base_lr: the learning rate at update 0, or at the end of the warm-up.
        pwr: the power, above 0; 1 for a straight line.
        final_lr: the learning rate from ``max_update`` on, at least 0 and at most ``base_lr``.
        warmup_steps: see :class:`~mxcore.lr_scheduler.LRScheduler`, like the next two; less than ``max_update``.
        warmup_begin_lr: the learning rate at the start of the warm-up.
        warmup_mode: ``"linear"`` or ``"constant"``.

    When to use it: a linear decay to the end, as for fine-tuning. When not: runs that may be prolonged: it ends at a
    fixed update.

    References:
        W. Liu, A. Rabinovich and A. C. Berg, "ParseNet: looking wider to see better", 2015,
        https://arxiv.org/abs/1506.04579

    Differs from MXNet 1.9.1: after ``max_update`` the rate is ``final_lr``, not the rate of the last call; assigning
    ``base_lr`` takes effect; a warm-up that leaves no update is refused (there, a division by zero), and so is a
    ``final_lr`` above ``base_lr``.
    """

    family = "decay"
    examples = ({"max_update": 100}, {"max_update": 50, "pwr": 0.5, "final_lr": 0.001})

    max_update: int = hyperparameter(integer(at_least=1))
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    pwr: float = hyperparameter(2, positive)
    final_lr: float = hyperparameter(0, non_negative)

    def check_together(self) -> None:
        super().check_together()
        self.check_order("final_lr")
        if self.warmup_steps >= self.max_update:
            raise ValueError(f"warmup_steps must be less than max_update={self.max_update}, got {self.warmup_steps}")

    def rate(self, t: Any) -> Any:
        progress = np.minimum((t - self.warmup_steps) / (self.max_update - self.warmup_steps), 1)
        return self.final_lr + (self.base_lr - self.final_lr) * (1 - progress) ** self.pwr
