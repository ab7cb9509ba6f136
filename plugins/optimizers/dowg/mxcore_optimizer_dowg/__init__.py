"""Distance over weighted gradients, for mxcore."""

import numpy as np

from mxcore import Slot, dot, hyperparameter, hyperparameters, positive, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["DoWG"]


@hyperparameters
class DoWG(Optimizer):
    r"""Distance over weighted gradients: as DoG, with each gradient weighted by the distance covered when it came.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        square &\leftarrow \max(square, \lVert w - start \rVert^2) \\
        weighted &\leftarrow weighted + square \cdot \lVert G \rVert^2 \\
        w &\leftarrow w - lr \cdot \frac{square}{\sqrt{weighted} + \epsilon} \cdot G

    The first square is :math:`d_0^2`. The norms are over all parameters of the model: every call must have all of
    them. Early gradients count little, so that rates adapt faster than those of DoG.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("dowg"))
    >>> weights = [np.array([1.0, -2.0]), np.array([3.0])]
    >>> for _ in range(100):
    ...     update(["w", "b"], [2 * weight for weight in weights], weights)
    >>> max(float(abs(weight).max()) for weight in weights) < 0.01
    True

    Args:
        learning_rate: a factor on the rate, which a schedule may change; at least 0.
        d0: the first distance, above 0: a small fraction of the distance to the solution.
        epsilon: added to the root of the sum; at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``start``, initially the weight, with its shape and dtype; and for the whole model the numbers ``square`` and
    ``weighted``.

    When to use it: smooth functions whose learning rate you cannot tune, in the memory of SGD with momentum. When not:
    networks, in which rates may grow until it diverges: use a learning rate of 0.5 there, or ``dog``.

    References:
        A. Khaled, K. Mishchenko and C. Jin, "DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent
        Method", 2023, https://arxiv.org/abs/2305.16284

    Differs from MXNet 1.9.1: MXNet has no DoWG. This is the rule of optax and of the authors' code, in which ``eps`` is
    both ``epsilon`` and the square of ``d0``.
    """

    family = "learning-rate-free"
    default_learning_rate = 1.0
    elementwise = False
    descent = {"learning_rate": 1.0}
    expected_failures = {"slots_are_named_and_used": "start is the initial weight, which does not change"}
    conventions = {"optax": {}}
    d0: float = hyperparameter(0.01, positive)
    epsilon: float = hyperparameter(1e-4, stabilizing)
    slots = (Slot("start", init="weight"), Slot("square", scope="all"), Slot("weighted", scope="all"))

    @staticmethod
    def rule(weight, grad, start, *, lr, square, weighted, d0, epsilon):
        moved = weight - start
        square = np.maximum(np.maximum(square, d0**2), dot(moved, moved, over="all"))
        weighted = weighted + square * dot(grad, grad, over="all")
        weight = weight - lr * square / (np.sqrt(weighted) + epsilon) * grad
        return weight, start, square, weighted
