"""Adafactor, for mxcore."""

import functools
import math
from typing import Any

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, non_negative, number, optional, positive
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer

__all__ = ["Adafactor"]

_at_least_1 = Validator("a number of at least 1", lambda value: number.accepts(value) and value >= 1)
_at_most_0 = Validator("a number of at most 0", lambda value: number.accepts(value) and value <= 0)


@hyperparameters
class Adafactor(Optimizer):
    r"""Adafactor: steps scaled by second moments of which only means of rows and columns are kept.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        \rho &= t^{\mathrm{beta2\_decay}} \\
        row_i &\leftarrow (1 - \rho) \cdot row_i + \rho \cdot \mathrm{mean}_j(G_{ij}^2) \\
        col_j &\leftarrow (1 - \rho) \cdot col_j + \rho \cdot \mathrm{mean}_i(G_{ij}^2) \\
        V_{ij} &= row_i \cdot col_j / \max(\mathrm{mean}(row), \epsilon_1) \\
        u &= G / \max(\sqrt{V}, \epsilon_1) \\
        \alpha &= \max(\mathrm{rms}(w), \epsilon_2) \\
        &\quad \cdot \min(lr, 1 / \sqrt{t}) \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w \\
        &\quad - \alpha / \max(1, \mathrm{rms}(u) / \mathrm{clip\_threshold}) \cdot u

    with t = 1, 2, … the update count of this parameter and rms the root of the mean square. If there are more than two
    axes, the last two are rows and columns, and each index of the others is a matrix of its own. A vector or a single
    number has :math:`V \leftarrow (1 - \rho) \cdot V + \rho \cdot G^2`.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.ones((2, 3))
    >>> update = mx.optimizer.get_updater(mx.optimizer.Adafactor(0.1))
    >>> update(0, np.outer([1.0, -2.0], [0.5, 1.0, 2.0]), weight)
    >>> weight  # second moments of rank 1 are exact: each step is 0.1 of the weight's size
    array([[0.9, 0.9, 0.9],
           [1.1, 1.1, 1.1]])
    >>> [array.shape for array in update.states[0]]
    [(2, 1), (1, 3)]

    Args:
        learning_rate: the bound on the size of steps relative to that of the weight, at least 0.
        beta2_decay: the exponent by which new gradients count less and less; at most 0.
        epsilon1: the lower bound on the root of V and on the mean of ``row``, or None for the machine epsilon of the
            weight's dtype.
        epsilon2: the lower bound on the size of the weight in :math:`\alpha`; at least 0.
        clip_threshold: the bound on the root mean square of u, at least 1.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``row`` and ``col``, with the weight's dtype and its shape but for one axis of length 1; below two dimensions
    one array shaped like the weight.

    When to use it: large matrices in little memory: it keeps a number for each row and each column instead of one for
    each weight. When not: many vectors, for which it saves nothing, or small models, where Adam is steadier.

    References:
        N. Shazeer and M. Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018,
        https://arxiv.org/abs/1804.04235

    Differs from MXNet 1.9.1: MXNet has no Adafactor. This is the rule of torch. optax factors only large matrices, and
    timm and transformers have a first moment and other defaults.
    """

    family = "matrix"
    default_learning_rate = 0.01
    slots = ("row", "col")
    elementwise = False
    conventions = {"torch": {}, "optax": "it factors large matrices only, and does not bound the rate", "keras": {}}
    beta2_decay: float = hyperparameter(-0.8, _at_most_0)
    epsilon1: float | None = hyperparameter(None, optional(positive))
    epsilon2: float = hyperparameter(1e-3, non_negative)
    clip_threshold: float = hyperparameter(1.0, _at_least_1)

    def create_state(self, index: Index, weight: Array) -> Any:
        zeros = backend_of(weight).full_like
        if weight.ndim < 2:
            return zeros(weight, 0.0)
        return zeros(weight[..., :1], 0.0), zeros(weight[..., :1, :], 0.0)

    def update(self, index: Index, weight: Array, grad: Array, state: Any) -> None:
        self._update_count(index)
        if not weight.size:
            return
        lr, wd, t = self._get_lr(index), self._get_wd(index), self._index_update_count[index]
        epsilon, largest = _limits(weight.dtype)
        epsilon = epsilon if self.epsilon1 is None else self.epsilon1
        grad, step, share = self.preprocessed(grad), np.empty_like(weight), t**self.beta2_decay
        np.multiply(grad, grad, out=step)
        if weight.ndim < 2:
            _average(state, step, share, largest)
            step[...] = state
        else:
            row, col = state
            bound = largest / weight.shape[-2]  # so that neither the sum of rows nor V overflows
            _average(row, _mean(step, -1), share, bound)
            _average(col, _mean(step, -2), share, bound)
            _outer(row / np.maximum(_mean(row, -2), epsilon), col, out=step)
        np.sqrt(step, out=step)
        np.maximum(step, epsilon, out=step)
        np.divide(grad, step, out=step)
        size = np.maximum(_rms(weight), self.epsilon2) * min(lr, t**-0.5)
        step *= size / np.maximum(_rms(step) / self.clip_threshold, 1)
        if wd:
            weight *= 1 - lr * wd
        weight -= step


def _average(kept: Array, square: Array, share: float, bound: float) -> None:
    kept *= 1 - share
    kept += share * np.minimum(square, bound)


# Kernels of convolutions are tiny matrices, but many. NumPy would loop over each one; these loop over their elements.


def _mean(matrices: Array, axis: int) -> Array:
    """Return the means along one of the last two axes, which it keeps."""
    if not _are_tiny(matrices):
        return matrices.mean(axis, keepdims=True)
    found = np.zeros_like(matrices[..., :1] if axis == -1 else matrices[..., :1, :])
    for i, j in np.ndindex(matrices.shape[-2:]):
        found[..., i * (axis == -1), j * (axis == -2)] += matrices[..., i, j]
    found /= matrices.shape[axis]
    return found


def _outer(row: Array, col: Array, out: Array) -> None:
    """Write the outer products of rows and columns."""
    if not _are_tiny(out):
        np.multiply(row, col, out=out)
        return
    for i, j in np.ndindex(out.shape[-2:]):
        np.multiply(row[..., i, 0], col[..., 0, j], out=out[..., i, j])


def _are_tiny(matrices: Array) -> bool:
    on_host = isinstance(matrices, np.ndarray) and matrices.itemsize > 2  # whose means have a wider sum
    return on_host and matrices.ndim > 2 and math.prod(matrices.shape[-2:]) <= 64


def _rms(array: Array) -> Any:
    """Return the root mean square as a number, or a 0-d array on a device."""
    return np.linalg.norm(array) / array.size**0.5


@functools.cache
def _limits(dtype: Any) -> tuple[float, float]:
    """Return the machine epsilon and the largest number of a dtype, which may be bfloat16."""
    return float(np.spacing(np.ones((), dtype))), float(np.nextafter(np.array(np.inf, dtype), np.zeros((), dtype)))
