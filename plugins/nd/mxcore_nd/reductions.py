"""Reductions with MXNet's ``axis``, ``keepdims`` and ``exclude``; without axes they have the shape (1,)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore_nd.array import bare, deliver, xp_of


def axes_of(ndim: int, axis: Any, exclude: bool = False) -> Any:
    """Return the axes to reduce: all for None or (); with ``exclude``, those that are not given."""
    if axis is None or axis == ():
        return None
    axes = tuple(one % ndim for one in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    return tuple(one for one in range(ndim) if one not in axes) if exclude else axes


def _reduction(name: str) -> Callable[..., Any]:
    def apply(
        data: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        exclude: bool = False,
        **_: Any,
    ) -> Any:
        array = bare(data)
        function = getattr(xp_of(data), name)
        found = function(array, axis=axes_of(array.ndim, axis, exclude), keepdims=bool(keepdims))
        return deliver(found if dtype is None else found.astype(dtype), out)

    apply.__name__ = apply.__qualname__ = name
    apply.__module__ = "mxcore_nd"
    apply.__doc__ = (
        f"Return the {name} over one or several axes, with ``exclude`` over the others; by default over all."
    )
    return apply


FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: _reduction(name) for name in ("sum", "mean", "max", "min", "prod", "nansum", "nanprod")
}
FUNCTIONS |= {f"{name}_axis": FUNCTIONS[name] for name in ("sum", "max", "min")}


def norm(
    data: Any, ord: int = 2, axis: Any = None, out_dtype: Any = None, keepdims: bool = False, out: Any = None, **_: Any
) -> Any:
    """Return the L1 or L2 norm of all elements, or over ``axis``.

    >>> import mxcore as mx
    >>> mx.nd.norm(mx.nd.array([[3, 4]])).asscalar()
    5.0

    Raises:
        ValueError: ``ord`` is neither 1 nor 2.
    """
    if ord not in (1, 2):
        raise ValueError(f"ord must be 1 or 2, got {ord!r}")
    array, xp = bare(data), xp_of(data)
    axes = axes_of(array.ndim, axis)
    if ord == 1:
        found = xp.sum(abs(array), axis=axes, keepdims=keepdims)
    elif axes is None and not keepdims:
        flat = array.ravel()
        found = xp.sqrt(xp.dot(flat, flat)) if array.dtype.itemsize > 2 else xp.linalg.norm(flat.astype(np.float32))
        found = xp.asarray(found).astype(array.dtype)
    else:
        found = xp.sqrt(xp.sum(array * array, axis=axes, keepdims=keepdims))
    return deliver(found if out_dtype is None else found.astype(out_dtype), out)


def moments(data: Any, axes: Any = None, keepdims: bool = False, **_: Any) -> list[Any]:
    """Return the mean and the variance over ``axes``."""
    array, xp = bare(data), xp_of(data)
    over = axes_of(array.ndim, axes)
    return [deliver(function(array, axis=over, keepdims=keepdims)) for function in (xp.mean, xp.var)]


def cumsum(data: Any, axis: int | None = None, dtype: Any = None, out: Any = None, **_: Any) -> Any:
    """Return the running sum along an axis, or of all elements in order."""
    return deliver(xp_of(data).cumsum(bare(data), axis=axis, dtype=dtype), out)


def _extremum(name: str) -> Callable[..., Any]:
    def apply(data: Any, axis: int | None = None, out: Any = None, keepdims: bool = False, **_: Any) -> Any:
        array = bare(data)
        found = getattr(array, name)(axis=axis)
        if keepdims and axis is not None:
            found = xp_of(data).expand_dims(found, axis)
        return deliver(found.astype(np.float32), out)

    apply.__name__ = apply.__qualname__ = name
    apply.__module__ = "mxcore_nd"
    apply.__doc__ = f"Return ``{name}`` along an axis, or of all elements, as float32, which is MXNet's form."
    return apply


FUNCTIONS |= {name: _extremum(name) for name in ("argmax", "argmin")}


def argmax_channel(data: Any, out: Any = None, **_: Any) -> Any:
    """Return ``argmax`` along axis 1."""
    return FUNCTIONS["argmax"](data, axis=1, out=out)


def softmax(data: Any, axis: int = -1, temperature: float | None = None, out: Any = None, **_: Any) -> Any:
    """Return the softmax along an axis."""
    return deliver(xp_of(data).exp(_log_softmax(data, axis, temperature)), out)


def log_softmax(data: Any, axis: int = -1, temperature: float | None = None, out: Any = None, **_: Any) -> Any:
    """Return the logarithm of the softmax along an axis."""
    return deliver(_log_softmax(data, axis, temperature), out)


def softmin(data: Any, axis: int = -1, temperature: float | None = None, out: Any = None, **_: Any) -> Any:
    """Return the softmax of the negative along an axis."""
    return softmax(-bare(data), axis, temperature, out)


def _log_softmax(data: Any, axis: int, temperature: float | None) -> Any:
    xp, x = xp_of(data), bare(data)
    x = x if temperature is None else x / temperature
    x = x - x.max(axis=axis, keepdims=True)
    return x - xp.log(xp.exp(x).sum(axis=axis, keepdims=True))
