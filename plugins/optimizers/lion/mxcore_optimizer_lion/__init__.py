"""Lion, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range
from mxcore.optimizer import Optimizer

__all__ = ["Lion"]


@hyperparameters
class Lion(Optimizer):
    r"""Lion: steps by the sign of a mix of gradient and momentum, each as large as the learning rate.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        direction &= \mathrm{sign}(\beta_1 \cdot mean + (1 - \beta_1) \cdot G) \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot direction \\
        mean &\leftarrow \beta_2 \cdot mean + (1 - \beta_2) \cdot G

    The sign of 0 is 0. The authors recommend a learning rate three to ten times smaller than for AdamW, and a decay
    that is larger by the same factor. With equal ``beta1`` and ``beta2``, such as 0.965, this is Tiger.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Lion(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.9, -0.9])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the weight of the mean in the direction of the step, in [0, 1).
        beta2: the decay of the mean, in [0, 1).
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, with the shape and dtype of the weight.

    When to use it: large models with large batches, in half of Adam's memory. When not: small batches: all its steps
    have the same size. Use a learning rate three to ten times smaller than Adam's.

    References:
        X. Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, https://arxiv.org/abs/2302.06675

    Differs from MXNet 1.9.1: MXNet has no Lion. This is the rule of its authors and of optax.
    """

    family = "sign"
    default_learning_rate = 0.0001
    decay = "decoupled"
    slots = ("mean",)
    conventions = {"optax": {"wd": 1e-3}, "keras": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.99, in_range(0, 1, right_open=True))

    @staticmethod
    def rule(weight, grad, mean, *, lr, beta1, beta2):
        direction = np.sign(beta1 * mean + (1 - beta1) * grad)
        return weight - lr * direction, beta2 * mean + (1 - beta2) * grad
