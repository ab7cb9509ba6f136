"""A learning rate that is multiplied by a factor at regular intervals, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, in_range, non_negative, positive
from mxcore.lr_scheduler import LRScheduler

__all__ = ["FactorScheduler"]

at_least_one = Validator("a number of at least 1", lambda value: positive.accepts(value) and value >= 1)


@hyperparameters
class FactorScheduler(LRScheduler):
    r"""The learning rate is multiplied by ``factor`` every ``step`` updates.

    .. math::

        n &= \lfloor (t - 1) / step \rfloor \\
        rate(t) &= \max(base\_lr \cdot factor^n, \; stop\_factor\_lr)

    so that updates 1 … step run at ``base_lr``. Updates during a warm-up count, too.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.FactorScheduler(step=100, factor=0.5, base_lr=0.4)
    >>> [schedule(t) for t in (1, 100, 101, 201)]
    [0.4, 0.4, 0.2, 0.1]

    Args:
        step: the number of updates at the same rate, at least 1.
        factor: the factor, in [0, 1].
        stop_factor_lr: the rate never falls below this; it never raises the rate above ``base_lr``.
        base_lr: the initial learning rate.
        warmup_steps: see :class:`~mxcore.lr_scheduler.LRScheduler`, like the next two.
        warmup_begin_lr: the learning rate at the start of the warm-up.
        warmup_mode: ``"linear"`` or ``"constant"``.

    When to use it: runs of unknown length, or a decay at regular intervals. When not: runs whose length is known, where
    ``cosine`` needs no tuning of intervals.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: it is a pure function of t, independent of earlier calls; a ``stop_factor_lr`` above
    ``base_lr`` does not raise the rate.
    """

    family = "decay"
    examples = ({"step": 10, "factor": 0.5}, {"step": 1, "factor": 0.9, "stop_factor_lr": 1e-3})

    step: float = hyperparameter(at_least_one)
    factor: float = hyperparameter(1, in_range(0, 1))
    stop_factor_lr: float = hyperparameter(1e-8, non_negative)

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate by a quarter, ten times."""
        return {"step": max(updates // 10, 1), "factor": 0.75}

    def rate(self, t: Any) -> Any:
        drops = np.maximum((t - 1) // self.step, 0)
        return np.maximum(self.base_lr * self.factor**drops, np.minimum(self.stop_factor_lr, self.base_lr))
