"""LAMB, for mxcore."""

import numpy as np

from mxcore import (
    boolean,
    hyperparameter,
    hyperparameters,
    in_range,
    non_negative,
    norm,
    optional,
    positive,
    stabilizing,
)
from mxcore.optimizer import Optimizer

__all__ = ["LAMB"]


@hyperparameters
class LAMB(Optimizer):
    r"""LAMB: Adam's step, scaled for each parameter to the norm of its weight; for large batches.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        step &= \frac{mean / (1 - \beta_1^t)}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon} + wd \cdot w \\
        size &= \min(\max(\lVert w \rVert, lower\_bound), upper\_bound) \\
        w &\leftarrow w - lr \cdot size / \lVert step \rVert \cdot step

    with t = 1, 2, … the update count of this parameter. The ratio is 1 if either norm is 0.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([3.0, -4.0])
    >>> mx.optimizer.get_updater(mx.optimizer.LAMB(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)  # the step has the norm 0.1 · 5
    array([ 2.6464, -3.6464])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the variance; at least 0.
        lower_bound: the lower bound on ``size``, or None.
        upper_bound: the upper bound on ``size``, or None.
        bias_correction: whether to divide the moments by :math:`1 - \beta^t`.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight.

    When to use it: batches of thousands with Adam, such as for language models. When not: small batches, where its
    trust ratios only slow it down.

    References:
        Y. You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", 2019,
        https://arxiv.org/abs/1904.00962

    Differs from MXNet 1.9.1: an ``upper_bound`` of 0 is refused instead of ignored; the default learning rate does not
    override a scheduler's ``base_lr``.
    """

    family = "layer-wise"
    aggregates = True
    default_learning_rate = 0.001
    decay = "own"
    slots = ("mean", "variance")
    elementwise = False
    conventions = {"optax": {}, "keras": {"epsilon": 1e-7}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-6, stabilizing)
    lower_bound: float | None = hyperparameter(None, optional(non_negative))
    upper_bound: float | None = hyperparameter(None, optional(positive))
    bias_correction: bool = hyperparameter(True, boolean)

    @staticmethod
    def rule(
        weight, grad, mean, variance, *, lr, wd, t, beta1, beta2, epsilon, lower_bound, upper_bound, bias_correction
    ):
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        if bias_correction:
            step = mean / (1 - beta1**t) / (np.sqrt(variance / (1 - beta2**t)) + epsilon) + wd * weight
        else:
            step = mean / (np.sqrt(variance) + epsilon) + wd * weight
        size, length = norm(weight), norm(step)
        if lower_bound is not None:
            size = np.maximum(size, lower_bound)
        if upper_bound is not None:
            size = np.minimum(size, upper_bound)
        ratio = np.where((size > 0) & (length > 0), size / length, 1)
        return weight - lr * ratio * step, mean, variance
