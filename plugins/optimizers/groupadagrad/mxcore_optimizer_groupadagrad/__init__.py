"""AdaGrad with one history per row, for mxcore."""

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, positive
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer

__all__ = ["GroupAdaGrad"]


@hyperparameters
class GroupAdaGrad(Optimizer):
    r"""AdaGrad with one history per row of the weight, for example per word of an embedding.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        history_i &\leftarrow history_i + \mathrm{mean}_j(G_{ij}^2) \\
        w_{ij} &\leftarrow w_{ij} - lr \cdot G_{ij} / \sqrt{history_i + eps}

    where i is the first axis and j all others. A vector or a single number has one history per element.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros((2, 2))
    >>> update = mx.optimizer.get_updater(mx.optimizer.GroupAdaGrad(learning_rate=0.1))
    >>> update(0, np.array([[3.0, 3.0], [1.0, 0.0]]), weight)
    >>> weight.round(4)
    array([[-0.1   , -0.1   ],
           [-0.1414,  0.    ]])

    Args:
        eps: added inside the root, above 0.
        wd: must be 0, so that rows whose gradient is 0 do not change.
        learning_rate: the learning rate, at least 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``history``, with the weight's dtype and shape (rows, 1, …, 1), or the weight's shape below two dimensions.

    When to use it: embeddings: a row has one accumulator, which takes hardly any memory. When not: weights whose
    elements in a row have different scales, or weight decay, which it refuses.

    References:
        J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization", Journal of Machine Learning Research 12, 2011, https://jmlr.org/papers/v12/duchi11a.html; per
        row: MXNet's ``contrib`` module, 2018.

    Differs from MXNet 1.9.1: weights may have any number of dimensions (there two); ``wd`` is refused in the
    constructor (there at the first update); the history has the weight's dtype (there float32, so that other dtypes
    fail).
    """

    family = "adaptive"
    slots = ("history",)
    elementwise = False
    eps: float = hyperparameter(1e-5, positive)
    wd: float = hyperparameter(0.0, Validator("0: weight decay is not supported", lambda wd: wd == 0), kw_only=True)

    def create_state(self, index: Index, weight: Array) -> Array:
        rows = weight[(slice(None), *[slice(1)] * (weight.ndim - 1))] if weight.ndim > 1 else weight
        return backend_of(weight).full_like(rows, 0.0)

    def update(self, index: Index, weight: Array, grad: Array, state: Array) -> None:
        self._update_count(index)
        lr = self._get_lr(index)
        grad = self.preprocessed(grad)
        squares = grad * grad
        if weight.size:  # the mean of no elements would be NaN
            state += squares if weight.ndim < 2 else squares.mean(axis=tuple(range(1, weight.ndim)), keepdims=True)
        weight -= lr * grad / np.sqrt(state + self.eps)
