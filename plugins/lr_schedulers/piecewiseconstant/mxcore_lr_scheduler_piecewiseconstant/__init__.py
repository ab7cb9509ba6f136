"""A learning rate that is multiplied by given factors after given updates, for mxcore."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, non_negative, optional
from mxcore.curves import Curve, boundaries, finished, scales

__all__ = ["PiecewiseConstantScheduler"]


@hyperparameters
class PiecewiseConstantScheduler(Curve):
    r"""The learning rate is multiplied by one of ``scales`` after each of ``boundaries`` updates.

    .. math::

        rate(t) = base\_lr \cdot \prod_{i \,:\, boundaries_i < t} scales_i

    ``multifactor`` with a list of factors is the same, but never rises.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.PiecewiseConstantScheduler([10, 30], [0.5, 2.0], base_lr=0.4)
    >>> [schedule(t) for t in (10, 11, 30, 31)]
    [0.4, 0.2, 0.2, 0.4]

    Args:
        boundaries: the last update of each rate, increasing integers of at least 1; a list, tuple, range or array.
        scales: the factor after each of them, a list as long.
        base_lr: the initial learning rate.

    When to use it: other factors at chosen updates, as optax writes them. When not: the same factor each time:
    ``multifactor`` or ``factor``.

    References:
        I. Babuschkin et al., "The DeepMind JAX ecosystem", 2020, https://github.com/google-deepmind/optax

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of optax's ``piecewise_constant_schedule``.
    """

    family = "decay"
    examples = ({"boundaries": [50, 100, 180], "scales": [0.5, 0.2, 2.0]},)
    bad_examples = ({"boundaries": [9, 5], "scales": [1, 1]}, {"boundaries": [5, 9], "scales": [0.5]})

    boundaries: Sequence[int] = boundaries()
    scales: Sequence[float] = scales()
    base_lr: float = hyperparameter(0.01, optional(non_negative))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate to a fifth at one half and at three quarters of the run."""
        return {"boundaries": [max(updates // 2, 1), max(updates * 3 // 4, 2)], "scales": [0.2, 0.2]}

    def check_together(self) -> None:
        self.check_lengths("boundaries", "scales")

    def rate(self, t: Any) -> Any:
        passed = np.searchsorted(self.boundaries, finished(t), side="right")
        return self.base_lr * np.cumprod((1, *self.scales))[passed]
