"""RMSProp, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, optional, positive, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["RMSProp"]


@hyperparameters
class RMSProp(Optimizer):
    r"""RMSProp: steps scaled by the root of a moving average of squared gradients, or of their variance if centered.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g + wd \cdot w) \\
        mean\_square &\leftarrow \gamma_1 \cdot mean\_square + (1 - \gamma_1) \cdot G^2 \\
        w &\leftarrow w - lr \cdot G / \sqrt{mean\_square + \epsilon}

    and if ``centered``, with momentum :math:`\gamma_2`,

    .. math::

        mean &\leftarrow \gamma_1 \cdot mean + (1 - \gamma_1) \cdot G \\
        scale &= \sqrt{mean\_square - mean^2 + \epsilon} \\
        delta &\leftarrow \gamma_2 \cdot delta - lr \cdot G / scale \\
        w &\leftarrow w + delta

    With ``clip_weights`` the new weight is limited to [-clip_weights, clip_weights], even at a learning rate of 0.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.RMSProp(0.1, gamma1=0.75))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.8, -0.8])

    Args:
        learning_rate: the learning rate, at least 0.
        gamma1: the decay of the averages, in [0, 1).
        gamma2: the momentum, in [0, 1); used only if ``centered``.
        epsilon: added inside the root; at least 0.
        centered: whether to scale by the variance instead of the mean square.
        clip_weights: the bound on each element of the weight; None for no bound.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean_square``; if ``centered`` also ``mean`` and ``delta``; all with the shape and dtype of the weight.

    When to use it: recurrent networks and reinforcement learning, whose gradients change as the run goes on. When not:
    where Adam is affordable, which adds momentum and bias correction.

    References:
        T. Tieleman and G. Hinton, "Lecture 6.5 - RMSProp", COURSERA: Neural Networks for Machine Learning, 2012,
        https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf; centered: A. Graves, "Generating
        Sequences With Recurrent Neural Networks", 2013, https://arxiv.org/abs/1308.0850 (equations 38 to 45).

    Differs from MXNet 1.9.1: the state has the weight's dtype (there float32, so that other dtypes fail); a variance
    that rounding made negative counts as 0 (there its root is NaN); a ``clip_weights`` of 0 is refused instead of
    ignored; the default learning rate does not override a scheduler's ``base_lr``.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "before_clip"
    conventions = {"torch": "it adds epsilon to the root", "optax": {}, "keras": {"epsilon": 1e-7}}
    gamma1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    gamma2: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    centered: bool = hyperparameter(False, boolean)
    clip_weights: float | None = hyperparameter(None, optional(positive))

    def slots(self) -> tuple[str, ...]:
        return ("mean_square", "mean", "delta") if self.centered else ("mean_square",)

    @staticmethod
    def rule(weight, grad, mean_square, mean=None, delta=None, *, lr, gamma1, gamma2, epsilon, centered, clip_weights):
        mean_square = gamma1 * mean_square + (1 - gamma1) * grad * grad
        if centered:
            mean = gamma1 * mean + (1 - gamma1) * grad
            variance = np.where(mean_square == np.inf, np.inf, np.maximum(mean_square - mean * mean, 0))
            delta = gamma2 * delta - lr * grad / np.sqrt(variance + epsilon)
            weight = weight + delta
        else:
            weight = weight - lr * grad / np.sqrt(mean_square + epsilon)
        if clip_weights is not None:
            weight = np.clip(weight, -clip_weights, clip_weights)
        return (weight, mean_square, mean, delta) if centered else (weight, mean_square)
