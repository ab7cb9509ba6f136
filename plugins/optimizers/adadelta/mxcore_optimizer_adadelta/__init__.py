"""AdaDelta, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdaDelta"]


@hyperparameters
class AdaDelta(Optimizer):
    r"""AdaDelta: steps in the units of the weights, from moving averages of squared gradients and squared steps.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean\_square &\leftarrow \rho \cdot mean\_square + (1 - \rho) \cdot G^2 \\
        step &= \frac{\sqrt{mean\_step + \epsilon}}{\sqrt{mean\_square + \epsilon}} \cdot G \\
        mean\_step &\leftarrow \rho \cdot mean\_step + (1 - \rho) \cdot step^2 \\
        w &\leftarrow w - step - wd \cdot w

    Neither the learning rate, even 0, nor a scheduler has any effect. So ``wd`` is the fraction of the weight that each
    update removes. With ``use_lr``, as in torch, steps are multiplied by ``lr``, and ``wd`` times the weight is added
    to the gradient.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdaDelta(rho=0.75, epsilon=0.01))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(4)
    array([ 0.8004, -0.8143])

    Args:
        rho: the decay of both averages, in [0, 1).
        epsilon: added inside both roots; at least 0.
        use_lr: whether the learning rate counts.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean_square`` and ``mean_step``, with the shape and dtype of the weight.

    When to use it: if you cannot tune a learning rate. When not: short runs: it is slow to start.

    References:
        M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, https://arxiv.org/abs/1212.5701

    Differs from MXNet 1.9.1: rescaling does not modify the caller's gradient, and the state has the weight's dtype
    (there float32, so that other dtypes fail); ``use_lr`` is new.
    """

    family = "adaptive"
    decay = "own"
    slots = ("mean_square", "mean_step")
    moves_at_rate_zero = True
    expected_failures = {"a_rate_of_zero_keeps_the_weights": {"use_lr=True": "then the learning rate counts"}}
    conventions = {
        "torch": {"epsilon": 1e-6, "use_lr": True},
        "optax": {"epsilon": 1e-6, "use_lr": True},
        "keras": {"rho": 0.95, "epsilon": 1e-7, "use_lr": True},
    }
    rho: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-5, stabilizing)
    use_lr: bool = hyperparameter(False, boolean, kw_only=True)

    @staticmethod
    def rule(weight, grad, mean_square, mean_step, *, lr, wd, rho, epsilon, use_lr):
        grad = grad + wd * weight if use_lr else grad
        mean_square = rho * mean_square + (1 - rho) * grad * grad
        step = np.sqrt(mean_step + epsilon) / np.sqrt(mean_square + epsilon) * grad
        mean_step = rho * mean_step + (1 - rho) * step * step
        weight = weight - lr * step if use_lr else weight - step - wd * weight
        return weight, mean_square, mean_step
