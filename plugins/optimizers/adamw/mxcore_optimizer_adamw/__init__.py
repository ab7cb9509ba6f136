"""AdamW, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, non_negative, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdamW"]


@hyperparameters
class AdamW(Optimizer):
    r"""AdamW: Adam with weight decay that does not pass through the moments.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        step &= \frac{mean / (1 - \beta_1^t)}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon} \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot step

    with t = 1, 2, … the update count of this parameter. With ``amsgrad`` the largest variance so far, :math:`largest
    \leftarrow \max(largest, variance)`, replaces the variance.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdamW(0.1, wd=0.5))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.85, -0.85])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the corrected variance; at least 0.
        amsgrad: whether to use the largest variance so far.
        wd: the weight decay.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, and with ``amsgrad`` also ``largest``, with the shape and dtype of the weight.

    When to use it: transformers, and wherever Adam is used together with weight decay. When not: little memory: it
    keeps two arrays per weight, ``lion`` one.

    References:
        I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2017, https://arxiv.org/abs/1711.05101;
        amsgrad: S. J. Reddi, S. Kale and S. Kumar, "On the Convergence of Adam and Beyond", 2018,
        https://arxiv.org/abs/1904.09237

    Differs from MXNet 1.9.1: MXNet has AdamW only since 2.0, where ``epsilon`` is 1e-6 and the decay is multiplied by
    the bias correction. This is the rule of PyTorch and, without ``amsgrad``, of optax, whose default ``wd`` is 1e-4.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "decoupled"
    conventions = {"torch": {}, "optax": {"wd": 1e-4}, "keras": "it adds epsilon before the bias correction"}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    amsgrad: bool = hyperparameter(False, boolean)
    wd: float = hyperparameter(0.01, non_negative, kw_only=True)

    def slots(self) -> tuple[str, ...]:
        return ("mean", "variance", "largest") if self.amsgrad else ("mean", "variance")

    @staticmethod
    def rule(weight, grad, mean, variance, largest=None, *, lr, t, beta1, beta2, epsilon, amsgrad):
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        largest = np.maximum(largest, variance) if amsgrad else variance
        scale = np.sqrt(largest) / (1 - beta2**t) ** 0.5 + epsilon
        weight = weight - lr / (1 - beta1**t) * mean / scale
        return (weight, mean, variance, largest) if amsgrad else (weight, mean, variance)
