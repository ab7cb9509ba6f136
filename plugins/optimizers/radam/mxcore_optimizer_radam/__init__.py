"""RAdam, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["RAdam"]


@hyperparameters
class RAdam(Optimizer):
    r"""RAdam: Adam that uses its variance only once it has seen enough gradients, and scales it until it is reliable.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        \rho_\infty &= 2 / (1 - \beta_2) - 1 \\
        \rho &= \rho_\infty - 2 t \, \beta_2^t / (1 - \beta_2^t)

    and where :math:`\rho > 5`,

    .. math::

        r &= \sqrt{\frac{(\rho - 4) (\rho - 2) \, \rho_\infty}{(\rho_\infty - 4) (\rho_\infty - 2) \, \rho}} \\
        w &\leftarrow w - lr \cdot r \cdot \frac{mean}{1 - \beta_1^t}
            \cdot \frac{\sqrt{1 - \beta_2^t}}{\sqrt{variance} + \epsilon}

    else :math:`w \leftarrow w - lr \cdot mean \, / \, (1 - \beta_1^t)`, a step of momentum alone, with t = 1, 2, … the
    update count of this parameter. With the default ``beta2`` the first five steps are of this kind.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.RAdam(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight
    array([ 0.7 , -0.95])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1); up to 2/3, the variance is never used.
        epsilon: added to the root of the variance; at least 0.
        decoupled_wd: whether w is multiplied by 1 - lr · wd before the step, instead of adding wd · w to G.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, with the shape and dtype of the weight.

    When to use it: Adam without a warm-up: early steps are kept small until the variance is known. When not: with a
    warm-up of the learning rate, which serves the same end.

    References:
        L. Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2019,
        https://arxiv.org/abs/1908.03265

    Differs from MXNet 1.9.1: MXNet has no RAdam. This is the rule of PyTorch. optax uses the variance from
    :math:`\rho \ge 5` on and adds ``epsilon`` to the corrected root; the paper's threshold is 4, and pytorch_optimizer
    takes no steps without the variance.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    slots = ("mean", "variance")
    conventions = {"torch": {}, "optax": {}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    decoupled_wd: bool = hyperparameter(False, boolean)

    @property
    def decay(self) -> str:  # type: ignore[override]
        return "decoupled" if self.decoupled_wd else "after_clip"

    @staticmethod
    def rule(weight, grad, mean, variance, *, lr, t, beta1, beta2, epsilon):
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        trusted = length > 5
        numerator = np.where(trusted, (length - 4) * (length - 2) * longest * (1 - beta2**t), 0)
        denominator = np.where(trusted, (longest - 4) * (longest - 2) * length, 1)
        scale = np.where(trusted, np.sqrt(numerator / denominator) / (np.sqrt(variance) + epsilon), 1)
        return weight - lr / (1 - beta1**t) * mean * scale, mean, variance
