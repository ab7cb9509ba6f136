"""A learning rate that is multiplied by a factor in each update, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer, non_negative, optional, positive
from mxcore.curves import Curve, finished

__all__ = ["ExponentialScheduler"]


@hyperparameters
class ExponentialScheduler(Curve):
    r"""The learning rate is multiplied by ``gamma`` over every ``decay_steps`` updates, a little in each.

    .. math::

        u &= \max(t - 1 - begin, \; 0) \\
        rate(t) &= base\_lr \cdot gamma^{\,u / decay\_steps}

    With ``staircase``, the exponent is rounded down, so that the rate falls in steps.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.ExponentialScheduler(gamma=0.25, base_lr=0.4, decay_steps=10)
    >>> [round(schedule(t), 6) for t in (1, 6, 11, 21)]
    [0.4, 0.2, 0.1, 0.025]

    Args:
        gamma: the factor, above 0.
        base_lr: the initial learning rate.
        decay_steps: the number of updates over which the rate is multiplied by ``gamma`` once.
        staircase: whether to multiply at the end of ``decay_steps`` updates instead of gradually.
        begin: the number of updates at the initial rate before.
        final_lr: the rate never falls below this, or never rises above it if ``gamma`` is above 1.

    When to use it: a rate that falls by the same factor with each update or epoch, and runs without a known end. When
    not: deep networks with a known end, which ``cosine`` and ``wsd`` suit better: most of the time is spent at low
    rates.

    References:
        I. Babuschkin et al., "The DeepMind JAX ecosystem", 2020, https://github.com/google-deepmind/optax

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of optax's ``exponential_decay``, and of torch's
    ``ExponentialLR`` with ``decay_steps=1``.
    """

    family = "decay"
    examples = ({"gamma": 0.1, "decay_steps": 100}, {"gamma": 0.5, "decay_steps": 50, "staircase": True})
    bad_examples = ({"gamma": 0}, {"gamma": 0.5, "base_lr": 0.1, "final_lr": 0.2}, {"gamma": 2, "final_lr": 1e-3})

    gamma: float = hyperparameter(positive)
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    decay_steps: float = hyperparameter(1, positive)
    staircase: bool = hyperparameter(False)
    begin: int = hyperparameter(0, integer(at_least=0))
    final_lr: float | None = hyperparameter(None, optional(non_negative))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate to a hundredth over the run."""
        return {"gamma": 0.01, "decay_steps": updates}

    def check_together(self) -> None:
        if self.final_lr is None or self.base_lr is None:
            return
        if self.gamma < 1:
            self.check_order("final_lr")
        elif self.final_lr < self.base_lr:
            raise ValueError(f"final_lr must be at least base_lr={self.base_lr} with gamma >= 1, got {self.final_lr}")

    def rate(self, t: Any) -> Any:
        exponent = np.maximum(finished(t) - self.begin, 0) / self.decay_steps
        rates = self.base_lr * self.gamma ** (np.floor(exponent) if self.staircase else exponent)
        if self.final_lr is None:
            return rates
        return np.maximum(rates, self.final_lr) if self.gamma < 1 else np.minimum(rates, self.final_lr)
