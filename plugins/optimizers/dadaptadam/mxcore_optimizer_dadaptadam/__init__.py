"""D-Adaptation, for mxcore."""

import math

import numpy as np

from mxcore import (
    Slot,
    boolean,
    dot,
    hyperparameter,
    hyperparameters,
    in_range,
    optional,
    positive,
    stabilizing,
    sum,
)
from mxcore.optimizer import Optimizer

__all__ = ["DAdaptAdam"]


@hyperparameters
class DAdaptAdam(Optimizer):
    r"""D-Adaptation: Adam with steps in units of d, an estimate of the distance to the solution.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        step &= d \cdot lr, \quad q = \sqrt{\beta_2} \\
        num &\leftarrow q \cdot num \\
            &\quad + (1 - q) \textstyle\sum_{\text{all}} step \cdot
            \langle G, \frac{total}{\sqrt{variance} + \epsilon} \rangle \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot step \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot G^2 \\
        total &\leftarrow q \cdot total + (1 - q) \cdot step \cdot G \\
        w &\leftarrow w - \frac{mean}{\sqrt{variance} + \epsilon} \\
        d &\leftarrow \max \left( d, \frac{num}{(1 - q) \sum_{\text{all}} \lVert total \rVert_1} \right)

    The sums go over all parameters of the model, which share d and num: every call must have all of them. The new d
    applies from the next update on. A multiplier of the learning rate applies to the steps of its parameter and to what
    it contributes to the sums, so a parameter with 0 doesn't take part. (The authors' code allows no others than 0 and
    1.)

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("dadaptadam"))
    >>> weights = [np.array([1.0, -2.0]), np.array([3.0])]
    >>> for _ in range(100):
    ...     update(["w", "b"], [2 * weight for weight in weights], weights)
    >>> update.optimizer.model_numbers["d"] > 0.01
    True

    Args:
        learning_rate: the factor on d, which a schedule may change; at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        epsilon: added to the root of the variance; at least 0.
        d0: the first d, positive: a small fraction of the distance to the solution.
        growth_rate: the largest factor by which d may grow in an update, at least 1; None for no bound.
            The authors recommend 1.02 where training is unstable.
        decoupled_wd: whether w is multiplied by 1 - step · wd, instead of adding wd · w to G.
        use_bias_correction: whether ``step`` is multiplied by :math:`\sqrt{1 - \beta_2^t} / (1 - \beta_1^t)`.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, ``variance`` and ``total``, with the shape and dtype of the weight; and for the whole model the
    numbers ``d`` and ``num``.

    When to use it: if you cannot tune a learning rate; ``prodigy`` finds it faster. When not: parameters that are
    updated one by one: it looks at all of them together.

    References:
        A. Defazio and K. Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023,
        https://arxiv.org/abs/2301.07733

    Differs from MXNet 1.9.1: MXNet has no D-Adaptation. This is ``DAdaptAdam`` of the authors' ``dadaptation``, with
    its defaults.
    """

    family = "learning-rate-free"
    default_learning_rate = 1.0
    decay = "own"
    elementwise = False
    expected_failures = {
        "dtypes_are_kept": {"beta2": "the first steps, in units of d0, are too small for float32"},
    }
    conventions = {"optax": {"use_bias_correction": True, "decoupled_wd": True}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    d0: float = hyperparameter(1e-6, positive)
    growth_rate: float | None = hyperparameter(None, optional(in_range(1, math.inf, right_open=True)))
    decoupled_wd: bool = hyperparameter(False, boolean)
    use_bias_correction: bool = hyperparameter(False, boolean)

    def slots(self) -> tuple[str | Slot, ...]:
        return ("mean", "variance", "total", Slot("d", init=self.d0, scope="all"), Slot("num", scope="all"))

    @staticmethod
    def rule(
        weight, grad, mean, variance, total, *, lr, wd, t, d, num, beta1, beta2, epsilon, growth_rate, decoupled_wd,
        use_bias_correction,
    ):  # fmt: skip
        if not decoupled_wd:
            grad = grad + wd * weight
        step, beta3 = d * lr, beta2**0.5
        if use_bias_correction:
            step = step * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        slope = dot(step * grad, total / (np.sqrt(variance) + epsilon), over="all")
        num = beta3 * num + (1 - beta3) * slope
        mean = beta1 * mean + (1 - beta1) * step * grad
        variance = beta2 * variance + (1 - beta2) * grad * grad
        total = beta3 * total + (1 - beta3) * step * grad
        size = (1 - beta3) * sum(abs(total), over="all")
        estimate = np.where(size > 0, num / size, d)
        if growth_rate is not None:
            estimate = np.minimum(estimate, growth_rate * d)
        d = np.maximum(d, estimate)
        if decoupled_wd:
            weight = weight - step * wd * weight  # as a factor, 1 - step · wd would be rounded to float32
        return weight - mean / (np.sqrt(variance) + epsilon), mean, variance, total, d, num
