"""A multiple of a schedule, for mxcore."""

from typing import Any

from mxcore import hyperparameter, hyperparameters, non_negative
from mxcore.curves import Combination, part
from mxcore.lr_scheduler import LRScheduler, evaluate

__all__ = ["ScaleScheduler"]


@hyperparameters
class ScaleScheduler(Combination):
    r"""The learning rate is a multiple of what another schedule gives.

    .. math::

        rate(t) = factor \cdot schedule(t)

    ``factor * schedule`` makes one:

    >>> import mxcore as mx
    >>> schedule = 0.5 * mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4)
    >>> schedule(1), schedule(2), schedule.base_lr
    (0.2, 0.1, 0.2)

    Args:
        schedule: the schedule, its name or its string.
        factor: the factor, at least 0.
        base_lr: see :class:`~mxcore.curves.Combination`: by default, ``factor`` times that of ``schedule``.

    When to use it: the same shape at another rate, such as for a group of parameters. When not: a number that is the
    whole schedule's: assign ``base_lr``.

    References:
        I. Babuschkin et al., "The DeepMind JAX ecosystem", 2020, https://github.com/google-deepmind/optax

    Differs from MXNet 1.9.1: MXNet has no such class.
    """

    family = "combination"
    examples = ({"schedule": ["cosine", {"max_update": 100}], "factor": 0.5},)
    bad_examples = ({"schedule": ["cosine", {"max_update": 100}], "factor": -1}, {"schedule": 1, "factor": 1})

    schedule: LRScheduler = part()
    factor: float = hyperparameter(non_negative)

    def combined_lr(self) -> float:
        return self.factor * self.schedule.base_lr

    def rate(self, t: Any) -> Any:
        return self.scale * (self.factor * evaluate(self.schedule, t))
