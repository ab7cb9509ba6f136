"""The product of schedules, for mxcore."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxcore import hyperparameters
from mxcore.curves import Combination, parts
from mxcore.lr_scheduler import LRScheduler, evaluate

__all__ = ["ProductScheduler"]


@hyperparameters
class ProductScheduler(Combination):
    r"""The learning rate is the product of the rates of other schedules.

    .. math::

        rate(t) &= c \cdot \prod_i schedulers_i(t) \\
        c &= base\_lr \;\big/\; \textstyle\prod_i base\_lr_i

    ``one * other`` makes one, with c = 1:

    >>> import mxcore as mx
    >>> falling = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4)
    >>> schedule = falling * mx.lr_scheduler.create("constant", base_lr=1.0, factor=0.5, total_steps=2)
    >>> [round(schedule(t), 6) for t in (1, 2, 3, 4)]
    [0.2, 0.1, 0.1, 0.05]

    With ``base_lr``, only the shapes of the schedules matter: ``ProductScheduler([one, other], base_lr=0.1)`` starts at
    0.1 if both start at their own ``base_lr``. A product among the schedules is replaced by its own.

    Args:
        schedulers: the schedules, their names or strings.
        base_lr: see :class:`~mxcore.curves.Combination`: by default, the product of theirs.

    When to use it: several effects at once, such as restarts that fall. When not: effects one after another: ``join``.

    References:
        A. Paszke et al., "PyTorch: an imperative style, high-performance deep learning library", NeurIPS 2019,
        https://arxiv.org/abs/1912.01703

    Differs from MXNet 1.9.1: MXNet has no such class; with ``base_lr``, this is torch's ``ChainedScheduler`` of
    schedules that multiply the rate.
    """

    family = "combination"
    examples = (
        {
            "schedulers": [
                ["exponential", {"gamma": 0.99, "base_lr": 1.0}],
                ["constant", {"factor": 0.25, "total_steps": 50}],
            ]
        },
        {"schedulers": [["linear", {"total_steps": 40}], ["factor", {"step": 60, "factor": 0.5}]], "base_lr": 0.02},
    )
    bad_examples = (
        {"schedulers": []},
        {"schedulers": [["factor", {"step": 9, "base_lr": 0.0}]], "base_lr": 0.1},
    )

    schedulers: Sequence[LRScheduler] = parts()

    def __attrs_post_init__(self) -> None:
        found: list[LRScheduler] = []
        for one in self.schedulers:
            found += one.schedulers if isinstance(one, ProductScheduler) and one.scale == 1 else [one]
        vars(self)["schedulers"] = tuple(found)
        super().__attrs_post_init__()

    def combined_lr(self) -> float:
        return math.prod(one.base_lr for one in self.schedulers)

    def rate(self, t: Any) -> Any:
        rates = [evaluate(one, t) for one in self.schedulers]
        return self.scale * np.multiply.reduce(rates)
