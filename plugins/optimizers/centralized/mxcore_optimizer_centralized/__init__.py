"""Gradient centralization, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, mean
from mxcore.wrapper import Wrapper

__all__ = ["Centralized"]


@hyperparameters
class Centralized(Wrapper):
    r"""Gradient centralization: each row of a gradient gets mean 0.

    .. math::

        g_i &\leftarrow g_i - \mathrm{mean}(g_i) \\
        w &\leftarrow \mathrm{inner}(w, g)

    A row is what an index i of the first axis selects: an output channel, if weights have the shape
    (outputs, inputs, …), as those of most libraries do.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros((2, 2))
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("centralized(sgd)", learning_rate=1.0))
    >>> update("w", np.array([[1.0, 3.0], [0.5, 0.5]]), weight)
    >>> weight
    array([[ 1., -1.],
           [ 0.,  0.]])

    Args:
        optimizer: the optimizer to wrap, or its name.
        convolutions_only: whether matrices are left alone, and only gradients with more than two axes are centralized.

    State: none of its own.

    When to use it: convolutions and dense layers, as a cheap regularization. When not: embeddings and other weights
    whose rows are no units.

    References:
        H. Yong et al., "Gradient Centralization: A New Optimization Technique for Deep Neural Networks", 2020,
        https://arxiv.org/abs/2004.01461

    Differs from MXNet 1.9.1: MXNet has no centralization. This is ``centralize_gradient`` of pytorch_optimizer, whose
    ``gc_conv_only`` is for gradients with four axes or more.
    """

    family = "wrapper"
    elementwise = False
    convolutions_only: bool = hyperparameter(False, boolean)

    @staticmethod
    def rule(weight, grad, *, inner, ndim, convolutions_only):
        # Without a branch, so that all parameters measure at the same time what a rule such as Prodigy needs of all.
        means = np.where(ndim > (2 if convolutions_only else 1), mean(grad, over="row"), 0)
        return inner(weight, grad - means)
