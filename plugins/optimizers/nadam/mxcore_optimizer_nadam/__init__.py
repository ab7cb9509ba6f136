"""Nadam, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, non_negative, stabilizing
from mxcore.optimizer import Optimizer, Slot

__all__ = ["Nadam"]


@hyperparameters
class Nadam(Optimizer):
    r"""Nadam: Adam with Nesterov momentum, which warms up on a schedule.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g + wd \cdot w) \\
        momentum_t &= \beta_1 \cdot (1 - 0.5 \cdot 0.96^{t \cdot schedule\_decay}) \\
        product &\leftarrow product \cdot momentum_t \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        ahead &= \frac{1 - momentum_t}{1 - product} \cdot G \\
        &\quad {} + \frac{momentum_{t+1} \cdot mean}{1 - product \cdot momentum_{t+1}} \\
        w &\leftarrow w - \frac{lr \cdot ahead}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon}

    with t = 1, 2, … the update count of this parameter. With ``decoupled_wd``, w is multiplied by 1 - lr · wd before
    the step instead, and wd · w is not added to G.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Nadam(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)
    array([ 0.8944, -0.8944])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean and the momentum that the schedule tends to, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the variance; at least 0.
        schedule_decay: how fast the momentum warms up, at least 0.
        decoupled_wd: whether weight decay acts on w directly.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight, and one number per parameter, ``product``.

    When to use it: where Adam works, for faster progress at the start. When not: very noisy gradients, on which
    Nesterov's momentum is worth little.

    References:
        T. Dozat, "Incorporating Nesterov Momentum into Adam", 2016,
        https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ

    Differs from MXNet 1.9.1: every parameter has its own ``product`` (there they share one, multiplied once per
    parameter and step, so that results depend on the number of parameters); there is ``decoupled_wd``; the default
    learning rate does not override a scheduler's ``base_lr``. PyTorch's rule is the same, with a default rate of 0.002.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    slots = ("mean", "variance", Slot("product", init=1.0, shape=()))
    conventions = {
        "torch": {},
        "optax": "its momentum does not warm up",
        "keras": {"schedule_decay": 1.0, "epsilon": 1e-7},
    }
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    schedule_decay: float = hyperparameter(0.004, non_negative)
    decoupled_wd: bool = hyperparameter(False, boolean)

    @property
    def decay(self) -> str:  # type: ignore[override]
        return "decoupled" if self.decoupled_wd else "before_clip"

    @staticmethod
    def rule(weight, grad, mean, variance, product, *, lr, t, beta1, beta2, epsilon, schedule_decay):
        momentum = beta1 * (1 - 0.5 * 0.96 ** (t * schedule_decay))
        next_momentum = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * schedule_decay))
        product = product * momentum
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        ahead = (1 - momentum) / (1 - product) * grad + next_momentum / (1 - product * next_momentum) * mean
        scale = np.sqrt(variance / (1 - beta2**t)) + epsilon
        return weight - lr * ahead / scale, mean, variance, product
