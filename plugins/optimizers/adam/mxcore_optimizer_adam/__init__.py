"""Adam, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["Adam"]


@hyperparameters
class Adam(Optimizer):
    r"""Adam: steps scaled by running estimates of the gradient's mean and uncentred variance.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g + wd \cdot w) \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        rate &= lr \cdot \sqrt{1 - \beta_2^t} \, / \, (1 - \beta_1^t) \\
        w &\leftarrow w - rate \cdot mean / (\sqrt{variance} + \epsilon)

    with t = 1, 2, … the update count of this parameter. With ``epsilon_after_correction=True``, as in torch and optax,

    .. math::

        w \leftarrow w - \frac{lr \cdot mean / (1 - \beta_1^t)}{\sqrt{variance / (1 - \beta_2^t)} + \epsilon}

    With ``amsgrad`` the largest variance so far, :math:`largest \leftarrow \max(largest, variance)`, replaces the
    variance in the step.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.Adam(0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.9, -0.9])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the variance, which is not corrected for bias; at least 0.
        epsilon_after_correction: whether epsilon is added to the root of the corrected variance instead.
        lazy_update: accepted for compatibility with MXNet; no effect, as gradients are dense.
        amsgrad: whether to use the largest variance so far.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean`` and ``variance``, and with ``amsgrad`` also ``largest``, with the shape and dtype of the weight.

    When to use it: variables of different scales and noisy gradients; a first choice that needs little tuning. When
    not: weight decay, which it scales along with the gradient: use ``adamw``; or little memory: it keeps two arrays per
    weight.

    References:
        D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014, https://arxiv.org/abs/1412.6980
        (the form at the end of section 2, with the bias correction in the learning rate; the other is its algorithm 1);
        amsgrad: S. J. Reddi, S. Kale and S. Kumar, "On the Convergence of Adam and Beyond", 2018,
        https://arxiv.org/abs/1904.09237

    Differs from MXNet 1.9.1: the default learning rate does not override a scheduler's ``base_lr``;
    ``epsilon_after_correction`` and ``amsgrad`` are new.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "before_clip"
    conventions = {
        "torch": {"epsilon_after_correction": True},
        "optax": {"epsilon_after_correction": True},
        "keras": {"epsilon": 1e-7},
    }
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    lazy_update: bool = hyperparameter(True, boolean, repr=False)
    epsilon_after_correction: bool = hyperparameter(False, boolean, kw_only=True)
    amsgrad: bool = hyperparameter(False, boolean, kw_only=True)

    def slots(self) -> tuple[str, ...]:
        return ("mean", "variance", "largest") if self.amsgrad else ("mean", "variance")

    @staticmethod
    def rule(
        weight, grad, mean, variance, largest=None, *, lr, t, beta1, beta2, epsilon, epsilon_after_correction, amsgrad
    ):
        mean = beta1 * mean + (1 - beta1) * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        largest = np.maximum(largest, variance) if amsgrad else variance
        corrected = (1 - beta2**t) ** 0.5
        scale = np.sqrt(largest) + (corrected * epsilon if epsilon_after_correction else epsilon)
        weight = weight - lr * corrected / (1 - beta1**t) * mean / scale
        return (weight, mean, variance, largest) if amsgrad else (weight, mean, variance)
