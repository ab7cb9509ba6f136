"""A learning rate that falls along half a cosine, for mxcore."""

from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, non_negative, optional
from mxcore.lr_scheduler import LRScheduler

__all__ = ["CosineScheduler"]


@hyperparameters
class CosineScheduler(LRScheduler):
    r"""The learning rate falls from ``base_lr`` to ``final_lr`` along half a period of a cosine, and stays there.

    .. math::

        p &= \min\left(\frac{t - warmup\_steps}{max\_update - warmup\_steps}, \; 1\right) \\
        rate(t) &= final\_lr + (base\_lr - final\_lr) \cdot \frac{1 + \cos(\pi p)}{2}

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.CosineScheduler(max_update=100, base_lr=0.4)
    >>> [round(schedule(t), 6) for t in (0, 50, 100, 1000)]
    [0.4, 0.2, 0.0, 0.0]

    Args:
        max_update: the update that ends the schedule, at least 1.
        base_lr: the learning rate at update 0, or at the end of the warm-up.
        final_lr: the learning rate from ``max_update`` on, at least 0 and at most ``base_lr``.
        warmup_steps: see :class:`~mxcore.lr_scheduler.LRScheduler`, like the next two; less than ``max_update``.
        warmup_begin_lr: the learning rate at the start of the warm-up.
        warmup_mode: ``"linear"`` or ``"constant"``.

    When to use it: runs whose length is known, as the usual choice for deep networks. When not: runs that may be
    prolonged: it ends at a fixed update.

    References:
        I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983 (one period, without restarts)

    Differs from MXNet 1.9.1: after ``max_update`` the rate is ``final_lr``, not the rate of the last call; assigning
    ``base_lr`` takes effect; a warm-up that leaves no update is refused (there, a division by zero), and so is a
    ``final_lr`` above ``base_lr``.
    """

    family = "decay"
    examples = ({"max_update": 100}, {"max_update": 50, "final_lr": 0.001})

    max_update: int = hyperparameter(integer(at_least=1))
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    final_lr: float = hyperparameter(0, non_negative)

    def check_together(self) -> None:
        super().check_together()
        self.check_order("final_lr")
        if self.warmup_steps >= self.max_update:
            raise ValueError(f"warmup_steps must be less than max_update={self.max_update}, got {self.warmup_steps}")

    def rate(self, t: Any) -> Any:
        progress = np.minimum((t - self.warmup_steps) / (self.max_update - self.warmup_steps), 1)
        return self.final_lr + (self.base_lr - self.final_lr) * (1 + np.cos(np.pi * progress)) / 2
