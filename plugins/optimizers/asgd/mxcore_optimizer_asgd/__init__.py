"""Averaged stochastic gradient descent, for mxcore."""

import numpy as np

from mxcore import Slot, boolean, hyperparameter, hyperparameters, in_range, non_negative
from mxcore.optimizer import Optimizer

__all__ = ["ASGD"]


@hyperparameters
class ASGD(Optimizer):
    r"""Averaged stochastic gradient descent: decaying steps, and the average of the weights to evaluate with.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        \eta &= lr \, / \, (1 + \lambda \cdot lr \cdot (t - 1))^\alpha \\
        \mu &= 1 \, / \, \max(1, t - 1 - t_0) \\
        w &\leftarrow (1 - \lambda \cdot \eta) \cdot w - \eta \cdot G \\
        average &\leftarrow average + \mu \, (w - average)

    with t = 1, 2, … the update count of this parameter. Until update :math:`t_0 + 2` the average is the weight itself.
    Get it with :meth:`~mxcore.optimizer.Updater.evaluating`, or :meth:`~mxcore.optimizer.Updater.evaluation_weights`.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.array([0.0]), mx.optimizer.get_updater(mx.optimizer.ASGD(1.0, lambd=0.0, t0=0.0))
    >>> for _ in range(4):
    ...     update("w", np.array([1.0]), weight)
    >>> weight, update.evaluation_weights([weight], ["w"])
    (array([-4.]), [array([-3.])])

    Args:
        learning_rate: the learning rate, at least 0.
        lambd: λ, how fast steps and weights decay; at least 0. The weights of all parameters decay, whatever their
            names.
        alpha: the power with which steps decay, in [0, 1].
        t0: after how many updates averaging begins, at least 0.
        late_lr: whether a new learning rate has its effect one update later, as in torch.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``average``, initially the weight, with its shape and dtype; with ``late_lr`` also the number ``eta`` of the
    next update.

    When to use it: convex problems with noisy gradients, such as linear models, where the average of the weights beats
    the last. When not: deep networks with schedules: see ``average``, which goes around any optimizer.

    References:
        B. T. Polyak and A. B. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
        https://doi.org/10.1137/0330046; the steps are those of L. Bottou, "Stochastic Gradient Descent Tricks", 2012,
        https://doi.org/10.1007/978-3-642-35289-8_25

    Differs from MXNet 1.9.1: MXNet has no ASGD. This is the rule of PyTorch, with ``late_lr`` also where the learning
    rate changes.
    """

    family = "momentum"
    default_learning_rate = 0.01
    expected_failures = {"a_gradient_of_zero_moves_nothing": "lambd decays weights, whatever wd is"}
    conventions = {"torch": {"late_lr": True}}
    lambd: float = hyperparameter(1e-4, non_negative)
    alpha: float = hyperparameter(0.75, in_range(0, 1))
    t0: float = hyperparameter(1e6, non_negative)
    late_lr: bool = hyperparameter(False, boolean, kw_only=True)

    def slots(self) -> tuple[Slot, ...]:
        average = Slot("average", init="weight")
        return (average, Slot("eta", shape=())) if self.late_lr else (average,)

    @staticmethod
    def rule(weight, grad, average, eta=None, *, lr, t, lambd, alpha, t0, late_lr):
        now = np.where(t == 1, lr, eta) if late_lr else lr / (1 + lambd * lr * (t - 1)) ** alpha
        mu = 1 / np.maximum(1, t - 1 - t0)
        weight = (1 - lambd * now) * weight - now * grad
        average = np.where(mu == 1, weight, average + mu * (weight - average))
        return (weight, average, lr / (1 + lambd * lr * t) ** alpha) if late_lr else (weight, average)

    @staticmethod
    def evaluation(average):
        return average
