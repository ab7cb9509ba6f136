"""A learning rate that falls along half a cosine again and again, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, non_negative, optional
from mxcore.curves import Curve, finished

__all__ = ["CosineWarmRestartsScheduler"]


@hyperparameters
class CosineWarmRestartsScheduler(Curve):
    r"""The learning rate falls from ``base_lr`` to ``final_lr`` along half a cosine, and starts again.

    .. math::

        T_i &= period \cdot period\_mult^i \\
        u &= t - 1 - \textstyle\sum_{j < i} T_j \\
        rate(t) &= final\_lr + (base\_lr - final\_lr) \\
        &\quad \cdot \frac{1 + \cos(\pi u / T_i)}{2}

    where i = 0, 1, … is the number of restarts before update t.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.CosineWarmRestartsScheduler(period=2, base_lr=0.4, period_mult=2)
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 5, 7)]
    [0.4, 0.2, 0.4, 0.2, 0.4]

    Args:
        period: the number of updates of the first cycle, at least 1.
        base_lr: the learning rate at the start of each cycle.
        period_mult: how many times longer each cycle is than the one before, an integer of at least 1.
        final_lr: the rate towards which each cycle falls, at least 0 and at most ``base_lr``.

    When to use it: runs that may end at one of several times, each at the end of a cycle; and ensembles of what each
    cycle ends with. When not: a single end that is known: ``cosine`` does better there.

    References:
        I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``CosineAnnealingWarmRestarts``.
    """

    family = "cyclic"
    examples = ({"period": 40}, {"period": 20, "period_mult": 2, "final_lr": 0.001})
    bad_examples = ({"period": 0}, {"period": 9, "period_mult": 1.5}, {"period": 9, "final_lr": 0.1})
    expected_failures = {"the_final_rate_is_held": "cycles go on forever"}

    period: int = hyperparameter(integer(at_least=1))
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    period_mult: int = hyperparameter(1, integer(at_least=1))
    final_lr: float = hyperparameter(0, non_negative)

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments for three cycles, each twice as long as the one before, that fill the run."""
        return {"period": max(updates // 7, 1), "period_mult": 2}

    def check_together(self) -> None:
        self.check_order("final_lr")

    def rate(self, t: Any) -> Any:
        done = finished(t)
        starts, length = [0], self.period
        while self.period_mult > 1 and starts[-1] + length <= np.max(done, initial=0):
            starts.append(starts[-1] + length)
            length *= self.period_mult
        cycle = np.searchsorted(starts, done, side="right") - 1
        lengths = self.period * float(self.period_mult) ** cycle
        place = (done - np.array(starts, np.float64)[cycle]) % lengths
        return self.final_lr + (self.base_lr - self.final_lr) * (1 + np.cos(np.pi * place / lengths)) / 2
