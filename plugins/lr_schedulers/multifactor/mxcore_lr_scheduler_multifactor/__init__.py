"""A learning rate that is multiplied by a factor after given updates, for mxcore."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, in_range
from mxcore.curves import as_tuple
from mxcore.lr_scheduler import LRScheduler
from mxcore.validators import increasing

__all__ = ["MultiFactorScheduler"]


share = in_range(0, 1)


def _is_factor(value: Any) -> bool:
    return all(map(share.accepts, value)) if isinstance(value, tuple) else share.accepts(value)


one_or_several = Validator(f"{share.requirement}, or a list of such factors", _is_factor)


@hyperparameters
class MultiFactorScheduler(LRScheduler):
    r"""The learning rate is multiplied by ``factor`` after each of the updates in ``step``.

    .. math::

        rate(t) = base\_lr \cdot factor^{\,\#\{s \in step \,:\, t > s\}}

    With a list of factors, each of these updates has its own. Updates during a warm-up count, too.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.MultiFactorScheduler(step=[10, 30], factor=0.5, base_lr=0.4)
    >>> [schedule(t) for t in (10, 11, 30, 31)]
    [0.4, 0.2, 0.2, 0.1]
    >>> schedule.factor = [0.5, 0.25]
    >>> schedule(31)
    0.05

    Args:
        step: the last update of each rate, increasing integers of at least 1; a list, tuple, range or array.
        factor: the factor, in [0, 1]; or one for each of the updates, a list as long as ``step``.
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
    or array; ``factor`` may be a list.
    """

    family = "decay"
    examples = ({"step": [10, 30], "factor": 0.5}, {"step": [10, 30], "factor": [0.5, 0.1]})
    bad_examples = ({"step": [10, 30], "factor": [0.5]}, {"step": [10], "factor": [1.5]})

    step: Sequence[int] = hyperparameter(increasing, converter=as_tuple)
    factor: float | Sequence[float] = hyperparameter(1, one_or_several, converter=as_tuple)

    def check_together(self) -> None:
        super().check_together()
        if isinstance(self.factor, tuple):
            self.check_lengths("step", "factor")

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that lower the rate to a fifth at one half and at three quarters of the run."""
        return {"step": [max(updates // 2, 1), max(updates * 3 // 4, 2)], "factor": 0.2}

    def rate(self, t: Any) -> Any:
        drops = np.searchsorted(self.step, t)
        if isinstance(self.factor, tuple):
            return self.base_lr * np.cumprod((1, *self.factor))[drops]
        return self.base_lr * self.factor**drops
