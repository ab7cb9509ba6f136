"""Yogi, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, non_negative, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["Yogi"]


@hyperparameters
class Yogi(Optimizer):
    r"""Yogi: Adam whose variance moves towards the squared gradient in steps of its size, so it shrinks slowly.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow variance \\
            &\quad - (1 - \beta_2) \cdot \mathrm{sign}(variance - G^2) \cdot G^2 \\
        step &= \frac{mean / (1 - \beta_1^t)}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon} \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot step

    with t = 1, 2, … the update count of this parameter.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Yogi(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)
    array([ 0.9   , -0.9004])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: 1 minus how far the variance moves, in units of the squared gradient; in [0, 1).
        epsilon: added to the root of the corrected variance; at least 0. The authors use a large one.
        initial_accumulator: the initial value of the mean and of the variance; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight.

    When to use it: gradients that are rare or come in bursts: the variance changes additively, and so does not forget
    fast. When not: large gradients at the start, to which it adapts slowly.

    References:
        M. Zaheer et al., "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018,
        https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization

    Differs from MXNet 1.9.1: MXNet has no Yogi. This is the rule of optax and pytorch_optimizer, where the mean begins
    at ``initial_accumulator`` too; the paper's begins at 0.
    """

    family = "adaptive"
    default_learning_rate = 0.01
    decay = "decoupled"
    expected_failures = {"a_gradient_of_zero_moves_nothing": "the mean begins at initial_accumulator"}
    conventions = {"optax": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-3, stabilizing)
    initial_accumulator: float = hyperparameter(1e-6, non_negative)

    def slots(self) -> tuple[Slot, ...]:
        return (Slot("mean", init=self.initial_accumulator), Slot("variance", init=self.initial_accumulator))

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, t, beta1, beta2, epsilon):
        square = grad * grad
        mean = beta1 * mean + (1 - beta1) * grad
        variance = variance - (1 - beta2) * np.sign(variance - square) * square
        scale = np.sqrt(variance / (1 - beta2**t)) + epsilon
        return weight - lr / (1 - beta1**t) * mean / scale, mean, variance
