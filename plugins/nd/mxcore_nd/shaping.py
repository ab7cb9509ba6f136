"""Shapes: MXNet's ``reshape`` with its codes, axes, slices, repetition and order."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from mxcore_nd.array import bare, deliver, wrap, xp_of


def reshape(data: Any, *sizes: Any, shape: Any = None, reverse: bool = False, out: Any = None, **_: Any) -> Any:
    """Return the values in another shape, over the same memory if possible.

    Besides sizes, the shape may hold MXNet's codes: 0 keeps a size, -1 is inferred, -2 keeps all remaining sizes, -3
    multiplies two sizes, and -4 splits one into the two that follow. With ``reverse``, they count from the end.

    >>> import mxcore as mx
    >>> x = mx.nd.zeros((2, 3, 4))
    >>> mx.nd.reshape(x, (0, -1)).shape, mx.nd.reshape(x, shape=(-3, 4)).shape, x.reshape(4, 6).shape
    ((2, 12), (6, 4), (4, 6))
    """
    wanted = shape if shape is not None else sizes[0] if len(sizes) == 1 else sizes
    wanted = [wanted] if isinstance(wanted, int) else list(wanted)
    array = bare(data)
    turn = -1 if reverse else 1
    found = _sizes(list(array.shape)[::turn], wanted[::turn])[::turn]
    return deliver(array.reshape(found), out)


def _sizes(given: list[int], wanted: list[int]) -> list[int]:
    """Return the sizes that MXNet's codes stand for."""
    found: list[int] = []
    codes = iter(wanted)
    place = 0
    for code in codes:
        if code == 0:
            found.append(given[place])
        elif code == -2:
            found += given[place:]
            place = len(given)
            continue
        elif code == -3:
            found.append(given[place] * given[place + 1])
            place += 1
        elif code == -4:
            one, other = next(codes), next(codes)
            found += [given[place] // other if one == -1 else one, given[place] // one if other == -1 else other]
        else:
            found.append(code)
        place += 1
    return found


def reshape_like(lhs: Any, rhs: Any, out: Any = None, **_: Any) -> Any:
    """Return the values of ``lhs`` in the shape of ``rhs``."""
    return deliver(bare(lhs).reshape(rhs.shape), out)


def flatten(data: Any, *_: Any, out: Any = None, **__: Any) -> Any:
    """Return the values as a matrix: all axes but the first become one."""
    array = bare(data)
    return deliver(array.reshape(array.shape[0], -1), out)


def expand_dims(data: Any, axis: int, out: Any = None, **_: Any) -> Any:
    """Return the values with a new axis of length 1."""
    return deliver(xp_of(data).expand_dims(bare(data), axis), out)


def squeeze(data: Any, axis: Any = None, out: Any = None, **_: Any) -> Any:
    """Return the values without axes of length 1."""
    return deliver(bare(data).squeeze(tuple(axis) if isinstance(axis, list) else axis), out)


def transpose(data: Any, *given: Any, axes: Any = None, out: Any = None, **_: Any) -> Any:
    """Return the values with reversed or permuted axes."""
    order = axes if axes is not None else given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    return deliver(bare(data).transpose(order or None), out)


def swapaxes(data: Any, dim1: int = 0, dim2: int = 0, out: Any = None, **_: Any) -> Any:
    """Return the values with two axes exchanged."""
    return deliver(bare(data).swapaxes(dim1, dim2), out)


def moveaxis(tensor: Any, source: Any, destination: Any) -> Any:
    """Return the values with axes moved to other places."""
    return wrap(xp_of(tensor).moveaxis(bare(tensor), source, destination))


def flip(data: Any, axis: Any, out: Any = None, **_: Any) -> Any:
    """Return the values in reverse order along axes."""
    return deliver(xp_of(data).flip(bare(data), axis), out)


def tile(data: Any, reps: Any, out: Any = None, **_: Any) -> Any:
    """Return the whole array repeated along each axis."""
    return deliver(xp_of(data).tile(bare(data), reps), out)


def repeat(data: Any, repeats: int, axis: int | None = None, out: Any = None, **_: Any) -> Any:
    """Return each element repeated, along an axis or in order."""
    return deliver(xp_of(data).repeat(bare(data), repeats, axis), out)


def broadcast_to(data: Any, shape: Sequence[int], out: Any = None, **_: Any) -> Any:
    """Return the values in a larger shape; 0 keeps a size."""
    array = bare(data)
    sizes = [size or own for size, own in zip(shape, array.shape, strict=True)] if 0 in shape else shape
    return deliver(xp_of(data).broadcast_to(array, tuple(sizes)).copy(), out)


def broadcast_like(lhs: Any, rhs: Any, out: Any = None, **_: Any) -> Any:
    """Return the values of ``lhs`` in the larger shape of ``rhs``."""
    return broadcast_to(lhs, rhs.shape, out)


def broadcast_axis(data: Any, axis: Any = (), size: Any = (), out: Any = None, **_: Any) -> Any:
    """Return the values with axes of length 1 repeated to the given sizes."""
    shape = list(data.shape)
    axes = [axis] if isinstance(axis, int) else axis
    for one, length in zip(axes, [size] if isinstance(size, int) else size, strict=True):
        shape[one] = length
    return broadcast_to(data, shape, out)


def slice(data: Any, begin: Sequence[Any], end: Sequence[Any], step: Sequence[Any] = (), **_: Any) -> Any:
    """Return a part of an array: a view from ``begin`` up to ``end``, one number or None for each of the first axes."""
    steps = [*step, *[None] * (len(begin) - len(step))]
    return wrap(bare(data)[tuple(map(builtins.slice, begin, end, steps))])


def slice_axis(data: Any, axis: int, begin: int, end: int | None, **_: Any) -> Any:
    """Return a part of an array along one axis, as a view."""
    array = bare(data)
    return wrap(array[(builtins.slice(None, None, None),) * (axis % array.ndim) + (builtins.slice(begin, end, None),)])


def slice_like(data: Any, shape_like: Any, axes: Any = (), **_: Any) -> Any:
    """Return the part of an array that has the sizes of another one along all or some axes, as a view."""
    array = bare(data)
    chosen = {axis % array.ndim for axis in axes} or set(range(array.ndim))
    return wrap(
        array[
            tuple(builtins.slice(None, shape_like.shape[k] if k in chosen else None, None) for k in range(array.ndim))
        ]
    )


def diag(data: Any, k: int = 0, out: Any = None, **_: Any) -> Any:
    """Return a diagonal of a matrix, or a matrix with the diagonal given."""
    return deliver(xp_of(data).diag(bare(data), k), out)


def shape_array(data: Any, **_: Any) -> Any:
    """Return the shape as an array of int64."""
    return wrap(xp_of(data).array(data.shape, dtype="int64"))


def size_array(data: Any, **_: Any) -> Any:
    """Return the number of elements as an array of int64."""
    return wrap(xp_of(data).array([data.size], dtype="int64"))
