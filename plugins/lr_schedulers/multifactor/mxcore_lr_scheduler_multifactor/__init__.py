"""A learning rate that is multiplied by a factor after given updates, for mxcore."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, in_range, integer
from mxcore.lr_scheduler import LRScheduler

__all__ = ["MultiFactorScheduler"]


def _as_tuple(steps: Any) -> Any:
    """Return a copy, so that nothing can change after the checks; NumPy integers become Python's."""
    if not isinstance(steps, (list, tuple, range, np.ndarray)) or not getattr(steps, "ndim", 1):
        return steps
    return tuple(step.item() if isinstance(step, np.generic) else step for step in steps)


def _is_increasing(steps: Any) -> bool:
    if not isinstance(steps, tuple) or not steps:
        return False
    return all(map(integer(at_least=1).accepts, steps)) and all(a < b for a, b in pairwise(steps))


increasing = Validator("a list of increasing integers of at least 1", _is_increasing)


@hyperparameters
class MultiFactorScheduler(LRScheduler):
    r"""The learning rate is multiplied by ``factor`` after each of the updates in ``step``.

    .. math::

        rate(t) = base\_lr \cdot factor^{\,\#\{s \in step \,:\, t > s\}}

    Updates during a warm-up count, too.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.MultiFactorScheduler(step=[10, 30], factor=0.5, base_lr=0.4)
    >>> [schedule(t) for t in (10, 11, 30, 31)]
    [0.4, 0.2, 0.2, 0.1]

    Args:
        step: the last update of each rate, increasing integers of at least 1; a list, tuple, range or array.
        factor: the factor, in [0, 1].
        base_lr: the initial learning rate.
        warmup_steps: see :class:`~mxcore.lr_scheduler.LRScheduler`, like the next two.
        warmup_begin_lr: the learning rate at the start of the warm-up.
        warmup_mode: ``"linear"`` or ``"constant"``.

    When to use it: recipes that lower the learning rate at given updates. When not: runs whose length is still to be
    found: each change moves the updates.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: it is a pure function of t, independent of earlier calls; ``step`` may be a tuple, range
    or array.
    """

    family = "decay"
    examples = ({"step": [10, 30], "factor": 0.5},)

    step: Sequence[int] = hyperparameter(increasing, converter=_as_tuple)
    factor: float = hyperparameter(1, in_range(0, 1))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate to a fifth at one half and at three quarters of the run."""
        return {"step": [max(updates // 2, 1), max(updates * 3 // 4, 2)], "factor": 0.2}

    def rate(self, t: Any) -> Any:
        return self.base_lr * self.factor ** np.searchsorted(self.step, t)
