"""The base class of optimizers that orthogonalize what they add to matrices."""

import re
from typing import Any

import numpy as np

from mxcore import Validator, boolean, hyperparameter, hyperparameters, integer, number, positive
from mxcore.backend import Array, backend_of, on_device_of
from mxcore.groups import pattern_fault
from mxcore.optimizer import Index, Optimizer
from mxcore.step.states import arrays_of
from mxcore_matrices.axes import working_dtype
from mxcore_matrices.newton_schulz import orthogonalize

__all__ = ["Orthogonalized"]

_STACK = 1 << 24
"""The number of elements from which matrices of equal shape are no longer stacked, to bound the memory."""

_three = Validator(
    "three numbers", lambda given: isinstance(given, tuple) and [*map(number.accepts, given)] == [True] * 3
)
_patterns = Validator(
    "a list of regular expressions", lambda given: isinstance(given, tuple) and not any(map(pattern_fault, given))
)


@hyperparameters
class Orthogonalized(Optimizer):
    r"""Base class of optimizers that orthogonalize what they add to matrices, several of equal shape at once.

    A subclass says what is orthogonalized, ``direction``; what becomes of it, ``step``; and how to update the
    parameters that are no matrices, ``update_other``. This is a gradient step with singular values of about 1:

    >>> import numpy as np, mxcore as mx
    >>> @mx.hyperparameters
    ... class Spectral(Orthogonalized):
    ...     def direction(self, grad):
    ...         return grad
    ...     def step(self, x):
    ...         return x
    ...     def update_other(self, index, weight, grad, state):
    ...         self.move(index, weight, np.sign(self.preprocessed(grad)))
    >>> weight, update = np.zeros((2, 2)), mx.optimizer.get_updater(Spectral(learning_rate=0.1, ns_steps=20))
    >>> update(0, np.array([[3.0, 0.0], [0.0, 0.1]]), weight)
    >>> weight.round(1)
    array([[-0.1,  0. ],
           [ 0. , -0.1]])

    Args:
        ns_steps: the number of iterations of :func:`orthogonalize`, at least 1.
        ns_coefficients: their three coefficients.
        epsilon: the lower bound on the norm by which matrices are divided before them; above 0.
        flatten: whether weights with more than two axes, such as convolution kernels, count as matrices with a row for
            each index of the first.
        exclude: patterns of names as in ``groups``, for matrices that are updated like the other parameters.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.
    """

    family = "matrix"
    elementwise = False
    bad_examples = ({"ns_coefficients": (1.0, 2.0)}, {"exclude": ["*"]})
    ns_steps: int = hyperparameter(5, integer(at_least=1))
    ns_coefficients: tuple[float, ...] = hyperparameter((3.4445, -4.775, 2.0315), _three)
    epsilon: float = hyperparameter(1e-7, positive)
    flatten: bool = hyperparameter(False, boolean)
    exclude: tuple[str, ...] = hyperparameter((), _patterns)

    def direction(self, grad: Array, *slots: Array) -> Array:
        """Return what to orthogonalize, from the gradient of a matrix and its slots, which are updated in place."""
        raise NotImplementedError(f"{type(self).__name__} must define direction")

    def step(self, x: Array, *slots: Array) -> Array:
        """Return the step at a learning rate of 1, from an orthogonalized matrix, which may be overwritten."""
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def update_other(self, index: Index, weight: Array, grad: Array, state: Any) -> None:
        """Update a parameter that is no matrix, in place."""
        raise NotImplementedError(f"{type(self).__name__} must define update_other")

    def is_matrix(self, index: Index, weight: Array) -> bool:
        """Return whether a parameter counts as a matrix."""
        if weight.ndim < 2 or (weight.ndim > 2 and not self.flatten):
            return False
        return not any(re.match(pattern, str(self.idx2name.get(index, index))) for pattern in self.exclude)

    def move(self, index: Index, weight: Array, step: Array) -> None:
        """Subtract a step from a weight, after its weight decay; the step is overwritten."""
        lr, wd = self._get_lr(index), self._get_wd(index)
        if wd:
            weight *= 1 - lr * wd
        step *= lr
        weight -= step

    def update(self, index: Index, weight: Array, grad: Array, state: Any) -> None:
        """Update one parameter, in place."""
        self._update_count(index)
        self.update_all([index], [weight], [grad], [state])

    def update_all(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None:
        """Update all parameters of a call, in place: matrices of equal shape, dtype and device together."""
        stacks: dict[Any, list[Any]] = {}
        for one in zip(indices, weights, grads, states, strict=True):
            index, weight, *_ = one
            if not self.is_matrix(index, weight):
                with on_device_of(weight):
                    self.update_other(*one)
            elif weight.size:
                device = backend_of(weight).device_of(weight)
                stacks.setdefault((weight.shape, weight.dtype, device), []).append(one)
        for (shape, *_), members in stacks.items():
            most = max(1, _STACK // int(np.prod(shape)))
            for first in range(0, len(members), most):
                with on_device_of(members[first][1]):
                    self._update_matrices(members[first : first + most])

    def _update_matrices(self, members: list[tuple[Index, Array, Array, Any]]) -> None:
        """Update matrices of the same shape, dtype and device."""
        shape, dtype = members[0][1].shape, members[0][1].dtype
        rows, columns = shape[0], int(np.prod(shape[1:]))
        low, high = sorted((rows, columns))
        slots = [arrays_of(state) for *_, state in members]
        stack = backend_of(members[0][1]).xp.empty((len(members), low, high), working_dtype(dtype))
        for x, (_, _, grad, _), own in zip(stack, members, slots, strict=True):
            u = self.direction(self.preprocessed(grad), *own)
            x[...] = u.reshape(rows, columns) if rows == low else u.reshape(rows, columns).T
            x /= np.maximum(np.linalg.norm(x), self.epsilon)
        stack = orthogonalize(stack, self.ns_steps, self.ns_coefficients)
        for x, (index, weight, *_), own in zip(stack, members, slots, strict=True):
            self.move(index, weight, self.step(x if rows == low else x.T, *own).reshape(shape))
