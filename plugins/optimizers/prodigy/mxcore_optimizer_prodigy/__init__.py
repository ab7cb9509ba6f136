"""Prodigy, for mxcore."""

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

__all__ = ["Prodigy"]


@hyperparameters
class Prodigy(Optimizer):
    r"""Prodigy: Adam with steps in units of d, an estimate of the distance to the solution; no learning rate to tune.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        step &= d \cdot lr \\
        num &\leftarrow \beta_3 \cdot num \\
            &\quad + \textstyle\sum_{\text{all}} \frac{d}{d_0} step \cdot \langle G, start - w \rangle \\
        mean &\leftarrow \beta_1 \cdot mean + (1 - \beta_1) \cdot d \cdot G \\
        variance &\leftarrow \beta_2 \cdot variance + (1 - \beta_2) \cdot d^2 \cdot G^2 \\
        total &\leftarrow \beta_3 \cdot total + \frac{d}{d_0} step \cdot G \\
        d &\leftarrow \max \left( d, \frac{d\_coef \cdot num}{\sum_{\text{all}} \lVert total \rVert_1} \right) \\
        w &\leftarrow (1 - step \cdot wd) \cdot w \\
            &\quad - step \cdot \frac{mean}{\sqrt{variance} + d \cdot \epsilon}

    The sums go over all parameters of the model, which share d and num: every call must have all of them. The last
    formula uses the new d. A multiplier of the learning rate acts on a parameter's steps and its part of the sums.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("prodigy"))
    >>> weights = [np.array([1.0, -2.0]), np.array([3.0])]
    >>> for _ in range(150):
    ...     update(["w", "b"], [2 * weight for weight in weights], weights)
    >>> update.optimizer.model_numbers["d"] > 0.5
    True

    Args:
        learning_rate: the factor on d, which a schedule may change; at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of the variance, in [0, 1).
        beta3: the decay of the sums from which d is estimated, in [0, 1); None for the root of ``beta2``.
        epsilon: added to the root of the variance, in units of d; at least 0.
        d0: the first d, positive: a small fraction of the distance to the solution.
        d_coef: the factor on the estimate, positive: with 0.5 or 2, steps are smaller or larger.
        growth_rate: the largest factor by which d may grow in an update once it has left ``d0``, at least 1; None for
            no bound.
        decoupled_wd: whether weight decay acts as above; otherwise wd · w is added to G.
        use_bias_correction: whether ``step`` is multiplied by :math:`\sqrt{1 - \beta_2^t} / (1 - \beta_1^t)`.
        safeguard_warmup: whether the learning rate is left out of ``total``, for schedules with a warm-up.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, ``variance``, ``total``, and ``start``, initially the weight, with its shape and dtype; and for the
    whole model the numbers ``d``, ``largest`` (its largest estimate) and ``num``.

    When to use it: if you cannot tune a learning rate; a schedule still helps. When not: parameters that are updated
    one by one, or little memory: it looks at all together, and keeps four arrays per weight.

    References:
        K. Mishchenko and A. Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", 2023,
        https://arxiv.org/abs/2306.06101

    Differs from MXNet 1.9.1: MXNet has no Prodigy. This is the rule of the authors' ``prodigyopt``, with its defaults.
    """

    family = "learning-rate-free"
    default_learning_rate = 1.0
    decay = "own"
    elementwise = False
    expected_failures = {
        "slots_are_named_and_used": "start is the initial weight, which does not change",
        "dtypes_are_kept": {"beta2": "the first steps, in units of d0, are too small for float32"},
    }
    conventions = {"optax": {"use_bias_correction": True}}
    beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    beta3: float | None = hyperparameter(None, optional(in_range(0, 1, right_open=True)))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    d0: float = hyperparameter(1e-6, positive)
    d_coef: float = hyperparameter(1.0, positive)
    growth_rate: float | None = hyperparameter(None, optional(in_range(1, math.inf, right_open=True)))
    decoupled_wd: bool = hyperparameter(True, boolean)
    use_bias_correction: bool = hyperparameter(False, boolean)
    safeguard_warmup: bool = hyperparameter(False, boolean)

    def slots(self) -> tuple[str | Slot, ...]:
        of_model = (Slot("d", init=self.d0, scope="all"), Slot("largest", init=self.d0, scope="all"))
        return ("mean", "variance", "total", Slot("start", init="weight"), *of_model, Slot("num", scope="all"))

    @staticmethod
    def rule(
        weight, grad, mean, variance, total, start, *, lr, wd, t, d, largest, num, beta1, beta2, beta3, epsilon, d0,
        d_coef, growth_rate, decoupled_wd, use_bias_correction, safeguard_warmup,
    ):  # fmt: skip
        if not decoupled_wd:
            grad = grad + wd * weight
        beta3 = beta2**0.5 if beta3 is None else beta3
        step = d * lr
        if use_bias_correction:
            step = step * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        num = beta3 * num + dot(d / d0 * step * grad, start - weight, over="all")
        mean = beta1 * mean + (1 - beta1) * d * grad
        variance = beta2 * variance + (1 - beta2) * d * d * grad * grad
        total = beta3 * total + d / d0 * (d if safeguard_warmup else step) * grad
        size = sum(abs(total), over="all")
        estimate = np.where(size > 0, d_coef * num / size, d)
        largest = np.maximum(largest, estimate)
        if growth_rate is None:
            d = largest
        else:
            d = np.minimum(largest, growth_rate * np.where(d == d0, np.maximum(d, estimate), d))
        if decoupled_wd:
            weight = weight - step * wd * weight  # as a factor, 1 - step · wd would be rounded to float32
        weight = weight - step * mean / (np.sqrt(variance) + d * epsilon)
        return weight, mean, variance, total, start, d, largest, num
