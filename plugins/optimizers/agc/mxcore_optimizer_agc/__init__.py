"""Adaptive gradient clipping, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, norm, positive
from mxcore.wrapper import Wrapper

__all__ = ["AGC"]


@hyperparameters
class AGC(Wrapper):
    r"""Adaptive gradient clipping: the gradient of a unit is at most a fraction of its weights, by their norms.

    .. math::

        most_i &= clipping \cdot \max(\lVert w_i \rVert, \epsilon) \\
        g_i &\leftarrow g_i \cdot \min(most_i / \max(\lVert g_i \rVert, 10^{-6}), 1) \\
        w &\leftarrow \mathrm{inner}(w, g)

    Units i are the indices of the first axis: output channels if weights have the shape (outputs, inputs, …). A vector
    is one unit.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([3.0, 4.0])
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("agc(sgd, clipping=0.1)", learning_rate=1.0))
    >>> update("w", np.array([0.0, 2.0]), weight)
    >>> weight
    array([3. , 3.5])

    Args:
        optimizer: the optimizer to wrap, or its name.
        clipping: the greatest ratio of the norm of a gradient to that of its weights; above 0.
        epsilon: the least norm of weights, so that weights of 0 can move; above 0.

    State: none of its own.

    When to use it: networks without normalization, which large gradients of single units throw off. When not: the norm
    over all parameters together: use ``clip_global_norm``.

    References:
        A. Brock et al., "High-Performance Large-Scale Image Recognition Without Normalization", 2021,
        https://arxiv.org/abs/2102.06171

    Differs from MXNet 1.9.1: MXNet has no adaptive clipping. This is timm's ``adaptive_clip_grad``.
    """

    family = "wrapper"
    elementwise = False
    clipping: float = hyperparameter(0.01, positive)
    epsilon: float = hyperparameter(1e-3, positive)

    @staticmethod
    def rule(weight, grad, *, inner, clipping, epsilon):
        most, length = clipping * np.maximum(norm(weight, over="row"), epsilon), norm(grad, over="row")
        return inner(weight, grad * np.where(length > most, most / np.maximum(length, 1e-6), 1))
