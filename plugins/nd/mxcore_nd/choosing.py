"""Elements by index and by order: take, pick, sort, top-k; and products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxcore_nd.array import bare, deliver, wrap, xp_of


def take(a: Any, indices: Any, axis: int = 0, mode: str = "clip", out: Any = None, **_: Any) -> Any:
    """Return elements or rows by index; indices out of range are limited (``"clip"``) or wrapped (``"wrap"``)."""
    array, at = bare(a), _whole(indices)
    at = at % array.shape[axis] if mode == "wrap" else xp_of(a).clip(at, 0, array.shape[axis] - 1)
    return deliver(xp_of(a).take(array, at, axis=axis), out)


def pick(data: Any, index: Any, axis: int = -1, keepdims: bool = False, mode: str = "clip", **_: Any) -> Any:
    """Return one element along an axis for each index."""
    array, at = bare(data), _whole(index)
    at = at % array.shape[axis] if mode == "wrap" else xp_of(data).clip(at, 0, array.shape[axis] - 1)
    at = at if at.ndim == array.ndim else xp_of(data).expand_dims(at, axis)
    found = xp_of(data).take_along_axis(array, at, axis=axis)
    return wrap(found if keepdims else found.squeeze(axis))


def batch_take(a: Any, indices: Any, out: Any = None, **_: Any) -> Any:
    """Return one element of each row."""
    return deliver(bare(pick(a, indices, axis=1)), out)


def gather_nd(data: Any, indices: Any, out: Any = None, **_: Any) -> Any:
    """Return elements by the coordinates in the first axis of ``indices``."""
    return deliver(bare(data)[tuple(_whole(indices))], out)


def sort(data: Any, axis: int | None = -1, is_ascend: bool = True, out: Any = None, **_: Any) -> Any:
    """Return the values in order along an axis."""
    array, xp = bare(data), xp_of(data)
    array, axis = (array.ravel(), 0) if axis is None else (array, axis)
    found = xp.sort(array, axis=axis)
    return deliver(found if is_ascend else xp.flip(found, axis), out)


def argsort(
    data: Any, axis: int | None = -1, is_ascend: bool = True, dtype: Any = "float32", out: Any = None, **_: Any
) -> Any:
    """Return the places of the values in order along an axis, as float32 unless given."""
    array = bare(data)
    array, axis = (array.ravel(), 0) if axis is None else (array, axis)
    return deliver(_order(xp_of(data), array, axis, is_ascend).astype(dtype), out)


def topk(
    data: Any,
    axis: int | None = -1,
    k: int = 1,
    ret_typ: str = "indices",
    is_ascend: bool = False,
    dtype: Any = "float32",
    out: Any = None,
    **_: Any,
) -> Any:
    """Return the ``k`` largest elements along an axis, or the smallest with ``is_ascend``.

    >>> import mxcore as mx
    >>> x = mx.nd.array([[3, 1, 2]])
    >>> mx.nd.topk(x, k=2).asnumpy(), mx.nd.topk(x, k=2, ret_typ="value").asnumpy()
    (array([[0., 2.]], dtype=float32), array([[3., 2.]], dtype=float32))

    Args:
        data: the array.
        axis: the axis; None for all elements together.
        k: how many.
        ret_typ: what to return: ``"indices"``, ``"value"``, ``"both"`` (values and indices in a list) or ``"mask"``,
            an array of the same shape with 1 where such an element is.
        is_ascend: whether the smallest are meant.
        dtype: the dtype of the indices.
        out: where to write the result.

    Raises:
        ValueError: ``ret_typ`` is unknown.
    """
    if ret_typ not in ("indices", "value", "both", "mask"):
        raise ValueError(f"ret_typ must be 'indices', 'value', 'both' or 'mask', got {ret_typ!r}")
    xp, array = xp_of(data), bare(data)
    flat, along = (array.ravel(), 0) if axis is None else (array, axis)
    order = _order(xp, flat, along, is_ascend)
    at = xp.take(order, xp.arange(k or flat.shape[along]), axis=along)
    if ret_typ == "mask":
        rank = xp.argsort(order, axis=along)
        return deliver((rank < (k or flat.shape[along])).astype(array.dtype).reshape(array.shape), out)
    if ret_typ == "indices":
        return deliver(at.astype(dtype), out)
    values = xp.take_along_axis(flat, at, axis=along)
    return deliver(values, out) if ret_typ == "value" else [wrap(values), wrap(at.astype(dtype))]


def _order(xp: Any, array: Any, axis: int, is_ascend: bool) -> Any:
    return xp.argsort(array if is_ascend else -array, axis=axis, **({"kind": "stable"} if xp is np else {}))


def _whole(indices: Any) -> Any:
    return (bare(indices) if hasattr(indices, "dtype") else np.asarray(indices)).astype(np.int64)


def dot(lhs: Any, rhs: Any, transpose_a: bool = False, transpose_b: bool = False, out: Any = None, **_: Any) -> Any:
    """Return the product over the last axis of ``lhs`` and the first of ``rhs``; of vectors, with the shape (1,).

    >>> import mxcore as mx
    >>> mx.nd.dot(mx.nd.array([1, 2]), mx.nd.array([3, 4])).asscalar()
    11.0
    """
    a, b = bare(lhs), bare(rhs)
    if transpose_a:
        a = xp_of(lhs).moveaxis(a, 0, -1)
    if transpose_b:
        b = xp_of(rhs).moveaxis(b, -1, 0)
    return deliver(xp_of(lhs).tensordot(a, b, axes=1), out)


def batch_dot(
    lhs: Any, rhs: Any, transpose_a: bool = False, transpose_b: bool = False, out: Any = None, **_: Any
) -> Any:
    """Return the products of the matrices in two stacks."""
    a, b = bare(lhs), bare(rhs)
    found = xp_of(lhs).matmul(a.swapaxes(-1, -2) if transpose_a else a, b.swapaxes(-1, -2) if transpose_b else b)
    return deliver(found, out)
