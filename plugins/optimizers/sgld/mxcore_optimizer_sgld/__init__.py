"""Stochastic gradient Langevin dynamics, for mxcore."""

from mxcore import hyperparameters
from mxcore.optimizer import Optimizer

__all__ = ["SGLD"]


@hyperparameters
class SGLD(Optimizer):
    r"""Stochastic gradient Langevin dynamics: noisy gradient steps, so that the weights sample a posterior.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        w &\leftarrow w - \tfrac{lr}{2} \cdot G + \sqrt{lr} \cdot noise, \qquad noise \sim \mathcal{N}(0, 1)

    To sample a posterior, the gradient must be that of the sum over all data, ``wd`` is the precision of a normal
    prior, and the learning rate must fall slowly. The noise of an update depends only on the seed, the parameter's name
    (or its index, if it has none) and its update count, so a run can be repeated and resumed bit for bit.

    >>> import numpy as np, mxcore as mx
    >>> seed = mx.random.seed(7)
    >>> weights = np.zeros(10_000)
    >>> update = mx.optimizer.get_updater(mx.optimizer.SGLD(learning_rate=0.1))
    >>> for _ in range(100):
    ...     update(0, weights / 4.0, weights)  # a chain in each element, sampling a normal distribution of variance 4
    >>> bool(abs(weights.var() / 4.0 - 1) < 0.1)
    True

    Args:
        learning_rate: the learning rate, which is the variance of the noise; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: none.

    When to use it: samples from a posterior, to know how uncertain weights are. When not: the best single set of
    weights: its noise never stops.

    References:
        M. Welling and Y. W. Teh, "Bayesian Learning via Stochastic Gradient Langevin Dynamics", 2011,
        https://icml.cc/2011/papers/398_icmlpaper.pdf

    Differs from MXNet 1.9.1: the noise comes from mxcore, so its bits differ, but are the same on every device.
    """

    family = "sampling"
    elementwise = False
    descent = {"learning_rate": 0.002, "rescale_grad": 100.0}  # 100 times as much data, so that the posterior is narrow
    expected_failures = {"a_gradient_of_zero_moves_nothing": "there is noise even without a gradient"}

    @staticmethod
    def rule(weight, grad, *, lr, noise):
        return weight - lr / 2 * grad + lr**0.5 * noise
