"""FTML, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["FTML"]


@hyperparameters
class FTML(Optimizer):
    r"""FTML, follow the moving leader: FTRL with more weight on recent gradients.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g + wd \cdot w) \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        root &= \sqrt{variance / (1 - \beta_2^t)} + \epsilon \\
        scale' &= (1 - \beta_1^t) \cdot root \, / \, lr \\
        z &\leftarrow \beta_1 \cdot z + (1 - \beta_1) \cdot G \\
        &\qquad {} - (scale' - \beta_1 \cdot scale) \cdot w \\
        scale &\leftarrow scale' \\
        w &\leftarrow -z / scale

    with t = 1, 2, … the update count of this parameter. At a learning rate of 0, nothing changes.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.FTML(learning_rate=0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.9, -0.9])

    Args:
        beta1: the decay of the leader, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the variance; at least 0.
        learning_rate: the learning rate, at least 0; the paper recommends 0.0025.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``scale``, ``variance`` and ``z`` (the paper's d, v and z), with the shape and dtype of the weight.

    When to use it: where Adam works, but its early steps are too erratic. When not: little memory: it keeps three
    arrays per weight.

    References:
        S. Zheng and J. T. Kwok, "Follow the Moving Leader in Deep Learning", 2017,
        https://proceedings.mlr.press/v70/zheng17a.html (algorithm 1).

    Differs from MXNet 1.9.1: a learning rate of 0 changes nothing (there, a division by zero).
    """

    family = "adaptive"
    decay = "before_clip"
    slots = ("scale", "variance", "z")
    beta1: float = hyperparameter(0.6, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)

    @staticmethod
    def rule(weight, grad, scale, variance, z, *, lr, t, beta1, beta2, epsilon):
        new_variance = beta2 * variance + (1 - beta2) * grad * grad
        new_scale = (1 - beta1**t) * (np.sqrt(new_variance / (1 - beta2**t)) + epsilon) / lr
        new_z = beta1 * z + (1 - beta1) * grad - (new_scale - beta1 * scale) * weight
        overflows = (new_scale == np.inf) & (np.abs(grad) < np.inf)
        moves = np.logical_not((lr == 0) | overflows)
        return (
            # Before the first gradient, -z / d is the weight up to rounding, or 0 / 0.
            np.where(np.logical_and(moves, new_variance != 0), -new_z / new_scale, weight),
            np.where(moves, new_scale, scale),
            np.where(moves, new_variance, variance),
            np.where(moves, new_z, z),
        )
