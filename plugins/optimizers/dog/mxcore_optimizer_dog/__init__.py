"""Distance over gradients, for mxcore."""

from typing import Literal

import numpy as np

from mxcore import Slot, dot, hyperparameter, hyperparameters, norm, one_of, positive, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["DoG"]


@hyperparameters
class DoG(Optimizer):
    r"""Distance over gradients: SGD whose rate is the distance covered so far over the gradients seen so far.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        distance &\leftarrow \max(distance, \lVert w - start \rVert) \\
        squares &\leftarrow squares + \lVert G \rVert^2 \\
        w &\leftarrow w - lr \cdot \frac{distance}{\sqrt{squares + \epsilon}} \cdot G

    The first distance is :math:`reps\_rel \cdot (1 + \lVert w \rVert)`. The norms are over all parameters of the
    model: every call must have all of them. With ``granularity="parameter"``, LDoG, each parameter has a distance and a
    rate of its own.

    Rates hardly fall on their own, so the authors evaluate an average of the weights that favors the last ones:
    ``average(dog, beta=None, gamma=8)``.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("average(dog, beta=None, gamma=8)"))
    >>> weights = [np.array([1.0, -2.0]), np.array([3.0])]
    >>> for _ in range(200):
    ...     update(["w", "b"], [2 * weight for weight in weights], weights)
    >>> averages = update.evaluation_weights(weights, ["w", "b"])
    >>> max(float(abs(average).max()) for average in averages) < 0.01
    True

    Args:
        learning_rate: a factor on the rate, which a schedule may change; at least 0.
        reps_rel: the first distance, as a fraction of one more than the norm of the weights; above 0. The authors
            suggest 1e-4 for networks with batch normalization.
        epsilon: added to the sum of squares; at least 0.
        granularity: ``"all"`` for one rate, or ``"parameter"`` for one per parameter.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``start``, initially the weight, with its shape and dtype; and the numbers ``distance`` and ``squares``, for
    the whole model or for each parameter.

    When to use it: fine-tuning and other runs whose learning rate you cannot tune, in the memory of SGD with momentum.
    When not: if early gradients are much larger than later ones, which keeps rates low for the whole run. ``dowg``
    gives early ones little weight, and ``prodigy`` forgets them.

    References:
        M. Ivgi, O. Hinder and Y. Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule", 2023,
        https://arxiv.org/abs/2302.12022

    Differs from MXNet 1.9.1: MXNet has no DoG. This is the rule of the authors' ``DoG`` and ``LDoG``, and of optax,
    with their defaults. As long as no weight has moved, the first distance is computed anew.
    """

    family = "learning-rate-free"
    default_learning_rate = 1.0
    elementwise = False
    descent = {"learning_rate": 1.0}
    expected_failures = {"slots_are_named_and_used": "start is the initial weight, which does not change"}
    conventions = {"optax": {}}
    reps_rel: float = hyperparameter(1e-6, positive)
    epsilon: float = hyperparameter(1e-8, stabilizing)
    granularity: str = hyperparameter("all", one_of("all", "parameter"))

    def slots(self) -> tuple[Slot, ...]:
        scope: Literal["all", "parameter"] = "all" if self.granularity == "all" else "parameter"
        return Slot("start", init="weight"), *(Slot(name, shape=(), scope=scope) for name in ("distance", "squares"))

    @staticmethod
    def rule(weight, grad, start, *, lr, distance, squares, reps_rel, epsilon, granularity):
        moved = np.maximum(distance, norm(weight - start, over=granularity))
        distance = np.where(moved > 0, moved, reps_rel * (1 + norm(weight, over=granularity)))
        squares = squares + dot(grad, grad, over=granularity)
        weight = weight - lr * distance / np.sqrt(squares + epsilon) * grad
        return weight, start, distance, squares
