"""The checks of an optimizer call, made before anything changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of, shared_backend

HALF = ("float16", "bfloat16")
_FLOATING = (*HALF, "float32", "float64", "complex64", "complex128")
_CONVERTED = ({"float32", "float64"}, {"complex64", "complex128"})


def in_lists(*arguments: Any) -> tuple[list[Any], ...]:
    """Return parallel lists from arguments that are either all single values or all lists, dict views or iterables.

    The first argument is an index, which may be a tuple: it is one index if the second argument is one array.

    Raises:
        ValueError: some are lists and others are not, or their lengths differ.
    """
    first = arguments[0]
    if not _is_several(first) or (type(first) is tuple and not _is_several(arguments[1])):
        return tuple([[argument] for argument in arguments])
    if type(first) is list:
        length = len(first)
        for other in arguments:
            if type(other) is not list or len(other) != length:
                break
        else:
            return arguments
    lists = [list(argument) if _is_several(argument) else None for argument in arguments]
    lengths = [None if one is None else len(one) for one in lists]
    if len(set(lengths)) != 1:
        raise ValueError(f"pass either single arguments or lists of equal lengths, got {lengths}")
    return tuple(one for one in lists if one is not None)


def _is_several(argument: Any) -> bool:
    if isinstance(argument, (list, tuple)):
        return True
    single = isinstance(argument, (str, bytes, Mapping)) or hasattr(argument, "dtype")
    return isinstance(argument, Iterable) and not single


def fitted(weight: Any, grad: Any) -> Any:
    """Convert a gradient to fit its weight: NumPy scalars to arrays, and single and double precision to the other.

    Arithmetic on 0-d arrays gives NumPy scalars. Half precision is not converted, so that no precision is lost
    silently and nothing is widened by mistake.
    """
    if isinstance(grad, np.generic) and isinstance(weight, np.ndarray):
        grad = np.asarray(grad)
    wanted, given = getattr(weight, "dtype", None), getattr(grad, "dtype", None)
    if given != wanted and {str(given), str(wanted)} in _CONVERTED and type(weight) is type(grad):
        grad = backend_of(weight).copy(grad, weight.dtype)
    return grad


def check_call(labels: Sequence[str], indices: Sequence[Any], weights: Sequence[Array], grads: Sequence[Array]) -> None:
    """Check all arguments of a call.

    Raises:
        TypeError: an argument is not an array, the arrays belong to different libraries, or their dtypes differ.
        ValueError: shapes differ, a weight is read-only, or an index or array is given twice.
    """
    if len(set(indices)) != len(indices):
        raise ValueError(f"each parameter can be updated only once per call, got the indices {list(indices)}")
    if len({id(weight) for weight in weights}) != len(weights):
        raise ValueError(f"the same weight array was given for several of the indices {list(indices)}")
    shared_backend(
        (f"the {role} of {label}", array)
        for label, *pair in zip(labels, weights, grads, strict=True)
        for role, array in zip(("weight", "gradient"), pair, strict=True)
    )
    for label, weight, grad in zip(labels, weights, grads, strict=True):
        check_pair(label, weight, grad)


def check_pair(label: str, weight: Array, grad: Array) -> None:
    """Check that a gradient fits its weight, and that the weight can be updated; see :func:`check_call`."""
    if weight.dtype.name not in _FLOATING:
        raise TypeError(f"{label}: the weight must be one of {', '.join(_FLOATING)}, got {weight.dtype}")
    if grad.dtype != weight.dtype:
        raise TypeError(f"{label}: the gradient is {grad.dtype}, the weight {weight.dtype}: both need the same dtype")
    if grad.shape != weight.shape:
        raise ValueError(f"{label}: the gradient has shape {grad.shape}, but the weight has shape {weight.shape}")
    if not backend_of(weight).is_writable(weight):
        raise ValueError(f"{label}: the weight is read-only, so it cannot be updated in place: pass a copy")
