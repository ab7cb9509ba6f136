"""AdEMAMix, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, optional, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdEMAMix"]


@hyperparameters
class AdEMAMix(Optimizer):
    r"""AdEMAMix: Adam with a second, much slower mean, which makes use of gradients of thousands of updates ago.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        slow &\leftarrow \beta_3' \cdot slow + (1 - \beta_3') \cdot G \\
        step &= \frac{mean / (1 - \beta_1^t) + \alpha' \cdot slow}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon} \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot step

    with t = 1, 2, … the update count of this parameter, :math:`\alpha' = \alpha` and :math:`\beta_3' = \beta_3`. With
    T = ``warmup_steps`` both increase until t = T, with :math:`s = \min(t / T, 1)`:

    .. math::

        \alpha' &= s \cdot \alpha \\
        \beta_3' &= \exp \frac{\ln \beta_1 \cdot \ln \beta_3}{(1 - s) \ln \beta_3 + s \ln \beta_1} \le \beta_3

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdEMAMix(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.89995, -0.89995])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the fast mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        beta3: the decay of the slow mean, in [0, 1).
        alpha: the factor of the slow mean, at least 0.
        epsilon: added to the root of the corrected variance; at least 0.
        warmup_steps: for how many updates ``alpha`` and ``beta3`` increase; None for none. The authors take the length
            of the run, as constant ones make early steps of large models unstable.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, ``variance`` and ``slow``, with the shape and dtype of the weight.

    When to use it: long runs, such as of language models, which profit from gradients thousands of updates old. When
    not: short runs, or gradients whose meaning changes: the slow mean holds on to what is outdated.

    References:
        M. Pagliardini, P. Ablin and D. Grangier, "The AdEMAMix Optimizer: Better, Faster, Older", 2024,
        https://arxiv.org/abs/2409.03137

    Differs from MXNet 1.9.1: MXNet has no AdEMAMix. This is the rule of optax and, with a warm-up, of
    pytorch_optimizer.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "decoupled"
    slots = ("mean", "variance", "slow")
    conventions = {"optax": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    beta3: float = hyperparameter(0.9999, in_range(0, 1, right_open=True))
    alpha: float = hyperparameter(5.0, non_negative)
    epsilon: float = hyperparameter(1e-8, stabilizing)
    warmup_steps: int | None = hyperparameter(None, optional(integer(at_least=1)))

    @staticmethod
    def rule(
        weight, grad, mean, variance, slow, *, lr, t, beta1, beta2, beta3, alpha, epsilon, warmup_steps
    ):  # fmt: skip
        if warmup_steps is not None:
            share = np.minimum(t / warmup_steps, 1)
            begin, end = np.log(np.maximum(beta1, 1e-300)), np.log(np.maximum(beta3, 1e-300))
            alpha = share * alpha
            beta3 = np.minimum(np.exp(begin * end / ((1 - share) * end + share * begin)), beta3)
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        slow = beta3 * slow + (1 - beta3) * grad
        scale = np.sqrt(variance / (1 - beta2**t)) + epsilon
        return weight - lr * (mean / (1 - beta1**t) + alpha * slow) / scale, mean, variance, slow
