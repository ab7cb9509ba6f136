"""A learning rate that rises and falls again and again, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, one_of, optional
from mxcore.curves import Curve, finished

__all__ = ["CyclicScheduler"]


@hyperparameters
class CyclicScheduler(Curve):
    r"""The learning rate rises linearly from ``base_lr`` to ``max_lr`` and falls back, again and again.

    .. math::

        u &= (t - 1) \bmod (up + down) \\
        h(t) &= \begin{cases}
        u / up & u \le up \\
        (up + down - u) / down & \text{otherwise}
        \end{cases} \\
        rate(t) &= base\_lr \\
        &\quad + (max\_lr - base\_lr) \cdot h(t) \cdot s(t)

    where ``up`` is ``step_size_up``, ``down`` is ``step_size_down``, and s is 1 for ``"triangular"``, is halved after
    each cycle for ``"triangular2"``, and is :math:`gamma^{t - 1}` for ``"exp_range"``.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.CyclicScheduler(base_lr=0.1, max_lr=0.5, step_size_up=2)
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 4, 5, 6)]
    [0.1, 0.3, 0.5, 0.3, 0.1, 0.3]

    Args:
        base_lr: the lower bound.
        max_lr: the upper bound, not below ``base_lr``; by default four times ``base_lr``.
        step_size_up: the number of updates in which the rate rises.
        step_size_down: the number of updates in which it falls; by default as many.
        mode: ``"triangular"``, ``"triangular2"`` or ``"exp_range"``.
        gamma: the factor per update of ``"exp_range"``, in [0, 1].

    When to use it: exploring a range of rates without knowing which suits, as in the paper. When not: a run of known
    length: ``onecycle`` or ``cosine``.

    References:
        L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
        https://arxiv.org/abs/1506.01186

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``CyclicLR`` without its cycle of the
    momentum.
    """

    family = "cyclic"
    examples = ({"step_size_up": 20}, {"step_size_up": 20, "step_size_down": 30, "mode": "triangular2"})
    bad_examples = ({"base_lr": 0.2, "max_lr": 0.1}, {"step_size_up": 0}, {"mode": "square"}, {"gamma": 1.5})
    expected_failures = {
        "rates_are_bounded": "rates are between base_lr and max_lr",
        "the_final_rate_is_held": "cycles go on forever",
    }

    base_lr: float = hyperparameter(0.01, optional(non_negative))
    max_lr: float | None = hyperparameter(None, optional(non_negative))
    step_size_up: int = hyperparameter(2000, integer(at_least=1))
    step_size_down: int | None = hyperparameter(None, optional(integer(at_least=1)))
    mode: str = hyperparameter("triangular", one_of("triangular", "triangular2", "exp_range"))
    gamma: float = hyperparameter(1.0, in_range(0, 1))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments for four cycles."""
        return {"step_size_up": max(updates // 8, 1)}

    def check_together(self) -> None:
        if self.max_lr is not None and self.base_lr is not None and self.max_lr < self.base_lr:
            raise ValueError(f"max_lr must be at least base_lr={self.base_lr}, got {self.max_lr}")

    def rate(self, t: Any) -> Any:
        up, down = self.step_size_up, self.step_size_down or self.step_size_up
        cycle, place = np.divmod(finished(t), up + down)
        height = np.where(place <= up, place / up, (up + down - place) / down)
        if self.mode == "triangular2":
            height = height * 0.5**cycle
        elif self.mode == "exp_range":
            height = height * self.gamma ** finished(t)
        top = 4 * self.base_lr if self.max_lr is None else self.max_lr
        return self.base_lr + (top - self.base_lr) * height
