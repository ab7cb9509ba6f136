"""FTRL-Proximal, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, non_negative, optional
from mxcore.optimizer import Optimizer

__all__ = ["Ftrl"]


@hyperparameters
class Ftrl(Optimizer):
    r"""FTRL-Proximal, follow the regularised leader: keeps unimportant weights at exactly 0.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        z &\leftarrow z + G - (\sqrt{n + G^2} - \sqrt{n}) \cdot w / lr \\
        n &\leftarrow n + G^2 \\
        scale &= (\beta + \sqrt{n}) / lr + wd \\
        w &\leftarrow \begin{cases} 0 & |z| \le lamda1 \\
            (\mathrm{sign}(z) \cdot lamda1 - z) / scale & \text{otherwise} \end{cases}

    The weights depend only on the gradients: of the initial values, the first update keeps only the fraction
    :math:`|G| / (\beta + |G|)`. So use it for linear models. At a learning rate of 0, nothing changes.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Ftrl(lamda1=1.0))(0, np.array([3.0, -0.05]), weight)
    >>> weight
    array([0.65, 0.  ])

    Args:
        lamda1: the L1 regularisation, at least 0.
        learning_rate: the learning rate, at least 0.
        beta: added to the root of n, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`; ``wd`` is the L2 regularisation.

    State: ``z`` and ``n``, with the shape and dtype of the weight.

    When to use it: sparse linear models: as many weights as possible become exactly 0. When not: deep networks.

    References:
        H. B. McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013,
        https://doi.org/10.1145/2487575.2488200 (algorithm 1).

    Differs from MXNet 1.9.1: the state has the weight's dtype (there float32, so that other dtypes fail); a rate of 0
    changes nothing (there, a division by zero); a given ``learning_rate`` overrides a scheduler's ``base_lr``, as with
    all optimizers; a NaN in the gradient makes the weight NaN, not 0.
    """

    family = "adaptive"
    default_learning_rate = 0.1
    decay = "own"
    slots = ("z", "n")
    expected_failures = {
        "a_gradient_of_zero_moves_nothing": "weights depend only on the gradients: without any they are 0"
    }
    conventions = {"keras": "its squared gradients start at 0.1"}
    lamda1: float = hyperparameter(0.01, non_negative)
    lr: float | None = hyperparameter(None, optional(non_negative), alias="learning_rate")  # second, as in MXNet
    beta: float = hyperparameter(1.0, non_negative)

    @staticmethod
    def rule(weight, grad, z, n, *, lr, wd, lamda1, beta):
        total = n + grad * grad
        scale = (beta + np.sqrt(total)) / lr + wd
        leader = z + grad - (np.sqrt(total) - np.sqrt(n)) * weight / lr
        moved = np.where(np.abs(leader) <= lamda1, 0, (np.sign(leader) * lamda1 - leader) / scale)
        overflows = (total == np.inf) & (np.abs(grad) < np.inf)
        moves = np.logical_not((lr == 0) | overflows)
        return np.where(moves, moved, weight), np.where(moves, leader, z), np.where(moves, total, n)
