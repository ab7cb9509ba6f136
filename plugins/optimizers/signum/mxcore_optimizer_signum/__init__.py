"""Signum and signSGD, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, non_negative
from mxcore.optimizer import Optimizer

__all__ = ["Signum"]


@hyperparameters
class Signum(Optimizer):
    r"""Signum: steps by the sign of the momentum, each as large as the learning rate.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        velocity &\leftarrow momentum \cdot velocity \\
        &\qquad {} - (1 - momentum) \cdot (G + wd \cdot w) \\
        w &\leftarrow (1 - lr \cdot wd\_lh) \cdot w + lr \cdot \mathrm{sign}(velocity)

    and without momentum (signSGD) :math:`w \leftarrow (1 - lr \cdot d) \cdot w - lr \cdot \mathrm{sign}(G)` with
    :math:`d = wd + wd\_lh`. The sign of 0 is 0.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Signum(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.9, -0.9])

    Args:
        learning_rate: the learning rate, at least 0.
        momentum: the decay of the velocity, in [0, 1).
        wd_lh: decoupled weight decay, as in Loshchilov and Hutter; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity``, with the shape and dtype of the weight; none without momentum.

    When to use it: gradients that are to be compressed to their signs, or have heavy tails. When not: fine convergence:
    all its steps have the same size.

    References:
        J. Bernstein, Y.-X. Wang, K. Azizzadenesheli and A. Anandkumar, "signSGD: Compressed Optimisation for
        Non-Convex Problems", 2018, https://arxiv.org/abs/1802.04434

    Differs from MXNet 1.9.1: without momentum, ``wd_lh`` works, and a negative ``rescale_grad`` reverses the step
    (there, both are ignored); the default learning rate does not override a scheduler's ``base_lr``.
    """

    family = "sign"
    default_learning_rate = 0.01
    decay = "own"
    examples = ({}, {"momentum": 0.0})
    expected_failures = {"a_gradient_of_zero_moves_nothing": {"wd_lh": "it decays weights regardless of wd"}}
    momentum: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    wd_lh: float = hyperparameter(0.0, non_negative)

    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    @staticmethod
    def rule(weight, grad, velocity=None, *, lr, wd, momentum, wd_lh):
        if velocity is None:
            return (1 - lr * (wd + wd_lh)) * weight - lr * np.sign(grad)
        velocity = momentum * velocity - (1 - momentum) * (grad + wd * weight)
        return (1 - lr * wd_lh) * weight + lr * np.sign(velocity), velocity
