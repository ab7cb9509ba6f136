"""A learning rate that follows a function of yours, for mxcore."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, non_negative, optional
from mxcore.curves import Curve, finished

__all__ = ["LambdaScheduler"]

function = Validator("a function of the number of finished updates", callable)


@hyperparameters
class LambdaScheduler(Curve):
    r"""The learning rate is ``base_lr`` times what a function gives for the number of finished updates.

    .. math::

        rate(t) = base\_lr \cdot fn(t - 1)

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.LambdaScheduler(lambda done: 1 / (1 + done), base_lr=0.4)
    >>> [schedule(t) for t in (1, 2, 4)]
    [0.4, 0.2, 0.1]

    The function is called with one integer at a time. A file cannot hold it, so pass it again when you load a state.

    Args:
        fn: the function, from an integer of at least 0 to a factor.
        base_lr: the learning rate by which the factors are multiplied.

    When to use it: anything that a function of the number of updates says. When not: schedules that must be saved by
    themselves: a function has to be given again.

    References:
        A. Paszke et al., "PyTorch: an imperative style, high-performance deep learning library", NeurIPS 2019,
        https://arxiv.org/abs/1912.01703

    Differs from MXNet 1.9.1: MXNet has no such class; this is the rule of torch's ``LambdaLR``.
    """

    family = "combination"
    examples = ({"fn": functools.partial(pow, 0.99)},)
    bad_examples = ({"fn": 0.5},)
    expected_failures = {"schedule_dumps_round_trips": "a function has no string"}

    fn: Callable[[int], float] = hyperparameter(function)
    base_lr: float = hyperparameter(0.01, optional(non_negative))

    def rate(self, t: Any) -> Any:
        done = finished(t)
        return self.base_lr * np.array([self.fn(int(one)) for one in done.flat], np.float64).reshape(done.shape)
