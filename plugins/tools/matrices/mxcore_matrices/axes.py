"""Products of arrays with matrices along their axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of

__all__ = ["divided", "gram", "multiplied", "within_range", "working_dtype"]


def working_dtype(dtype: Any) -> Any:
    """Return the dtype in which to compute with matrices: float32 for half precision, else the same.

    >>> import numpy as np
    >>> working_dtype(np.dtype("float16")), working_dtype(np.dtype("float64"))
    (dtype('float32'), dtype('float64'))
    """
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype


def multiplied(array: Array, factors: Mapping[int, Array], transposed: bool = False) -> Array:
    r"""Return an array with each of its axes multiplied by a matrix: of a matrix X, :math:`Q_0 X Q_1^T`.

    >>> import numpy as np
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> multiplied(x, {0: np.array([[0.0, 1.0], [1.0, 0.0]]), 1: np.array([1.0, 10.0])})
    array([[ 3., 40.],
           [ 1., 20.]])

    Args:
        array: the array.
        factors: a matrix for each axis, or its diagonal; an axis without one stays as it is.
        transposed: whether to multiply by the transposes.
    """
    for axis in range(array.ndim):  # each moves the first axis to the end
        factor = factors.get(axis)
        if factor is not None and factor.ndim == 2:
            array = np.tensordot(array, factor, ([0], [0 if transposed else 1]))
        else:
            array = np.moveaxis(array, 0, -1) if factor is None else np.moveaxis(array, 0, -1) * factor
    return array


def divided(array: Array, factors: Mapping[int, Array]) -> Array:
    r"""Return an array with each of its axes multiplied by an inverse: of a matrix X, :math:`Q_0^{-1} X Q_1^{-T}`.

    >>> import numpy as np
    >>> x, q = np.array([[1.0, 2.0], [3.0, 4.0]]), {0: np.array([[2.0, 1.0], [0.0, 1.0]]), 1: np.array([1.0, 10.0])}
    >>> multiplied(divided(x, q), q)
    array([[1., 2.],
           [3., 4.]])

    Args:
        array: the array.
        factors: as for :func:`multiplied`.
    """
    solve = backend_of(array).xp.linalg.solve
    for axis in range(array.ndim):  # each moves the first axis to the end
        factor = factors.get(axis)
        if factor is not None and factor.ndim == 2:
            array, factor = solve(factor, array.reshape(len(array), -1)).reshape(array.shape), None
        array = np.moveaxis(array, 0, -1) if factor is None else np.moveaxis(array, 0, -1) / factor
    return array


def gram(array: Array, axis: int, diagonal: bool = False) -> Any:
    r"""Return the products of the slices of an array along an axis with each other: of a matrix X and axis 0, XXᵀ.

    >>> import numpy as np
    >>> gram(np.array([[1.0, 2.0], [0.0, 1.0]]), 0)
    array([[5., 2.],
           [2., 1.]])

    Args:
        array: the array.
        axis: the axis.
        diagonal: whether to return only its diagonal.
    """
    if diagonal:
        return np.einsum(array, [*range(array.ndim)], array, [*range(array.ndim)], [axis])
    others = [other for other in range(array.ndim) if other != axis]
    return np.tensordot(array, array, (others, others))


def within_range(array: Array, dtype: Any) -> Any:
    """Return an array with each element bounded so that no sum of products of two elements overflows.

    >>> import numpy as np
    >>> float(within_range(np.array([3.0, 1e300]), np.dtype("float16")).round()[1])
    128.0

    Args:
        array: the array.
        dtype: the dtype of the sums.
    """
    bound = float(np.sqrt(np.nextafter(np.array(np.inf, dtype), dtype.type(0)))) / max(array.size, 1)
    return np.clip(array, -bound, bound)
