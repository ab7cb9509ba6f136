"""Schedule-Free SGD, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, integer, non_negative
from mxcore.optimizer import Optimizer

__all__ = ["ScheduleFreeSGD"]


@hyperparameters
class ScheduleFreeSGD(Optimizer):
    r"""Schedule-Free SGD: averages the weights in a way that replaces both momentum and a schedule.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        rate &= lr \cdot \min(1, t / warmup\_steps) \\
        largest &\leftarrow \max(largest, rate) \\
        share &= t^r \cdot largest^{weight\_lr\_power} \\
        total &\leftarrow total + share \\
        z &\leftarrow z - rate \cdot G \\
        x &\leftarrow x + \frac{share}{total} \, (z - x) \\
        w &\leftarrow momentum \cdot x + (1 - momentum) \cdot z

    with t = 1, 2, … the update count of this parameter. Gradients are taken at w, a point between the iterate z and
    its average x. Evaluate and deploy with x, see :meth:`~mxcore.optimizer.Updater.evaluating` and
    :meth:`~mxcore.optimizer.Updater.evaluation_weights`; it is not stored, but follows from w and z.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.array([0.0]), mx.optimizer.get_updater(mx.optimizer.ScheduleFreeSGD(1.0, momentum=0.5))
    >>> for _ in range(3):
    ...     update("w", np.array([1.0]), weight)
    >>> weight, update.evaluation_weights([weight], ["w"])  # between -3 and the average of -1, -2 and -3
    (array([-2.5]), [array([-2.])])

    Args:
        learning_rate: the learning rate, at least 0; larger than with a schedule.
        momentum: how close w is to the average, in (0, 1).
        warmup_steps: for how many updates the rate increases, linearly.
        r: the power of the count with which later iterates weigh more in the average, at least 0.
        weight_lr_power: the power of the largest rate so far with which they weigh, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``z``, initially the weight, with its shape and dtype; and the numbers ``largest`` and ``total``.

    When to use it: runs that may end at any time, without a schedule; at learning rates far above those of SGD with
    momentum. When not: programs that cannot switch to evaluation weights: those that are trained are worse.

    References:
        A. Defazio et al., "The Road Less Scheduled", 2024, https://arxiv.org/abs/2405.15682

    Differs from MXNet 1.9.1: MXNet has no Schedule-Free. This is the rule of the authors' ``schedulefree`` and, without
    a warm-up, of optax.
    """

    family = "momentum"
    default_learning_rate = 1.0
    slots = (Slot("z", init="weight"), Slot("largest", shape=()), Slot("total", shape=()))
    conventions = {"optax": {}}
    momentum: float = hyperparameter(0.9, in_range(0, 1, left_open=True, right_open=True))
    warmup_steps: int = hyperparameter(0, integer(at_least=0))
    r: float = hyperparameter(0.0, non_negative)
    weight_lr_power: float = hyperparameter(2.0, non_negative)

    @staticmethod
    def rule(weight, grad, z, *, lr, t, largest, total, momentum, warmup_steps, r, weight_lr_power):
        rate = lr * np.minimum(1, t / np.maximum(warmup_steps, 1))
        largest = np.maximum(largest, rate)
        share = t**r * largest**weight_lr_power
        total = total + share
        step, ahead = rate * grad, (weight - z) / momentum  # ahead is x - z
        z = z - step
        ahead = (1 - share / np.where(total == 0, 1, total)) * (ahead + step)
        return z + momentum * ahead, z, largest, total

    @staticmethod
    def evaluation(weight, z, momentum):
        return z + (weight - z) / momentum
