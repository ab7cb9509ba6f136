"""Schedules one after another, for mxcore."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxcore import hyperparameters
from mxcore.curves import Combination, boundaries, parts
from mxcore.lr_scheduler import LRScheduler, evaluate

__all__ = ["JoinScheduler"]


@hyperparameters
class JoinScheduler(Combination):
    r"""The learning rate follows schedules in turn, each from its own start.

    .. math::

        i &= \#\{j \,:\, boundaries_j < t\} \\
        rate(t) &= schedulers_i(t - boundaries_{i-1})

    ``one.join(other, at=4)`` and :func:`~mxcore.lr_scheduler.join` make one:

    >>> import mxcore as mx
    >>> rising = mx.lr_scheduler.create("linear", total_steps=4, base_lr=0.4, start_factor=0.0)
    >>> schedule = rising.join(mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4), at=4)
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 4, 5, 6, 7)]
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.2, 0.1]

    A joined schedule among the schedules is replaced by its own.

    Args:
        schedulers: the schedules, their names or strings.
        boundaries: how many updates are finished when each schedule but the first starts.
        base_lr: see :class:`~mxcore.curves.Combination`: by default, the largest one of ``schedulers``.

    Raises:
        ValueError: the boundaries don't increase, or there is not one less than schedules.

    When to use it: one schedule after another. When not: a warm-up alone: ``warmup`` is shorter to write.

    References:
        I. Babuschkin et al., "The DeepMind JAX ecosystem", 2020, https://github.com/google-deepmind/optax

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of optax's ``join_schedules`` and of torch's
    ``SequentialLR``.
    """

    family = "combination"
    examples = (
        {
            "schedulers": [["linear", {"total_steps": 50}], ["exponential", {"gamma": 0.1, "decay_steps": 100}]],
            "boundaries": [50],
        },
        {
            "schedulers": [["poly", {"max_update": 50}], ["cosine", {"max_update": 90, "base_lr": 0.005}]],
            "boundaries": [60],
        },
    )
    bad_examples = (
        {"schedulers": [], "boundaries": []},
        {"schedulers": [["linear", {"total_steps": 50}]], "boundaries": [5]},
        {"schedulers": [["linear", {"total_steps": 50}]] * 3, "boundaries": [5, 5]},
    )

    schedulers: Sequence[LRScheduler] = parts()
    boundaries: Sequence[int] = boundaries(may_be_empty=True)

    def __attrs_post_init__(self) -> None:
        self._check_boundaries()
        self._flatten()
        super().__attrs_post_init__()

    def check_together(self) -> None:
        super().check_together()
        self._check_boundaries()

    def _check_boundaries(self) -> None:
        if len(self.boundaries) != len(self.schedulers) - 1:
            wanted = len(self.schedulers) - 1
            raise ValueError(f"boundaries must be one less than schedulers, {wanted}, got {len(self.boundaries)}")

    def _flatten(self) -> None:
        """Replace joined schedules by theirs, without those that would start after their end."""
        starts, ends = (0, *self.boundaries), (*self.boundaries, float("inf"))
        found: list[tuple[int, LRScheduler]] = []
        for start, end, one in zip(starts, ends, self.schedulers, strict=True):
            found.append((start, one))
            if isinstance(one, JoinScheduler) and one.scale == 1:
                inner = zip((0, *one.boundaries), one.schedulers, strict=True)
                found[-1:] = [(start + own, each) for own, each in inner if start + own < end]
        vars(self).update(schedulers=tuple(one for _, one in found), boundaries=tuple(at for at, _ in found[1:]))

    def combined_lr(self) -> float:
        return max(one.base_lr for one in self.schedulers)

    def rate(self, t: Any) -> Any:
        starts = np.array([0, *self.boundaries])
        place = np.searchsorted(starts[1:], t)  # the start that is below t
        rates = np.empty(np.shape(t))
        for number, one in enumerate(self.schedulers):
            if (own := place == number).any():
                rates[own] = evaluate(one, t[own] - starts[number])
        return self.scale * rates
