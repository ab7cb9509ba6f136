"""NovoGrad, for mxcore."""

import numpy as np

from mxcore import boolean, dot, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer, Slot

__all__ = ["NovoGrad"]


@hyperparameters
class NovoGrad(Optimizer):
    r"""NovoGrad: gradients divided by a moving norm of their parameter, and then averaged.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        n &\leftarrow \beta_2 \cdot n + (1 - \beta_2) \cdot \lVert G \rVert^2 \\
        u &= G / (\sqrt{n} + \epsilon) + wd \cdot w \\
        m &\leftarrow \beta_1 \cdot m + u \\
        w &\leftarrow w - lr \cdot m

    In the first update, :math:`n = \lVert G \rVert^2` and m = u. With ``grad_averaging``, u is multiplied by
    :math:`1 - \beta_1` in all others.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(2)
    >>> mx.optimizer.get_updater(mx.optimizer.NovoGrad(0.1))(0, np.array([3.0, -4.0]), weight)
    >>> weight.round(4)  # the step has the norm 0.1
    array([-0.06,  0.08])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the momentum, in [0, 1).
        beta2: the decay of the squared norm, in [0, 1).
        epsilon: added to the norm; at least 0.
        grad_averaging: whether the momentum is a mean of steps instead of a sum.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m``, with the shape and dtype of the weight, and one number per parameter, ``n``.

    When to use it: large networks in little memory: one array for each weight, and a single number for each parameter.
    When not: parameters whose elements have very different scales: they share a step size.

    References:
        B. Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep
        Networks", 2019, https://arxiv.org/abs/1905.11286

    Differs from MXNet 1.9.1: MXNet has no NovoGrad. This is the rule of optax and pytorch_optimizer, with the defaults
    of the latter.
    """

    family = "layer-wise"
    default_learning_rate = 0.001
    decay = "own"
    slots = ("m", Slot("n", shape=()))
    elementwise = False
    conventions = {"optax": {"beta1": 0.9, "beta2": 0.25, "epsilon": 1e-6}}
    beta1: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.98, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    grad_averaging: bool = hyperparameter(False, boolean)

    @staticmethod
    def rule(weight, grad, m, n, *, lr, wd, t, beta1, beta2, epsilon, grad_averaging):
        square = dot(grad, grad)
        n = np.where(t == 1, square, beta2 * n + (1 - beta2) * square)
        u = grad / (np.sqrt(n) + epsilon) + wd * weight
        m = np.where(t == 1, u, beta1 * m + (1 - beta1 if grad_averaging else 1) * u)
        return weight - lr * m, m, n
