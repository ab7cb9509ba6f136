"""New arrays, on the device and in the dtype that MXNet's arguments name; by default, float32 on the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, Context, backend_of
from mxcore_nd.array import NDArray, bare, check_stype, deliver, wrap

Shape = int | Sequence[int]


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None, **_: Any) -> Any:
    """Return a copy of an array, or of numbers in nested lists.

    The dtype is that of an NDArray or a NumPy array, as in MXNet float32 for anything else.

    >>> import mxcore as mx
    >>> mx.nd.array([1, 2]).dtype, mx.nd.array(3.0).shape
    (dtype('float32'), (1,))
    """
    if hasattr(source_array, "dtype") and not isinstance(source_array, np.generic):
        backend = backend_of(source_array)
        dtype = source_array.dtype if dtype is None else dtype
        if ctx is None:
            ctx = Context("cpu" if backend.name == "numpy" else "gpu", backend.device_of(source_array))
        source_array = backend.to_host(bare(source_array))
    elif isinstance(source_array, (list, tuple)):
        source_array = [one.asnumpy() if isinstance(one, NDArray) else one for one in source_array]
    return _put(np.array(source_array, np.float32 if dtype is None else dtype), ctx)


def zeros(
    shape: Shape,
    ctx: Context | None = None,
    dtype: Any = None,
    stype: str | None = None,
    out: Any = None,
    **_: Any,
) -> Any:
    """Return an array of zeros, or fill ``out`` with them.

    >>> import mxcore as mx
    >>> mx.nd.zeros((1, 2), mx.cpu(), dtype="float64").asnumpy()
    array([[0., 0.]])
    """
    return _filled(shape, 0, ctx, dtype, stype, out)


def ones(
    shape: Shape,
    ctx: Context | None = None,
    dtype: Any = None,
    stype: str | None = None,
    out: Any = None,
    **_: Any,
) -> Any:
    """Return an array of ones, or fill ``out`` with them."""
    return _filled(shape, 1, ctx, dtype, stype, out)


def empty(shape: Shape, ctx: Context | None = None, dtype: Any = None, stype: str | None = None, **_: Any) -> Any:
    """Return an array whose values have no meaning; here, zeros."""
    return _filled(shape, 0, ctx, dtype, stype, None)


def full(shape: Shape, val: Any, ctx: Context | None = None, dtype: Any = None, out: Any = None, **_: Any) -> Any:
    """Return an array of one value, or fill ``out`` with it."""
    value = val.asscalar() if isinstance(val, NDArray) else val
    return _filled(shape, value, ctx, dtype, None, out)


def _filled(shape: Any, value: Any, ctx: Any, dtype: Any, stype: Any, out: Any) -> Any:
    check_stype(stype)
    if out is not None:
        backend_of(out).fill(bare(out), value)
        return out
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(map(int, shape))
    return _put(np.full(sizes, value, np.float32 if dtype is None else dtype), ctx)


def _put(values: Any, ctx: Context | None) -> Any:
    """Return host values as an NDArray on a device."""
    if ctx is None or ctx.device_type == "cpu":
        return wrap(values)
    return wrap(ctx.backend.from_host(values, ctx.device_id))


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: Any = None,
    ctx: Context | None = None,
    dtype: Any = np.float32,
    **_: Any,
) -> Any:
    """Return evenly spaced values from ``start`` up to ``stop``, each ``repeat`` times."""
    values = np.arange(start, dtype=dtype) if stop is None else np.arange(start, stop, step, dtype=dtype)
    return _put(np.repeat(values, repeat), ctx)


def linspace(
    start: float,
    stop: float,
    num: int,
    endpoint: bool = True,
    ctx: Context | None = None,
    dtype: Any = np.float32,
    **_: Any,
) -> Any:
    """Return ``num`` evenly spaced values from ``start`` to ``stop``."""
    return _put(np.linspace(start, stop, num, endpoint, dtype=dtype), ctx)


def eye(N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = None, **_: Any) -> Any:
    """Return a matrix with ones on a diagonal."""
    return _put(np.eye(N, M or N, k, np.float32 if dtype is None else dtype), ctx)


def from_numpy(ndarray: Array, zero_copy: bool = True) -> Any:
    """Return an NDArray over the memory of a NumPy array, or without ``zero_copy`` over that of a copy."""
    return wrap(ndarray if zero_copy else ndarray.copy())


def concat(*data: Any, dim: int = 1, out: Any = None, **_: Any) -> Any:
    """Return arrays joined along an existing axis.

    >>> import mxcore as mx
    >>> mx.nd.concat(mx.nd.ones((2, 1)), mx.nd.zeros((2, 2))).shape
    (2, 3)
    """
    arrays = data[0] if len(data) == 1 and isinstance(data[0], (list, tuple)) else data
    xp = backend_of(arrays[0]).xp
    return deliver(xp.concatenate([bare(one) for one in arrays], axis=dim), out)


def concatenate(arrays: Iterable[Any], axis: int = 0, always_copy: bool = True) -> Any:
    """Return arrays joined along an existing axis, by default the first."""
    return concat(*arrays, dim=axis)


def stack(*data: Any, axis: int = 0, out: Any = None, **_: Any) -> Any:
    """Return arrays of one shape joined along a new axis."""
    arrays = data[0] if len(data) == 1 and isinstance(data[0], (list, tuple)) else data
    return deliver(backend_of(arrays[0]).xp.stack([bare(one) for one in arrays], axis=axis), out)


def split(data: Any, num_outputs: int, axis: int = 1, squeeze_axis: bool = False, **_: Any) -> Any:
    """Return equal parts along an axis in a list; with ``squeeze_axis``, without that axis. A single part alone."""
    found = split_v2(data, num_outputs, axis, squeeze_axis)
    return found[0] if num_outputs == 1 else found


def split_v2(ary: Any, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Any:
    """Return parts along an axis, as many as given or cut at the given places, in a list."""
    parts = backend_of(ary).xp.split(bare(ary), indices_or_sections, axis=axis)
    return [wrap(part.squeeze(axis) if squeeze_axis else part) for part in parts]


def one_hot(
    indices: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, dtype: Any = "float32", **_: Any
) -> Any:
    """Return rows of ``off_value`` with ``on_value`` at each index; an index out of range gives none."""
    where = bare(indices).astype(np.int64)[..., None] == backend_of(indices).xp.arange(depth)
    return wrap(backend_of(indices).xp.where(where, on_value, off_value).astype(dtype))


def waitall() -> None:
    """Return at once: the host sees every value that it asks for."""
