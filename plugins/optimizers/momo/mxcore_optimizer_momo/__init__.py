"""MoMo, for mxcore."""

from typing import Any

import numpy as np

from mxcore import Slot, boolean, dot, hyperparameter, hyperparameters, in_range, number
from mxcore.optimizer import Optimizer
from mxcore_optimizer_momo.observed import Observed

__all__ = ["MoMo"]


@hyperparameters
class MoMo(Optimizer):
    r"""MoMo: SGD with momentum, with a rate that follows from the loss, bounded by the learning rate.

    The past losses and gradients are a model of the loss, a line that is cut off at a lower bound. Each step goes to
    the minimum of this model near the weights:

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        mean &\leftarrow \beta \cdot mean + (1 - \beta) \cdot G \\
        loss\_mean &\leftarrow \beta \cdot loss\_mean + (1 - \beta) \cdot loss \\
        product &\leftarrow \beta \cdot product \\
            &\quad + (1 - \beta) \textstyle\sum_{\text{all}} \langle G, w \rangle \\
        c &= 1 / (1 + lr \cdot wd) \\
        h &= loss\_mean - product \\
            &\quad + \textstyle\sum_{\text{all}} c \, \langle mean, w \rangle \\
        q &= \frac{h - lower\_bound}{\sum_{\text{all}} c \cdot lr \, \lVert mean \rVert^2} \\
        rate &= lr \cdot \mathrm{clip}(q, 0, 1) \\
        w &\leftarrow c \cdot (w - rate \cdot mean)

    The sums go over all parameters of the model: every call must have all of them. The first means are the first loss,
    gradient and product; with ``bias_correction`` they start at 0, and the bound is multiplied, and the 1 divided, by
    their total weight.

    Tell it the loss before each update:

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("momo"))
    >>> weight = np.array([3.0, -4.0])
    >>> for _ in range(100):
    ...     update.optimizer.observe(float(weight @ weight))
    ...     update("w", 2 * weight, weight)
    >>> bool(abs(weight).max() < 0.1)
    True

    Args:
        learning_rate: the largest rate, which a schedule may change; at least 0.
        beta: the decay of the means, in [0, 1).
        lower_bound: a number that the loss cannot fall below; 0 for most losses.
        adapt_lower_bound: whether to estimate a higher bound along the way, for losses that stay far above it.
        bias_correction: whether the means start at 0, and the weight that they lack is made up for.
        loss: a number or a function of the update count that gives the loss of each update; by default, it is what
            ``observe`` was told since the last update, or the mean if that was told several times.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, with the shape and dtype of the weight; and for the whole model the numbers ``loss_mean``,
    ``product``, ``total``, and ``bound`` with ``adapt_lower_bound``.

    When to use it: models that reach a small loss, with a learning rate that is too large rather than well tuned. When
    not: if the loss stays far above its bound, where it is SGD with momentum, or is not at hand.

    Raises:
        ValueError: from an update, if no loss was observed for it, or one that is not finite; nothing has changed.

    References:
        F. Schaipp, R. Ohana, M. Eickenberg, A. Defazio and R. M. Gower, "MoMo: Momentum Models for Adaptive Learning
        Rates", 2023, https://arxiv.org/abs/2305.07583

    Differs from MXNet 1.9.1: MXNet has no MoMo. This is the rule of the authors' ``momo-opt``, extended to parameters
    with multipliers. With weight decay, optax's ``momo`` leaves out c where it multiplies the mean.
    """

    family = "learning-rate-free"
    default_learning_rate = 1.0
    decay = "own"
    elementwise = False
    examples = ({"loss": 1.0}, {"loss": 0.25, "bias_correction": True, "adapt_lower_bound": True})
    conventions = {"optax": {}}
    beta: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    lower_bound: float = hyperparameter(0.0, number)
    adapt_lower_bound: bool = hyperparameter(False, boolean)
    bias_correction: bool = hyperparameter(False, boolean)
    loss: Any = hyperparameter(None, number, converter=lambda given: Observed() if given is None else given)

    def slots(self) -> tuple[str | Slot, ...]:
        of_model = [Slot(name, scope="all") for name in ("loss_mean", "product", "total")]
        return ("mean", *of_model, *([Slot("bound", init=self.lower_bound, scope="all")] * self.adapt_lower_bound))

    def observe(self, loss: float) -> None:
        """Tell the loss whose gradient the next update gets: that of the batch, rescaled as gradients are."""
        if isinstance(self.loss, Observed):
            self.loss.observe(loss)

    @staticmethod
    def rule(
        weight, grad, mean, *, lr, wd, loss, loss_mean, product, total, beta, lower_bound, adapt_lower_bound,
        bias_correction, bound=None,
    ):  # fmt: skip
        if not bias_correction:
            beta = np.where(total == 0, 0, beta)
        mean = beta * mean + (1 - beta) * grad
        loss_mean = beta * loss_mean + (1 - beta) * loss
        product = beta * product + (1 - beta) * dot(grad, weight, over="all")
        total = beta * total + (1 - beta)
        c = 1 / (1 + lr * wd)
        h = loss_mean - product + dot(mean, c * weight, over="all")
        lowest = lower_bound
        if adapt_lower_bound:
            lowest = np.where(h < total * bound, np.maximum(h / (2 * total), lower_bound), bound)
        most = dot(mean, c * lr * mean, over="all")
        part = np.where(most > 0, np.minimum(np.maximum((h - total * lowest) / most, 0), 1 / total), 0)
        if adapt_lower_bound:
            step = np.where(part > 0, part * dot(mean, lr * mean, over="all"), 0)
            h = loss_mean - product + dot(mean, weight, over="all")
            bound = np.maximum((h - step / 2) / total, lower_bound)
        weight = c * (weight - part * lr * mean)
        return (weight, mean, loss_mean, product, total, *([bound] if adapt_lower_bound else []))
