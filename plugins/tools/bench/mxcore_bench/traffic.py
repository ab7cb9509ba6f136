"""Lower bounds on the time of a step: rules with the loads and stores of an optimizer but next to no arithmetic.

They run through the same kernel layer as every other rule, so only its arithmetic separates an optimizer from its
limit. The comparison with other libraries shows how good the kernel layer is.
"""

from __future__ import annotations

from mxcore.declarations import hyperparameter, hyperparameters
from mxcore.kernel.rule.reduction import norm
from mxcore.optimizer import Optimizer
from mxcore.validators import in_range

__all__ = ["AdamTraffic", "LambTraffic", "MomentumTraffic", "PlainTraffic"]

# The float32 below 1, so that no compiler removes the product, and the slots never overflow.
_KEEP = 1 - 2.0**-24


@hyperparameters
class AdamTraffic(Optimizer):
    """The traffic of Adam: reads weight, gradient and two slots, writes the weight and the slots.

    Args:
        keep: the factor on the slots.
    """

    slots = ("mean", "variance")
    keep: float = hyperparameter(_KEEP, in_range(0, 1))

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, keep):
        return weight - lr * grad, keep * mean, keep * variance


@hyperparameters
class LambTraffic(AdamTraffic):
    """The traffic of LAMB: that of Adam, after a pass that reads everything for a norm."""

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, keep):
        return weight - lr * norm(weight + grad + mean + variance) * grad, keep * mean, keep * variance


@hyperparameters
class MomentumTraffic(Optimizer):
    """The traffic of gradient descent with momentum: reads weight, gradient and velocity, writes weight and velocity.

    Args:
        keep: the factor on the velocity.
    """

    slots = ("velocity",)
    keep: float = hyperparameter(_KEEP, in_range(0, 1))

    @staticmethod
    def rule(weight, grad, velocity, *, lr, keep):
        return weight - lr * grad, keep * velocity


@hyperparameters
class PlainTraffic(Optimizer):
    """The traffic of plain gradient descent: reads weight and gradient, writes the weight."""

    @staticmethod
    def rule(weight, grad, *, lr):
        return weight - lr * grad
