"""AdaBound, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, positive, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdaBound"]


@hyperparameters
class AdaBound(Optimizer):
    r"""AdaBound: Adam with bounds on each step size that close in on one value, so that it ends as SGD with momentum.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        scale &= \frac{\sqrt{1 - \beta_2^t} / (1 - \beta_1^t)}{\sqrt{variance} + \epsilon} \\
        low &= \mathrm{final\_scale} \cdot \left( 1 - \frac{1}{\gamma t + 1} \right) \\
        high &= \mathrm{final\_scale} \cdot \left( 1 + \frac{1}{\gamma t} \right) \\
        w &\leftarrow w - lr \cdot \mathrm{clip}(scale, low, high) \cdot mean

    with t = 1, 2, … the update count of this parameter. With ``amsbound`` the largest variance so far,
    :math:`largest \leftarrow \max(largest, variance)`, replaces the variance.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(2)
    >>> update = mx.optimizer.get_updater(mx.optimizer.AdaBound(0.1, beta1=0.0, final_scale=2.0, gamma=1e6))
    >>> update(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)  # with such a gamma it is SGD at a rate of 2 · 0.1 from the start
    array([-0.6,  0.1])

    Args:
        learning_rate: the learning rate of Adam, at least 0; a schedule scales the bounds, too.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        final_scale: what the scale becomes in the end, positive: the learning rate of SGD in units of that of Adam.
        gamma: how fast the bounds get there, positive: they are within 10 % after about 10 / γ updates.
        epsilon: added to the root of the variance; at least 0.
        amsbound: whether to use the largest variance so far.
        decoupled_wd: whether w is multiplied by 1 - lr · wd before the step, instead of adding wd · w to G.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, and with ``amsbound`` also ``largest``, with the shape and dtype of the weight.

    When to use it: networks that train fast with Adam but end better with SGD, if you know a good learning rate for
    both. When not: transformers, which need Adam's step sizes to the end.

    References:
        L. Luo, Y. Xiong, Y. Liu and X. Sun, "Adaptive Gradient Methods with Dynamic Bound of Learning Rate", 2019,
        https://arxiv.org/abs/1902.09843

    Differs from MXNet 1.9.1: MXNet has no AdaBound. This is the rule of its authors' code and of pytorch_optimizer,
    whose ``final_lr`` is ``final_scale`` times the learning rate that they are created with. The paper has no
    corrections of the bias, and divides by :math:`\sqrt t`.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    final_scale: float = hyperparameter(100.0, positive)
    gamma: float = hyperparameter(0.001, positive)
    epsilon: float = hyperparameter(1e-8, stabilizing)
    amsbound: bool = hyperparameter(False, boolean)
    decoupled_wd: bool = hyperparameter(False, boolean)

    @property
    def decay(self) -> str:  # type: ignore[override]
        return "decoupled" if self.decoupled_wd else "after_clip"

    def slots(self) -> tuple[str, ...]:
        return ("mean", "variance", "largest") if self.amsbound else ("mean", "variance")

    @staticmethod
    def rule(
        weight, grad, mean, variance, largest=None, *, lr, t, beta1, beta2, final_scale, gamma, epsilon, amsbound
    ):  # fmt: skip
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        largest = np.maximum(largest, variance) if amsbound else variance
        scale = (1 - beta2**t) ** 0.5 / (1 - beta1**t) / (np.sqrt(largest) + epsilon)
        low, high = final_scale * (1 - 1 / (gamma * t + 1)), final_scale * (1 + 1 / (gamma * t))
        weight = weight - lr * np.clip(scale, low, high) * mean
        return (weight, mean, variance, largest) if amsbound else (weight, mean, variance)
