"""A learning rate that falls as one over the square root of the updates, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, non_negative, optional, positive
from mxcore.curves import Curve, finished

__all__ = ["InverseSqrtScheduler"]


@hyperparameters
class InverseSqrtScheduler(Curve):
    r"""The learning rate rises linearly, and then falls as one over the square root of the updates.

    .. math::

        u &= t - 1 - warmup\_steps \\
        rate(t) &= base\_lr \cdot \begin{cases}
        \frac{t - 1}{warmup\_steps} & u < 0 \\
        \frac{1}{\sqrt{1 + u / timescale}} & u \ge 0
        \end{cases}

    It needs no length of the run. The schedule of "Attention is all you need" is this one with
    ``base_lr=(model_size * warmup_steps) ** -0.5``, up to one update.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.InverseSqrtScheduler(warmup_steps=4, base_lr=0.4)
    >>> [round(schedule(t), 6) for t in (1, 3, 5, 17)]
    [0.0, 0.2, 0.4, 0.2]

    Args:
        warmup_steps: the number of updates in which the rate rises from 0; 0 for none.
        base_lr: the learning rate after the warm-up.
        timescale: after how many more updates than this the rate has fallen by a factor of √2; by default
            ``warmup_steps``, or 10 000 if these are 0.

    When to use it: transformers trained for an unknown time. When not: a known end: the rate is still high there.

    References:
        A. Vaswani et al., "Attention is all you need", NeurIPS 2017, https://arxiv.org/abs/1706.03762

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of ``get_inverse_sqrt_schedule`` of
    transformers.
    """

    family = "decay"
    examples = ({"warmup_steps": 50}, {"warmup_steps": 0, "timescale": 20})
    bad_examples = ({"warmup_steps": -1}, {"warmup_steps": 9, "timescale": 0})

    warmup_steps: int = hyperparameter(integer(at_least=0))
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    timescale: float | None = hyperparameter(None, optional(positive))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that let the rate rise for a tenth of the run."""
        return {"warmup_steps": updates // 10}

    def rate(self, t: Any) -> Any:
        done, rising = finished(t), self.warmup_steps
        scale = (rising or 10_000) if self.timescale is None else self.timescale
        falling = 1 / np.sqrt(1 + np.maximum(done - rising, 0) / scale)
        return self.base_lr * np.where(done < rising, done / max(rising, 1), falling)
