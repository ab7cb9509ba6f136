"""Momentum divided by an estimate of the Hessian's diagonal."""

from typing import Any

import numpy as np

from mxcore import hyperparameter, hyperparameters, in_range, integer, non_negative, one_of, positive
from mxcore.backend import Array
from mxcore.optimizer import Index, Optimizer
from mxcore_optimizer_sophia.estimates import Estimates, smallest

__all__ = ["Sophia"]


@hyperparameters
class Sophia(Optimizer):
    r"""Sophia: momentum divided by an estimate of the Hessian's diagonal, and clipped.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        m &\leftarrow \beta_1 \cdot m + (1 - \beta_1) \cdot G \\
        u &= \frac{m / (1 - \beta_1^t)}{\max(gamma \cdot h, \epsilon)} \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w \\
        &\quad - lr \cdot \max(\min(u, threshold), -threshold)

    with t = 1, 2, … the update count of this parameter. In update 1 and every ``update_interval`` updates later, this
    is followed by :math:`h \leftarrow \beta_2 \cdot h + (1 - \beta_2) \cdot \hat h`, for which you pass an estimate
    :math:`\hat h` of the diagonal to ``set_hessian`` before the update:

    * Sophia-H: v · (Hv), the product of a random v of ±1 with the Hessian's product with it;
    * Sophia-G: the batch size times the squared mean gradient, with labels drawn from the model's own predictions.

    With ``estimator="gradient"`` you pass none, and :math:`\hat h = G^2`: cheaper, and less like the Hessian.

    >>> import numpy as np, mxcore as mx
    >>> sophia = mx.optimizer.Sophia(0.5, beta2=0.0, gamma=1.0)
    >>> update, weight = mx.optimizer.get_updater(sophia), np.array([2.0, 2.0])
    >>> for _ in range(2):
    ...     if sophia.is_hessian_due(0):
    ...         sophia.set_hessian(0, np.array([1.0, 20.0]))
    ...     update(0, np.array([1.0, 20.0]) * weight, weight)  # of weight² · (0.5, 10)
    >>> weight.round(4)  # h was 0 in the first update, so that it was as large as the learning rate
    array([1., 1.])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the mean, in [0, 1).
        beta2: the decay of h, in [0, 1).
        epsilon: the lower bound on the denominator, at least 0.
        gamma: the factor on h; larger values clip fewer elements; at least 0.
        clip_threshold: the bound on each element of a step at a learning rate of 1; above 0.
        update_interval: the number of updates from one estimate to the next, at least 1.
        estimator: "given" or "gradient".
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m`` and ``h``, with the shape and dtype of the weight.

    When to use it: language models, with an estimate of the Hessian's diagonal every few updates. When not: if nothing
    but gradients can be had; ``estimator="gradient"`` takes their squares, which is a rough guess.

    References:
        H. Liu et al., "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training", 2023,
        https://arxiv.org/abs/2305.14342

    Differs from MXNet 1.9.1: MXNet has no Sophia. This is the rule of optax; pytorch_optimizer changes h before the
    step and corrects no bias.
    """

    family = "second order"
    default_learning_rate = 0.001
    slots = ("m", "h")
    descent = {"learning_rate": 0.03}
    examples = ({"estimator": "gradient"},)
    conventions = {"optax": {"wd": 1e-4}}
    beta1: float = hyperparameter(0.965, in_range(0, 1, right_open=True))
    beta2: float = hyperparameter(0.99, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, non_negative)
    gamma: float = hyperparameter(0.01, non_negative)
    clip_threshold: float = hyperparameter(1.0, positive)
    update_interval: int = hyperparameter(10, integer(at_least=1))
    estimator: str = hyperparameter("given", one_of("given", "gradient"))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._estimates = Estimates()

    def set_hessian(self, index: Index, estimate: Array) -> None:
        """Pass an estimate of the Hessian's diagonal, for the next update of a parameter for which one is due.

        Args:
            index: the parameter.
            estimate: the estimate, with the shape of the weight. It is read in that update, and not rescaled.
        """
        self._estimates.put(index, estimate)

    def is_hessian_due(self, index: Index) -> bool:
        """Return whether the next update of a parameter uses an estimate."""
        return self._index_update_count.get(index, self.begin_num_update) % self.update_interval == 0

    def update(self, index: Index, weight: Array, grad: Array, state: tuple[Array, Array]) -> None:
        if self.estimator == "given" and self.is_hessian_due(index):
            self._estimates.check(self.describe(index), index, weight)
        self._update_count(index)
        self._step(index, weight, grad, *state)

    def update_all(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None:
        for index, weight in zip(indices, weights, strict=True):
            if self.estimator == "given" and (self._index_update_count[index] - 1) % self.update_interval == 0:
                self._estimates.check(self.describe(index), index, weight)
        for index, weight, grad, state in zip(indices, weights, grads, states, strict=True):
            self._step(index, weight, grad, *state)

    def _step(self, index: Index, weight: Array, grad: Array, m: Array, h: Array) -> None:
        lr, wd, t = self._get_lr(index), self._get_wd(index), self._index_update_count[index]
        grad = self.preprocessed(grad)
        m *= self.beta1
        m += (1 - self.beta1) * grad
        scale = np.maximum(self.gamma * h, max(self.epsilon, smallest(weight.dtype)))
        bound = self.clip_threshold * scale  # clipped before the division, which cannot overflow then
        step = np.minimum(m / (1 - self.beta1**t), bound)
        bound *= -1
        step = np.maximum(step, bound) / scale
        if wd:
            weight *= 1 - lr * wd
        weight -= lr * step
        if (t - 1) % self.update_interval == 0:
            h *= self.beta2
            h += (1 - self.beta2) * (self._estimates.take(index) if self.estimator == "given" else grad * grad)
