"""Operators that repeat axes of size 1."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import hyperparameter, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.elementwise import summed_to
from mxcore_module.operators.reductions import reduced_axes
from mxcore_module.operators.windows import sizes

__all__ = ["BroadcastAxis", "BroadcastLike", "BroadcastTo"]


@attrs.frozen
class _Broadcasts(Operator):
    """The base class of operators that broadcast the first input."""

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        shape = self.infer_shape(*(array.shape for array in arrays))[1]
        return run.xp.broadcast_to(arrays[0], shape)

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        return (summed_to(grad, arrays[0].shape), *[None] * (len(arrays) - 1))


def _broadcast(data: Shape, wanted: Shape) -> Shape:
    if len(data) != len(wanted) or any(size not in (1, other) for size, other in zip(data, wanted, strict=False)):
        raise ShapeError(f"cannot broadcast data of shape {data} to {wanted}")
    return wanted


@register(name="broadcast_to")
@attrs.frozen
class BroadcastTo(_Broadcasts):
    """Repeats axes of size 1.

    Args:
        data: of any shape.
        shape: the new shape; 0 keeps a size.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.broadcast_to(x, shape=(0, 4)).infer_shape(x=(2, 1))[1]
        [(2, 4)]
    """

    shape: tuple[int, ...] = hyperparameter(sizes)

    def infer_shape(self, data: Shape) -> Inferred:
        kept = data if len(data) == len(self.shape) else self.shape
        return (data,), _broadcast(data, tuple(size or own for size, own in zip(self.shape, kept, strict=True)))


@register("broadcast_axes", name="broadcast_axis")
@attrs.frozen
class BroadcastAxis(_Broadcasts):
    """Repeats axes of size 1.

    Args:
        data: of any shape.
        axis: an axis or several.
        size: the new size of each.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.broadcast_axis(x, axis=1, size=4).infer_shape(x=(2, 1))[1]
        [(2, 4)]
    """

    axis: tuple[int, ...] = hyperparameter((), sizes)
    size: tuple[int, ...] = hyperparameter((), sizes)

    def infer_shape(self, data: Shape) -> Inferred:
        if len(self.axis) != len(self.size):
            raise ShapeError(f"axis and size must be as long, got {self.axis} and {self.size}")
        wanted = list(data)
        for axis, size in zip(self.axis, self.size, strict=True):
            (place,) = reduced_axes(len(data), axis)
            wanted[place] = size
        return (data,), _broadcast(data, tuple(wanted))


@register(name="broadcast_like")
@attrs.frozen
class BroadcastLike(_Broadcasts):
    """Repeats axes of size 1 until an array has the shape of another one.

    Args:
        lhs: of any shape.
        rhs: of the larger shape; its values have no effect.
        lhs_axes: the axes to repeat; all by default.
        rhs_axes: the axes whose sizes they get.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.broadcast_like(x, y).infer_shape(x=(2, 1), y=(2, 4))[1]
        [(2, 4)]
    """

    inputs = ("lhs", "rhs")

    lhs_axes: tuple[int, ...] | None = hyperparameter(None, optional(sizes))
    rhs_axes: tuple[int, ...] | None = hyperparameter(None, optional(sizes))

    def infer_shape(self, lhs: Shape, rhs: Shape) -> Inferred:
        if self.lhs_axes is None or self.rhs_axes is None:
            return (lhs, rhs), _broadcast(lhs, rhs)
        wanted = list(lhs)
        for one, other in zip(self.lhs_axes, self.rhs_axes, strict=True):
            wanted[one] = rhs[other]
        return (lhs, rhs), _broadcast(lhs, tuple(wanted))
