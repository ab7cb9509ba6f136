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
        gamma2: the momentum, in [0, 1); used only if ``centered``, or not ``epsilon_in_root``.
        epsilon: added inside the root; at least 0.
        centered: whether to scale by the variance instead of the mean square.
        clip_weights: the bound on each element of the weight; None for no bound.
        epsilon_in_root: whether ``epsilon`` is inside the root, as in MXNet. If not, it is added to the root, and
            ``gamma2`` is a momentum of steps without their learning rate, also if not ``centered``, as in torch:

            .. math::

                root &= \sqrt{mean\_square - mean^2} + \epsilon \\
                velocity &\leftarrow \gamma_2 \cdot velocity + G / root \\
                w &\leftarrow w - lr \cdot velocity

        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean_square``; if ``centered`` also ``mean`` and ``delta``; all with the shape and dtype of the weight.
    Without ``epsilon_in_root``, ``velocity`` instead of ``delta``, if ``gamma2`` is not 0.

    When to use it: recurrent networks and reinforcement learning, whose gradients change as the run goes on. When not:
    where Adam is affordable, which adds momentum and bias correction.

    References:
        T. Tieleman and G. Hinton, "Lecture 6.5 - RMSProp", COURSERA: Neural Networks for Machine Learning, 2012,
        https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf; centered: A. Graves, "Generating
        Sequences With Recurrent Neural Networks", 2013, https://arxiv.org/abs/1308.0850 (equations 38 to 45).

    Differs from MXNet 1.9.1: the state has the weight's dtype (there float32, so that other dtypes fail); a variance
    that rounding made negative counts as 0 (there its root is NaN); a ``clip_weights`` of 0 is refused instead of
    ignored; the default learning rate does not override a scheduler's ``base_lr``; ``epsilon_in_root`` is new.
    """

    family = "adaptive"
    default_learning_rate = 0.001
    decay = "before_clip"
    conventions = {
        "torch": {"gamma1": 0.99, "gamma2": 0.0, "epsilon_in_root": False},
        "optax": {},
        "keras": {"epsilon": 1e-7},
    }
    gamma1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    gamma2: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, stabilizing)
    centered: bool = hyperparameter(False, boolean)
    clip_weights: float | None = hyperparameter(None, optional(positive))
    epsilon_in_root: bool = hyperparameter(True, boolean, kw_only=True)

    def slots(self) -> tuple[str, ...]:
        last = ("delta",) if self.epsilon_in_root and self.centered else ()
        if not self.epsilon_in_root and self.gamma2:
            last = ("velocity",)
        return ("mean_square", *(("mean",) if self.centered else ()), *last)

    @staticmethod
    def rule(
        weight, grad, mean_square, mean=None, delta=None, velocity=None,
        *, lr, gamma1, gamma2, epsilon, centered, clip_weights, epsilon_in_root,
    ):  # fmt: skip
        mean_square = gamma1 * mean_square + (1 - gamma1) * grad * grad
        variance = mean_square
        if centered:
            mean = gamma1 * mean + (1 - gamma1) * grad
            variance = np.where(mean_square == np.inf, np.inf, np.maximum(mean_square - mean * mean, 0))
        root = np.sqrt(variance + epsilon) if epsilon_in_root else np.sqrt(variance) + epsilon
        if delta is not None:
            delta = gamma2 * delta - lr * grad / root
            weight = weight + delta
        elif velocity is not None:
            velocity = gamma2 * velocity + grad / root
            weight = weight - lr * velocity
        else:
            weight = weight - lr * grad / root
        if clip_weights is not None:
            weight = np.clip(weight, -clip_weights, clip_weights)
        return tuple(one for one in (weight, mean_square, mean, delta, velocity) if one is not None)
