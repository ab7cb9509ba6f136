"""AdaDelta, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdaDelta"]


@hyperparameters
class AdaDelta(Optimizer):
    r"""AdaDelta: steps in the units of the weights, from moving averages of squared gradients and squared steps.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean\_square &\leftarrow \rho \cdot mean\_square + (1 - \rho) \cdot G^2 \\
        step &= \frac{\sqrt{mean\_step + \epsilon}}{\sqrt{mean\_square + \epsilon}} \cdot G \\
        mean\_step &\leftarrow \rho \cdot mean\_step + (1 - \rho) \cdot step^2 \\
        w &\leftarrow w - step - wd \cdot w

    Neither the learning rate, even 0, nor a scheduler has any effect. So ``wd`` is the fraction of the weight that each
    update removes.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdaDelta(rho=0.75, epsilon=0.01))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)
    array([ 0.8004, -0.8143])

    Args:
        rho: the decay of both averages, in [0, 1).
        epsilon: added inside both roots; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean_square`` and ``mean_step``, with the shape and dtype of the weight.

    When to use it: if you cannot tune a learning rate. When not: short runs: it is slow to start.

    References:
        M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, https://arxiv.org/abs/1212.5701

    Differs from MXNet 1.9.1: rescaling does not modify the caller's gradient, and the state has the weight's dtype
    (there float32, so that other dtypes fail).
    """

    family = "adaptive"
    decay = "own"
    slots = ("mean_square", "mean_step")
    moves_at_rate_zero = True
    conventions = dict.fromkeys(("torch", "optax", "keras"), "it multiplies steps by a learning rate")
    rho: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-5, stabilizing)

    @staticmethod
    def rule(weight, grad, mean_square, mean_step, *, wd, rho, epsilon):
        mean_square = rho * mean_square + (1 - rho) * grad * grad
        step = np.sqrt(mean_step + epsilon) / np.sqrt(mean_square + epsilon) * grad
        mean_step = rho * mean_step + (1 - rho) * step * step
        return weight - step - wd * weight, mean_square, mean_step
