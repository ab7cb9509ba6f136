"""A learning rate that moves between given values, for mxcore."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, non_negative, one_of, optional
from mxcore.curves import Curve, boundaries, finished, scales

__all__ = ["PiecewiseInterpolateScheduler"]


@hyperparameters
class PiecewiseInterpolateScheduler(Curve):
    r"""The learning rate moves from one value to the next, along lines or half cosines, and stays at the last.

    After ``boundaries[i]`` updates, the value is

    .. math::

        base\_lr \cdot \prod_{j \le i} scales_j

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.PiecewiseInterpolateScheduler([4, 8], [0.5, 0.0], base_lr=0.4)
    >>> [round(schedule(t), 6) for t in (1, 3, 5, 7, 9, 100)]
    [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]

    Args:
        boundaries: how many updates are finished at each value, increasing integers of at least 1; a list, tuple, range
            or array.
        scales: the factor from each value to the next, a list as long.
        base_lr: the initial learning rate.
        interpolate: ``"linear"`` or ``"cosine"``.

    When to use it: a curve through given points. When not: jumps: ``piecewiseconstant``.

    References:
        I. Babuschkin et al., "The DeepMind JAX ecosystem", 2020, https://github.com/google-deepmind/optax

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of optax's ``piecewise_interpolate_schedule``.
    """

    family = "decay"
    examples = (
        {"boundaries": [50, 100, 180], "scales": [0.5, 0.2, 2.0]},
        {"boundaries": [50, 100, 180], "scales": [0.5, 0.2, 2.0], "interpolate": "cosine"},
    )
    bad_examples = ({"boundaries": [5, 9], "scales": [0.5]}, {"boundaries": [5], "scales": [1], "interpolate": "cubic"})

    boundaries: Sequence[int] = boundaries()
    scales: Sequence[float] = scales()
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    interpolate: str = hyperparameter("linear", one_of("linear", "cosine"))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate to a fifth until half of the run, and again until three quarters."""
        return {"boundaries": [max(updates // 2, 1), max(updates * 3 // 4, 2)], "scales": [0.2, 0.2]}

    def check_together(self) -> None:
        self.check_lengths("boundaries", "scales")

    def rate(self, t: Any) -> Any:
        times, values = np.array([0, *self.boundaries]), np.cumprod((1, *self.scales))
        done = np.minimum(finished(t), times[-1])
        piece = np.searchsorted(times[1:], done)
        progress = (done - times[piece]) / (times[piece + 1] - times[piece])
        share = progress if self.interpolate == "linear" else (1 - np.cos(np.pi * progress)) / 2
        return self.base_lr * ((1 - share) * values[piece] + share * values[piece + 1])
