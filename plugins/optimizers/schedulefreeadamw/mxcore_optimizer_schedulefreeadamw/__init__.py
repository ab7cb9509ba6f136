"""Schedule-Free AdamW, for mxcore."""

import numpy as np
from mxcore_optimizer_schedulefreesgd import ScheduleFreeSGD

from mxcore import Slot, hyperparameter, hyperparameters, in_range, integer, non_negative, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["ScheduleFreeAdamW"]


@hyperparameters
class ScheduleFreeAdamW(Optimizer):
    r"""Schedule-Free AdamW: AdamW with an average of the weights that replaces both the mean and a schedule.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        U &= \frac{G}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon} + wd \cdot w \\
        rate &= lr \cdot \min(1, t / warmup\_steps) \\
        largest &\leftarrow \max(largest, rate) \\
        share &= t^r \cdot largest^{weight\_lr\_power} \\
        total &\leftarrow total + share \\
        z &\leftarrow z - rate \cdot U \\
        x &\leftarrow x + \frac{share}{total} \, (z - x) \\
        w &\leftarrow \beta_1 \cdot x + (1 - \beta_1) \cdot z

    with t = 1, 2, … the update count of this parameter. Gradients are taken at w, a point between the iterate z and
    its average x. Evaluate and deploy with x, see :meth:`~mxcore.optimizer.Updater.evaluating` and
    :meth:`~mxcore.optimizer.Updater.evaluation_weights`; it is not stored, but follows from w and z.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.ScheduleFreeAdamW(0.1, beta1=0.5))
    >>> weight = np.array([0.0])
    >>> for _ in range(3):
    ...     update("w", np.array([7.0]), weight)
    >>> weight.round(6), update.evaluation_weights([weight], ["w"])[0].round(6)
    (array([-0.25]), array([-0.2]))

    Args:
        learning_rate: the learning rate, at least 0; larger than with a schedule.
        beta1: how close w is to the average, in (0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the corrected variance; at least 0.
        warmup_steps: for how many updates the rate increases, linearly.
        r: the power of the count with which later iterates weigh more in the average, at least 0.
        weight_lr_power: the power of the largest rate so far with which they weigh, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``z``, initially the weight, and ``variance``, with its shape and dtype; and the numbers ``largest`` and
    ``total``.

    When to use it: runs that may end at any time: it needs no schedule, and does as well as one that was tuned to the
    end. When not: programs that cannot switch to evaluation weights: those that are trained are worse.

    References:
        A. Defazio et al., "The Road Less Scheduled", 2024, https://arxiv.org/abs/2405.15682

    Differs from MXNet 1.9.1: MXNet has no Schedule-Free. This is the rule of the authors' ``schedulefree`` and, without
    a warm-up, of optax.
    """

    family = "adaptive"
    default_learning_rate = 0.0025
    decay = "own"
    slots = (Slot("z", init="weight"), "variance", Slot("largest", shape=()), Slot("total", shape=()))
    conventions = {"optax": {}, "keras": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, left_open=True, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    warmup_steps: int = hyperparameter(0, integer(at_least=0))
    r: float = hyperparameter(0.0, non_negative)
    weight_lr_power: float = hyperparameter(2.0, non_negative)

    @staticmethod
    def rule(
        weight, grad, z, variance, *, lr, wd, t, largest, total, beta1, beta2, epsilon, warmup_steps, r, weight_lr_power
    ):  # fmt: skip
        variance = beta2 * variance + (1 - beta2) * grad * grad
        scaled = grad / (np.sqrt(variance / (1 - beta2**t)) + epsilon)
        weight, z, largest, total = ScheduleFreeSGD.rule(
            weight, scaled + wd * weight, z, lr=lr, t=t, largest=largest, total=total, momentum=beta1,
            warmup_steps=warmup_steps, r=r, weight_lr_power=weight_lr_power,
        )  # fmt: skip
        return weight, z, variance, largest, total

    @staticmethod
    def evaluation(weight, z, beta1):
        return ScheduleFreeSGD.evaluation(weight, z, beta1)
