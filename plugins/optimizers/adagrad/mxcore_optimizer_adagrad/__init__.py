"""AdaGrad, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdaGrad"]


@hyperparameters
class AdaGrad(Optimizer):
    r"""AdaGrad: steps scaled by the root of the sum of all squared gradients so far.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        history &\leftarrow history + G^2 \\
        w &\leftarrow w - lr \cdot (G / \sqrt{history + eps} + wd \cdot w)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdaGrad(learning_rate=0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.9, -0.9])

    Args:
        eps: added inside the root; at least 0.
        learning_rate: the learning rate, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``history``, with the shape and dtype of the weight.

    When to use it: sparse gradients: rarely seen features take large steps. When not: long runs of deep networks: its
    steps only shrink.

    References:
        J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization", Journal of Machine Learning Research 12, 2011, https://jmlr.org/papers/v12/duchi11a.html

    Differs from MXNet 1.9.1: the history has the weight's dtype (there float32, so that other dtypes fail), and the
    attribute is called ``eps`` like its argument (there ``float_stable_eps``).
    """

    family = "adaptive"
    decay = "decoupled"
    slots = ("history",)
    conventions = {
        "torch": {"eps": 1e-20},  # it adds the root of this to the root
        "optax": "its history starts at 0.1",
        "keras": "its history starts at 0.1",
    }
    eps: float = hyperparameter(1e-7, stabilizing)

    @staticmethod
    def rule(weight, grad, history, *, lr, eps):
        history = history + grad * grad
        return weight - lr * grad / np.sqrt(history + eps), history
