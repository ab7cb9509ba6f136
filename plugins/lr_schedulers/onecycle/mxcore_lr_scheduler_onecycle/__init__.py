"""A learning rate that rises once and falls, for mxcore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, one_of, optional, positive
from mxcore.curves import Curve, finished

__all__ = ["OneCycleScheduler"]


@hyperparameters
class OneCycleScheduler(Curve):
    r"""The learning rate rises to ``max_lr`` and falls far below where it started, over a run of known length.

    .. math::

        initial &= max\_lr / div\_factor \\
        minimum &= initial / final\_div\_factor

    After the first update, at ``initial``, the rate reaches these after the given numbers of updates:

    .. math::

        max\_lr &: \quad pct\_start \cdot total\_steps - 1 \\
        minimum &: \quad total\_steps - 1

    and with ``three_phase``, it takes as long to fall to ``initial`` as it took to rise. Between them it follows half a
    cosine or a straight line, and at the end it stays at ``minimum``.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.OneCycleScheduler(total_steps=100, max_lr=0.5, pct_start=0.25)
    >>> [round(schedule(t), 6) for t in (1, 13, 25, 100)]
    [0.02, 0.26, 0.5, 2e-06]

    Args:
        total_steps: the number of updates of the run.
        max_lr: the maximum, which is also the attribute ``base_lr``.
        pct_start: the share of the run in which the rate rises, in (0, 1).
        anneal: ``"cos"`` or ``"linear"``.
        div_factor: how many times smaller than the maximum the initial rate is.
        final_div_factor: how many times smaller than the initial rate the minimum is.
        three_phase: whether the rate falls to the initial rate first, and then to the minimum.

    Raises:
        ValueError: the phases don't fit into ``total_steps`` updates.

    When to use it: short runs at high rates: rising takes a third of the run, and falling the rest. When not: runs that
    may be prolonged: it ends at a fixed update.

    References:
        L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large learning rates",
        2017, https://arxiv.org/abs/1708.07120

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``OneCycleLR`` without its cycle of
    the momentum. optax's ``cosine_onecycle_schedule`` reaches each phase about one update later.
    """

    family = "cyclic"
    examples = ({"total_steps": 200}, {"total_steps": 200, "anneal": "linear", "three_phase": True})
    bad_examples = ({"total_steps": 2}, {"total_steps": 100, "pct_start": 0.6, "three_phase": True})

    total_steps: int = hyperparameter(integer(at_least=1))
    base_lr: float = hyperparameter(0.01, optional(non_negative), alias="max_lr")
    pct_start: float = hyperparameter(0.3, in_range(0, 1, left_open=True, right_open=True))
    anneal: str = hyperparameter("cos", one_of("cos", "linear"))
    div_factor: float = hyperparameter(25.0, positive)
    final_div_factor: float = hyperparameter(1e4, positive)
    three_phase: bool = hyperparameter(False)

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        return {"total_steps": max(updates, 4)}

    def check_together(self) -> None:
        ends = self._ends()
        if min(np.diff([0, *ends])) <= 0:
            raise ValueError(
                f"the phases must end one after the other: pct_start={self.pct_start} of "
                f"total_steps={self.total_steps} ends them after {', '.join(f'{end:g}' for end in ends)} updates"
            )

    def _ends(self) -> list[float]:
        """Return after how many updates each phase ends."""
        rise, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        return [rise, 2 * rise, last] if self.three_phase else [rise, last]

    def rate(self, t: Any) -> Any:
        initial = self.base_lr / self.div_factor
        back = [initial] if self.three_phase else []
        rates = np.array([initial, self.base_lr, *back, initial / self.final_div_factor])
        times = np.array([0.0, *self._ends()])
        done = np.minimum(finished(t), times[-1])
        phase = np.searchsorted(times[1:], done)
        progress = (done - times[phase]) / (times[phase + 1] - times[phase])
        share = progress if self.anneal == "linear" else (1 - np.cos(np.pi * progress)) / 2
        return (1 - share) * rates[phase] + share * rates[phase + 1]
