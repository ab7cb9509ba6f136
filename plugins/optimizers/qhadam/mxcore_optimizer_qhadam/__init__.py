"""QHAdam, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["QHAdam"]


@hyperparameters
class QHAdam(Optimizer):
    r"""QHAdam: Adam with mixtures of each moment and the current gradient, between Adam and RMSProp or SGD.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        M &= (1 - \nu_1) \cdot G + \nu_1 \cdot \frac{mean}{1 - \beta_1^t} \\
        V &= (1 - \nu_2) \cdot G^2 + \nu_2 \cdot \frac{variance}{1 - \beta_2^t} \\
        w &\leftarrow w - lr \cdot \frac{M}{\sqrt{V} + \epsilon}

    with t = 1, 2, … the update count of this parameter. It is Adam with both ν at 1, which is the default, and RMSProp
    with :math:`\nu_1 = 0`. The authors recommend :math:`\nu_1 = 0.7` and :math:`\beta_1 = 0.995`.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.QHAdam(0.1, nu1=0.7))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.9, -0.9])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        nu1: the share of the mean in the direction, in [0, 1].
        nu2: the share of the variance in the scale, in [0, 1].
        epsilon: added to the root; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight.

    When to use it: in place of Adam or NAdam, if you are ready to tune how much of the current gradient counts. When
    not: if you tune no more than a learning rate.

    References:
        J. Ma and D. Yarats, "Quasi-Hyperbolic Momentum and Adam for Deep Learning", 2018,
        https://arxiv.org/abs/1810.06801

    Differs from MXNet 1.9.1: MXNet has no QHAdam. This is the rule of the paper and of pytorch_optimizer.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    slots = ("mean", "variance")
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    nu1: float = hyperparameter(1.0, in_range(0, 1))
    nu2: float = hyperparameter(1.0, in_range(0, 1))
    epsilon: float = hyperparameter(1e-8, stabilizing)

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, t, beta1, beta2, nu1, nu2, epsilon):
        square = grad * grad
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * square
        direction = (1 - nu1) * grad + nu1 / (1 - beta1**t) * mean
        current = np.where(nu2 == 1, 0, (1 - nu2) * square)  # not 0 · inf where the square overflows
        scale = np.sqrt(current + nu2 / (1 - beta2**t) * variance) + epsilon
        return weight - lr * direction / scale, mean, variance
