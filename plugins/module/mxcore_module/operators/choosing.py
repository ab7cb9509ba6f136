"""Operators that choose elements by position or condition."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import boolean, hyperparameter, integer, number, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.reductions import reduced_axes
from mxcore_module.operators.structure import any_integer

__all__ = ["BatchTake", "Clip", "GatherNd", "OneHot", "Pick", "Take", "Where"]


def _within(xp: Any, index: Array, size: int, mode: str) -> Array:
    """Return positions from 0 to ``size - 1``: clipped, or counted around."""
    whole = index.astype(xp.int64)
    return whole % size if mode == "wrap" else whole.clip(0, size - 1)


@register(name="take")
@attrs.frozen
class Take(Operator):
    """The elements at given positions along an axis.

    Args:
        a: of any shape.
        indices: the positions, of any shape; fractions are truncated.
        axis: the axis.
        mode: what happens to positions outside: ``"clip"``, the nearest, or ``"wrap"``, counted around. ``"raise"``
            is not available: checking would synchronise with the GPU.

    Returns:
        The elements: the shape of ``a``, with the shape of ``indices`` in place of the axis.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.take(x, y, axis=1).infer_shape(x=(2, 5), y=(3,))[1]
        [(2, 3)]
    """

    inputs = ("a", "indices")

    axis: int = hyperparameter(0, any_integer)
    mode: str = hyperparameter("clip", one_of("clip", "wrap"))

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, a: Shape, indices: Shape) -> Inferred:
        (axis,) = reduced_axes(len(a), self.axis)
        return (a, indices), (*a[:axis], *indices, *a[axis + 1 :])

    def forward(self, run: Run, a: Array, indices: Array) -> Array:
        run.kept = _within(run.xp, indices, a.shape[self.axis], self.mode)
        return run.xp.take(a, run.kept, axis=self.axis)

    def backward(self, run: Run, grad: Array, a: Array, indices: Array) -> tuple[Array | None, ...]:
        axis = self.axis % a.ndim
        found = run.xp.zeros(a.shape, grad.dtype)
        moved = grad.reshape(*a.shape[:axis], -1, *a.shape[axis + 1 :])
        run.xp.add.at(found, (*[slice(None)] * axis, run.kept.ravel()), moved)
        return found, None


@register("choose_element_0index", name="pick")
@attrs.frozen
class Pick(Operator):
    """One element of each row, by its position.

    Args:
        data: of any shape.
        index: the positions, of the shape of ``data`` without the axis, or with size 1 there.
        axis: the axis of a row; None for all data as one row.
        keepdims: whether the axis stays, with size 1.
        mode: what happens to positions outside: ``"clip"``, the nearest, or ``"wrap"``, counted around.

    Returns:
        The elements.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.pick(x, y).infer_shape(x=(4, 3))[1]
        [(4,)]
    """

    inputs = ("data", "index")

    axis: int | None = hyperparameter(-1, optional(any_integer))
    keepdims: bool = hyperparameter(False, boolean)
    mode: str = hyperparameter("clip", one_of("clip", "wrap"))

    def infer_shape(self, data: Shape, index: Shape | None) -> Inferred:
        if self.axis is None:
            return (data, index or (1,)), (1,) * len(data) if self.keepdims else (1,)
        (axis,) = reduced_axes(len(data), self.axis)
        without, one = (*data[:axis], *data[axis + 1 :]), (*data[:axis], 1, *data[axis + 1 :])
        if index not in (None, without, one):
            raise ShapeError(f"index must have shape {without} for data {data}, got {index}")
        return (data, index or without), one if self.keepdims else without

    def _rows(self, xp: Any, data: Array) -> Array:
        return data.reshape(1, -1) if self.axis is None else xp.moveaxis(data, self.axis, -1)

    def forward(self, run: Run, data: Array, index: Array) -> Array:
        rows = self._rows(run.xp, data)
        run.kept = _within(run.xp, index.reshape(*rows.shape[:-1], 1), rows.shape[-1], self.mode)
        found = run.xp.take_along_axis(rows, run.kept, axis=-1)
        return found.reshape(self.infer_shape(data.shape, index.shape)[1])

    def backward(self, run: Run, grad: Array, data: Array, index: Array) -> tuple[Array | None, ...]:
        length = self._rows(run.xp, data).shape[-1]
        found = grad.reshape(run.kept.shape) * (run.xp.arange(length) == run.kept)
        return found.reshape(data.shape) if self.axis is None else run.xp.moveaxis(found, -1, self.axis), None


@register(name="batch_take")
@attrs.frozen
class BatchTake(Operator):
    """One element of each row, by its position.

    Args:
        a: of shape ``(batch, elements)``.
        indices: the positions, of shape ``(batch,)``.

    Returns:
        The elements, of shape ``(batch,)``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.batch_take(x, y).infer_shape(x=(4, 3))[1]
        [(4,)]
    """

    inputs = ("a", "indices")

    def infer_shape(self, a: Shape, indices: Shape | None) -> Inferred:
        if len(a) != 2:
            raise ShapeError(f"a must have shape (batch, elements), got {a}")
        return (a, a[:1]), a[:1]

    def forward(self, run: Run, a: Array, indices: Array) -> Array:
        run.kept = _within(run.xp, indices[:, None], a.shape[1], "clip")
        return run.xp.take_along_axis(a, run.kept, axis=1)[:, 0]

    def backward(self, run: Run, grad: Array, a: Array, indices: Array) -> tuple[Array | None, ...]:
        return grad[:, None] * (run.xp.arange(a.shape[1]) == run.kept), None


@register(name="gather_nd")
@attrs.frozen
class GatherNd(Operator):
    """The elements at given positions along the first axes.

    Args:
        data: of any shape.
        indices: the positions, of shape ``(axes, *shape)``.

    Returns:
        The elements, of shape ``(*shape, *data.shape[axes:])``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.gather_nd(x, y).infer_shape(x=(4, 3, 2), y=(2, 7))[1]
        [(7, 2)]
    """

    inputs = ("data", "indices")

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, data: Shape, indices: Shape) -> Inferred:
        if not indices or indices[0] > len(data):
            raise ShapeError(f"indices {indices} must have a row for each of the first axes of data {data}")
        return (data, indices), (*indices[1:], *data[indices[0] :])

    def forward(self, run: Run, data: Array, indices: Array) -> Array:
        run.kept = tuple(_within(run.xp, one, size, "clip") for one, size in zip(indices, data.shape, strict=False))
        return data[run.kept]

    def backward(self, run: Run, grad: Array, data: Array, indices: Array) -> tuple[Array | None, ...]:
        found = run.xp.zeros(data.shape, grad.dtype)
        run.xp.add.at(found, run.kept, grad)
        return found, None


@register(name="one_hot")
@attrs.frozen
class OneHot(Operator):
    """Each number as a row with ``on_value`` in the place of that number; it has no gradient.

    Args:
        indices: the numbers, of any shape; a row of one outside has only ``off_value``.
        depth: the length of a row.
        on_value: the value in that place.
        off_value: the other values.
        dtype: the dtype of the result.

    Returns:
        The rows, of shape ``(*indices.shape, depth)``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.one_hot(x, depth=10).infer_shape(x=(32,))[1]
        [(32, 10)]
    """

    inputs = ("indices",)

    depth: int = hyperparameter(integer(at_least=1))
    on_value: float = hyperparameter(1.0, number)
    off_value: float = hyperparameter(0.0, number)
    dtype: str = hyperparameter("float32", one_of("float16", "float32", "float64", "int32", "int64", "int8", "uint8"))

    def infer_shape(self, indices: Shape) -> Inferred:
        return (indices,), (*indices, self.depth)

    def forward(self, run: Run, indices: Array) -> Array:
        chosen = indices.astype(run.xp.int64)[..., None] == run.xp.arange(self.depth)
        return run.xp.where(chosen, self.on_value, self.off_value).astype(self.dtype)

    def backward(self, run: Run, grad: Array, indices: Array) -> tuple[Array | None, ...]:
        return (None,)


@register(name="where")
@attrs.frozen
class Where(Operator):
    """Elements of ``x`` where ``condition`` is not 0, else of ``y``.

    Args:
        condition: of the shape of ``x``, or of shape ``(rows,)`` to choose whole rows.
        x: of any shape.
        y: of the shape of ``x``.

    Returns:
        The elements.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.where(x > 0, x, y).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    inputs = ("condition", "x", "y")

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return shapes[1] is not None or shapes[2] is not None

    def infer_shape(self, condition: Shape | None, x: Shape | None, y: Shape | None) -> Inferred:
        shape = y if x is None else x
        if shape is None or y not in (None, shape) or condition not in (None, shape, shape[:1]):
            raise ShapeError(f"condition, x and y must have equal shapes, got {condition}, {x} and {y}")
        return (condition or shape, shape, shape), shape

    def forward(self, run: Run, condition: Array, x: Array, y: Array) -> Array:
        run.kept = (condition != 0).reshape(*condition.shape, *[1] * (x.ndim - condition.ndim))
        return run.xp.where(run.kept, x, y)

    def backward(self, run: Run, grad: Array, condition: Array, x: Array, y: Array) -> tuple[Array | None, ...]:
        return None, grad * run.kept, grad * ~run.kept


@register(name="clip")
@attrs.frozen
class Clip(Operator):
    """Each element, limited to the interval from ``a_min`` to ``a_max``.

    Args:
        data: of any shape.
        a_min: the least value.
        a_max: the largest value.

    Returns:
        The result; the gradient is 0 for elements outside of the interval.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.clip(x, 0, 1).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    a_min: float = hyperparameter(number)
    a_max: float = hyperparameter(number)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return data.clip(self.a_min, self.a_max)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad * ((data >= self.a_min) & (data <= self.a_max)),)
