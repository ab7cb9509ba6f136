"""A learning rate that rises, stays and falls, for mxcore."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, one_of, optional
from mxcore.curves import Curve, finished

__all__ = ["WSDScheduler"]

_FALLS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda p: 1 - p,
    "cosine": lambda p: (1 + np.cos(np.pi * p)) / 2,
    "1-sqrt": lambda p: 1 - np.sqrt(p),
}
_shape = one_of(*_FALLS)


@hyperparameters
class WSDScheduler(Curve):
    r"""Warm-up, stable, decay: the learning rate rises, stays for most of the run, and falls at its end.

    .. math::

        x &= \begin{cases}
        f\left(1 - \frac{t - 1}{warmup\_steps}\right) & \text{first} \\
        1 & \text{then} \\
        f(u / decay\_steps) & \text{at the end}
        \end{cases} \\
        rate(t) &= base\_lr \cdot (final\_ratio \\
        &\quad + (1 - final\_ratio) \cdot x)

    where u counts the updates of the decay, and f falls from 1 to 0:

    .. math::

        \text{linear} &: \; f(p) = 1 - p \\
        \text{cosine} &: \; f(p) = (1 + \cos \pi p) / 2 \\
        \text{1-sqrt} &: \; f(p) = 1 - \sqrt p

    To train for longer, continue from a checkpoint at the stable rate, and decay later.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.WSDScheduler(10, 4, base_lr=0.4, warmup_steps=2, decay_type="1-sqrt")
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 12, 14, 17)]
    [0.0, 0.2, 0.4, 0.4, 0.2, 0.0]

    Args:
        stable_steps: the number of updates at ``base_lr``.
        decay_steps: the number of updates in which the rate falls.
        base_lr: the stable rate.
        warmup_steps: the number of updates in which the rate rises.
        warmup_type: the shape of the rise, ``"linear"``, ``"cosine"`` or ``"1-sqrt"``.
        decay_type: the shape of the fall, one of these.
        final_ratio: the share of ``base_lr`` at which the rate starts and ends, in [0, 1].

    When to use it: runs that may be prolonged: continue from before the decay with a later one. When not: a fixed short
    run, in which ``cosine`` does as well with nothing to choose.

    References:
        S. Hu et al., "MiniCPM: unveiling the potential of small language models with scalable training strategies",
        2024, https://arxiv.org/abs/2404.06395

        A. Hägele et al., "Scaling laws and compute-optimal training beyond fixed training durations", NeurIPS 2024,
        https://arxiv.org/abs/2405.18392 (the shape 1-sqrt)

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of ``get_wsd_schedule`` of transformers.
    """

    family = "decay"
    examples = (
        {"stable_steps": 120, "decay_steps": 80, "warmup_steps": 30},
        {"stable_steps": 120, "decay_steps": 80, "warmup_steps": 30, "decay_type": "1-sqrt"},
    )
    bad_examples = (
        {"stable_steps": -1, "decay_steps": 9},
        {"stable_steps": 9, "decay_steps": 9, "decay_type": "cubic"},
    )

    stable_steps: int = hyperparameter(integer(at_least=0))
    decay_steps: int = hyperparameter(integer(at_least=1))
    base_lr: float = hyperparameter(0.01, optional(non_negative))
    warmup_steps: int = hyperparameter(0, integer(at_least=0))
    warmup_type: str = hyperparameter("linear", _shape)
    decay_type: str = hyperparameter("cosine", _shape)
    final_ratio: float = hyperparameter(0.0, in_range(0, 1))

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return arguments that let the rate rise for a twentieth of the run and fall in its last fifth."""
        rise, fall = updates // 20, max(updates // 5, 1)
        return {"stable_steps": max(updates - rise - fall, 0), "decay_steps": fall, "warmup_steps": rise}

    def rate(self, t: Any) -> Any:
        done, rise = finished(t), self.warmup_steps
        rising = _FALLS[self.warmup_type](1 - np.minimum(done / max(rise, 1), 1))
        falling = _FALLS[self.decay_type](np.clip((done - rise - self.stable_steps) / self.decay_steps, 0, 1))
        x = np.where(done < rise, rising, falling)
        return self.base_lr * (x * (1 - self.final_ratio) + self.final_ratio)
