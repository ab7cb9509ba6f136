"""Nesterov's accelerated gradient, for mxcore."""

from mxcore import boolean, hyperparameter, hyperparameters, in_range
from mxcore.optimizer import Optimizer

__all__ = ["NAG"]


@hyperparameters
class NAG(Optimizer):
    r"""Nesterov's accelerated gradient: momentum that looks one step ahead.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        velocity &\leftarrow momentum \cdot velocity - lr \cdot G \\
        w &\leftarrow w + momentum \cdot velocity - lr \cdot G

    and without momentum :math:`w \leftarrow w - lr \cdot G`. With ``lr_in_velocity=False``, as in torch, a new learning
    rate affects the whole step:

    .. math::

        velocity &\leftarrow momentum \cdot velocity + G \\
        w &\leftarrow w - lr \cdot (G + momentum \cdot velocity)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.NAG(momentum=0.5, learning_rate=0.1))(0, np.array([1.0, 1.0]), weight)
    >>> weight
    array([ 0.85, -1.15])

    Args:
        momentum: the fraction of the previous velocity that is kept, in [0, 1].
        learning_rate: the learning rate, at least 0.
        lr_in_velocity: whether the velocity includes the learning rate.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity``, with the shape and dtype of the weight; none without momentum.

    When to use it: where SGD with momentum works, for smoother progress at the same cost. When not: noisy gradients,
    which make its look-ahead worth little.

    References:
        Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)", Soviet
        Mathematics Doklady 27, 1983; in this form: I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance
        of initialization and momentum in deep learning", 2013, https://proceedings.mlr.press/v28/sutskever13.html

    Differs from MXNet 1.9.1: there, because two arrays happen to share memory, weight decay in the velocity uses the
    weight that has just been written; here it uses the weight at which the gradient was computed. Without ``wd`` both
    agree. A negative momentum is refused instead of ignored; ``lr_in_velocity`` is new.
    """

    family = "momentum"
    conventions = {"torch": {"lr_in_velocity": False}, "optax": {"lr_in_velocity": False}, "keras": {}}
    momentum: float = hyperparameter(0.0, in_range(0, 1))
    lr_in_velocity: bool = hyperparameter(True, boolean, kw_only=True)

    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    @staticmethod
    def rule(weight, grad, velocity=None, *, lr, momentum, lr_in_velocity):
        if velocity is None:
            return weight - lr * grad
        if lr_in_velocity:
            velocity = momentum * velocity - lr * grad
            return weight + momentum * velocity - lr * grad, velocity
        velocity = momentum * velocity + grad
        return weight - lr * (grad + momentum * velocity), velocity
