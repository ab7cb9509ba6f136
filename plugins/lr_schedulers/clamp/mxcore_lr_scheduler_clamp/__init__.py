"""A schedule between two bounds, for mxcore."""

from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, non_negative, optional
from mxcore.curves import Combination, part
from mxcore.lr_scheduler import LRScheduler, evaluate

__all__ = ["ClampScheduler"]


@hyperparameters
class ClampScheduler(Combination):
    r"""The learning rate is what another schedule gives, but not below ``low`` and not above ``high``.

    .. math::

        rate(t) = \min(\max(schedule(t), low), high)

    ``schedule.clamp(low, high)`` makes one:

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4).clamp(0.1, 0.3)
    >>> [schedule(t) for t in (1, 2, 3, 4)]
    [0.3, 0.2, 0.1, 0.1]

    Args:
        schedule: the schedule, its name or its string.
        low: the lower bound; None for none.
        high: the upper bound; None for none.
        base_lr: see :class:`~mxcore.curves.Combination`: by default, that of ``schedule``. The bounds are not scaled.

    Raises:
        ValueError: ``low`` is above ``high``.

    When to use it: bounds on any schedule, such as a least rate below which it does not fall. When not: schedules that
    have a ``final_lr`` of their own.

    References:
        I. Babuschkin et al., "The DeepMind JAX ecosystem", 2020, https://github.com/google-deepmind/optax

    Differs from MXNet 1.9.1: MXNet has no such class; ``stop_factor_lr`` and ``final_lr`` of its classes are lower
    bounds.
    """

    family = "combination"
    examples = ({"schedule": ["exponential", {"gamma": 0.1, "decay_steps": 100}], "low": 0.002},)
    bad_examples = ({"schedule": ["cosine", {"max_update": 100}], "low": 0.2, "high": 0.1},)

    schedule: LRScheduler = part()
    low: float | None = hyperparameter(None, optional(non_negative))
    high: float | None = hyperparameter(None, optional(non_negative))

    def check_together(self) -> None:
        super().check_together()
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low must be at most high={self.high}, got {self.low}")

    def combined_lr(self) -> float:
        return self.schedule.base_lr

    def rate(self, t: Any) -> Any:
        high = np.inf if self.high is None else self.high
        return np.clip(self.scale * evaluate(self.schedule, t), self.low or 0.0, high)
