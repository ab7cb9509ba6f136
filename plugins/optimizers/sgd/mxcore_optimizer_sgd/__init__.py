"""Stochastic gradient descent with momentum, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range
from mxcore.optimizer import Optimizer

__all__ = ["SGD", "ccSGD"]


@hyperparameters
class SGD(Optimizer):
    r"""Stochastic gradient descent, with optional momentum.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        velocity &\leftarrow momentum \cdot velocity - lr \cdot G \\
        w &\leftarrow w + velocity

    and without momentum :math:`w \leftarrow w - lr \cdot G`. The learning rate is part of the velocity, so a new
    learning rate affects only new gradients. With ``lr_in_velocity=False``, as in torch, it affects the whole step:

    .. math::

        velocity &\leftarrow momentum \cdot velocity + (1 - dampening) \cdot G \\
        w &\leftarrow w - lr \cdot velocity

    The first gradient, at t = 1, is not dampened.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> update = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9, learning_rate=0.1))
    >>> for _ in range(2):
    ...     update(0, np.array([1.0, 1.0]), weight)
    >>> weight
    array([ 0.71, -1.29])

    Args:
        momentum: the fraction of the previous velocity that is kept, in [0, 1].
        lazy_update: accepted for compatibility with MXNet; no effect, as gradients are dense.
        learning_rate: the learning rate, at least 0.
        lr_in_velocity: whether the velocity includes the learning rate.
        dampening: the fraction by which gradients are reduced before they enter the velocity, in [0, 1].
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity``, with the shape and dtype of the weight; none without momentum.

    When to use it: the baseline to beat, and with momentum the usual choice for images and convolutions. It has no
    state without momentum. When not: variables of very different scales, or rare features: every weight has the same
    learning rate.

    References:
        B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational
        Mathematics and Mathematical Physics 4(5), 1964, https://doi.org/10.1016/0041-5553(64)90137-5

    Differs from MXNet 1.9.1: a negative momentum is refused instead of ignored; empty arrays are allowed;
    ``lr_in_velocity`` and ``dampening`` are new.
    """

    family = "momentum"
    aggregates = True
    conventions = {"torch": {"lr_in_velocity": False}, "optax": {"lr_in_velocity": False}, "keras": {}}
    momentum: float = hyperparameter(0.0, in_range(0, 1))
    lazy_update: bool = hyperparameter(True, boolean, repr=False)
    lr_in_velocity: bool = hyperparameter(True, boolean, kw_only=True)
    dampening: float = hyperparameter(0.0, in_range(0, 1), kw_only=True)

    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    @staticmethod
    def rule(weight, grad, velocity=None, *, lr, t, momentum, lr_in_velocity, dampening):
        if velocity is None:
            return weight - lr * grad
        share = np.where(t == 1, 1, 1 - dampening)
        if lr_in_velocity:
            velocity = momentum * velocity - lr * share * grad
            return weight + velocity, velocity
        velocity = momentum * velocity + share * grad
        return weight - lr * velocity, velocity


ccSGD = SGD  # noqa: N816 - MXNet's name for an implementation in C++ that it once had
