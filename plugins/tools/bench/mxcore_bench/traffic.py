"""Lower bounds on the time of a step: rules with the loads and stores of an optimizer but next to no arithmetic.

They run through the same kernel layer as every other rule, so only its arithmetic separates an optimizer from its
limit. The comparison with other libraries shows how good the kernel layer is.
"""

from __future__ import annotations

import functools
from inspect import Parameter, Signature
from typing import Any

from mxcore.declarations import hyperparameters
from mxcore.kernel.rule.reduction import norm
from mxcore.optimizer import Optimizer

__all__ = ["LambTraffic", "traffic"]

# The float32 below 1, so that no compiler removes the product, and the slots never overflow.
_KEEP = 1 - 2.0**-24


@functools.cache
def traffic(kept: int, only_read: int = 0) -> type[Optimizer]:
    """Return a class that reads weight, gradient and slots, and writes the weight and those slots that are kept.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(2)
    >>> mx.optimizer.get_updater(traffic(2, only_read=1)(learning_rate=1.0))(0, np.ones(2), weight)
    >>> weight
    array([-1., -1.])

    Args:
        kept: the number of slots that are read and written.
        only_read: the number of further slots.
    """
    names = [f"slot{number}" for number in range(kept + only_read)]

    def rule(weight: Any, grad: Any, *, lr: Any, **slots: Any) -> Any:
        every = [slots[name] for name in names]
        for slot in every[kept:]:
            grad = grad + slot
        return weight - lr * grad, *(_KEEP * slot for slot in every[:kept]), *every[kept:]

    # A rule names all its parameters, by which the kernel layer passes them.
    arrays = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("weight", "grad", *names)]
    rule.__signature__ = Signature([*arrays, Parameter("lr", Parameter.KEYWORD_ONLY)])  # type: ignore[attr-defined]
    return hyperparameters(type("Traffic", (Optimizer,), {"slots": tuple(names), "rule": staticmethod(rule)}))


@hyperparameters
class LambTraffic(Optimizer):
    """The traffic of LAMB: that of Adam, after a pass that reads everything for a norm."""

    slots = ("mean", "variance")

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr):
        return weight - lr * norm(weight + grad + mean + variance) * grad, _KEEP * mean, _KEEP * variance
