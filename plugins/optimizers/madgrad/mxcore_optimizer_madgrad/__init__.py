"""MADGRAD, for mxcore."""

import numpy as np

from mxcore import Slot, cbrt, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["MADGRAD"]


@hyperparameters
class MADGRAD(Optimizer):
    r"""MADGRAD: sums of gradients divided by cube roots of sums of squares, as an offset from the initial weights.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        \lambda &= (lr + \epsilon) \sqrt{t} \\
        sum &\leftarrow sum + \lambda \cdot G \\
        squares &\leftarrow squares + \lambda \cdot G^2 \\
        z &= start - \frac{sum}{\sqrt[3]{squares} + \epsilon} \\
        w &\leftarrow w + (1 - momentum) \cdot (z - w)

    with t = 1, 2, … the update count of this parameter. At a learning rate of 0, λ is 0: the sums stay the same, and
    with momentum the weight goes on to approach z.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.ones(2)
    >>> update = mx.optimizer.get_updater(mx.optimizer.MADGRAD(0.125, momentum=0.0, epsilon=0.0))
    >>> update(0, np.array([1.0, -8.0]), weight)
    >>> weight  # each moves by (0.125² · |gradient|)^(1/3), down its gradient
    array([0.75, 1.5 ])

    Args:
        learning_rate: the learning rate, at least 0.
        momentum: the weight of the current weights in the new ones, in [0, 1).
        epsilon: added to the cube root, and to the learning rate unless that is 0; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``sum``, ``squares``, and ``start``, initially the weight, with its shape and dtype.

    When to use it: where SGD with momentum ends better than Adam, for less tuning; also with sparse gradients. Learning
    rates are not comparable with those of either, and it needs little or no weight decay. When not: fine-tuning, since
    weights are always an offset from the first ones.

    References:
        A. Defazio and S. Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient
        Method for Stochastic Optimization", 2021, https://arxiv.org/abs/2101.11075

    Differs from MXNet 1.9.1: MXNet has no MADGRAD. This is the rule of the authors' code, optax, timm and
    pytorch_optimizer, except for a learning rate of 0, where only the last has λ = 0, too; the paper does not add
    ``epsilon`` to the learning rate.
    """

    family = "adaptive"
    default_learning_rate = 0.01
    slots = ("sum", "squares", Slot("start", init="weight"))
    expected_failures = {"slots_are_named_and_used": "start is the initial weight, which does not change"}
    conventions = {"optax": {}}
    momentum: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-6, stabilizing)

    @staticmethod
    def rule(weight, grad, sum, squares, start, *, lr, t, momentum, epsilon):
        rate = np.where(lr == 0, 0, lr + epsilon) * t**0.5
        sum = sum + rate * grad
        squares = squares + rate * grad * grad
        z = start - sum / (cbrt(squares) + epsilon)
        return weight + (1 - momentum) * (z - weight), sum, squares, start
