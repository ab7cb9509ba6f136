"""A learning rate that falls when a metric stops improving, for mxcore."""

import math
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, one_of, optional
from mxcore.curves import Curve

__all__ = ["ReduceOnPlateau"]


@hyperparameters
class ReduceOnPlateau(Curve):
    r"""The learning rate is multiplied by ``factor`` when a metric has not improved for some time.

    Tell it the metric, such as the validation loss after each epoch:

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.ReduceOnPlateau(base_lr=0.4, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.1, 2.2):
    ...     schedule.observe(loss)
    >>> schedule(100)
    0.2

    ``module.fit`` with ``eval_data`` and ``mxcore train`` do so. A metric m is better than the best one so far, b, if

    .. math::

        \text{min, rel} &: \; m < b \cdot (1 - threshold) \\
        \text{max, rel} &: \; m > b \cdot (1 + threshold) \\
        \text{min, abs} &: \; m < b - threshold \\
        \text{max, abs} &: \; m > b + threshold

    and bad otherwise, NaN included. After more than ``patience`` bad ones in a row, the rate falls, and the next
    ``cooldown`` ones don't count as bad. After r reductions,

    .. math::

        rate = \max(base\_lr \cdot factor^r, \; min\_lr)

    in whatever update. What has been observed, ``best``, ``bad``, ``cooling`` and ``reductions``, is saved with an
    optimizer's state.

    Args:
        base_lr: the initial learning rate.
        mode: ``"min"`` if a small metric is good, ``"max"`` if a large one is.
        factor: the factor, in [0, 1).
        patience: how many bad metrics in a row are tolerated.
        threshold: by how much a metric must be better.
        threshold_mode: whether that is a share of the best one, ``"rel"``, or a difference, ``"abs"``.
        cooldown: for how many metrics after a reduction bad ones don't count.
        min_lr: the rate never falls below this; it never raises the rate above ``base_lr``.
        epsilon: a reduction by no more than this is left out.

    When to use it: runs whose end is unknown, if there is a metric to watch. When not: noisy metrics, or a known end:
    ``cosine`` needs no patience to be tuned. It cannot be computed ahead.

    References:
        A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
        NeurIPS 2012, https://doi.org/10.1145/3065386 (section 5, by hand)

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``ReduceLROnPlateau``. optax's
    ``reduce_on_plateau`` falls one bad metric earlier.
    """

    family = "metric"
    examples = ({}, {"mode": "max", "patience": 2, "min_lr": 1e-3})
    bad_examples = ({"factor": 1}, {"mode": "up"}, {"patience": -1}, {"threshold_mode": "log"}, {"min_lr": -1})

    base_lr: float = hyperparameter(0.01, optional(non_negative))
    mode: str = hyperparameter("min", one_of("min", "max"))
    factor: float = hyperparameter(0.1, in_range(0, 1, right_open=True))
    patience: int = hyperparameter(10, integer(at_least=0))
    threshold: float = hyperparameter(1e-4, non_negative)
    threshold_mode: str = hyperparameter("rel", one_of("rel", "abs"))
    cooldown: int = hyperparameter(0, integer(at_least=0))
    min_lr: float = hyperparameter(0.0, non_negative)
    epsilon: float = hyperparameter(1e-8, non_negative)

    def __attrs_post_init__(self) -> None:
        self.best: float | None = None
        self.bad = self.cooling = self.reductions = 0
        super().__attrs_post_init__()

    def __call__(self, num_update: Any) -> Any:
        """Return the present learning rate, whatever the update; for an array of updates an array of it."""
        rate = self._after(self.reductions)
        return np.full(np.shape(num_update), rate) if np.ndim(num_update) else rate

    def observe(self, metric: float) -> None:
        """Take notice of a metric, and reduce the rate if there have been too many bad ones.

        Raises:
            TypeError: it is not a number.
        """
        value = float(metric)
        if self._is_better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            if self._after(self.reductions) - self._after(self.reductions + 1) > self.epsilon:
                self.reductions += 1
            self.cooling, self.bad = self.cooldown, 0

    def _is_better(self, metric: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        best = -math.inf * sign if self.best is None else self.best
        bound = best * (1 + sign * self.threshold) if self.threshold_mode == "rel" else best + sign * self.threshold
        return metric * sign > bound * sign

    def _after(self, reductions: int) -> float:
        """Return the rate after a number of reductions."""
        return float(max(self.base_lr * self.factor**reductions, min(self.min_lr, self.base_lr)))
