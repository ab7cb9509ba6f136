"""Order, running sums and diagonals."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math
from typing import Any

import attrs

from mxcore import boolean, hyperparameter, integer, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.reductions import reduced_axes
from mxcore_module.operators.structure import any_integer

__all__ = ["Argsort", "CumSum", "Sort", "TopK"]

_dtype = one_of("float16", "float32", "float64", "int32", "int64", "uint8")


@attrs.frozen
class _Ordered(Operator):
    """The order of the elements along an axis; None for all data as one row."""

    axis: int | None = hyperparameter(-1, optional(any_integer))

    def rows(self, xp: Any, data: Array) -> Array:
        """Return a view of the data whose last axis is to be ordered."""
        return data.reshape(-1) if self.axis is None else xp.moveaxis(data, self.axis, -1)

    def back(self, xp: Any, rows: Array) -> Array:
        return rows if self.axis is None else xp.moveaxis(rows, -1, self.axis)

    def order(self, xp: Any, rows: Array, ascending: bool) -> Array:
        return xp.argsort(rows if ascending else -rows, axis=-1)

    def scattered(self, xp: Any, grad: Array, order: Array, data: Array) -> Array:
        """Return the gradient of the data, given that of its elements in an order."""
        found = xp.zeros(self.rows(xp, data).shape, grad.dtype)
        xp.put_along_axis(found, order, grad, axis=-1)
        return found.reshape(data.shape) if self.axis is None else self.back(xp, found)


@register(name="sort")
@attrs.frozen
class Sort(_Ordered):
    """The elements in order.

    Args:
        data: of any shape.
        axis: the axis; None for all data.
        is_ascend: whether the smallest come first.

    Returns:
        The elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.sort(x).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    is_ascend: bool = hyperparameter(True, boolean)

    def output_names(self) -> tuple[str, ...]:
        return ("output0",)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), (math.prod(data),) if self.axis is None else data

    def forward(self, run: Run, data: Array) -> Array:
        rows = self.rows(run.xp, data)
        run.kept = self.order(run.xp, rows, self.is_ascend)
        return self.back(run.xp, run.xp.take_along_axis(rows, run.kept, axis=-1))

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (self.scattered(run.xp, self.rows(run.xp, grad), run.kept, data),)


@register(name="argsort")
@attrs.frozen
class Argsort(Sort):
    """The positions of the elements in order; it has no gradient.

    Args:
        data: of any shape.
        axis: the axis; None for all data.
        is_ascend: whether the smallest come first.
        dtype: the dtype of the result.

    Returns:
        The positions.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.argsort(x).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    dtype: str = hyperparameter("float32", _dtype)

    def output_names(self) -> tuple[str, ...]:
        return ("output",)

    def forward(self, run: Run, data: Array) -> Array:
        return self.back(run.xp, self.order(run.xp, self.rows(run.xp, data), self.is_ascend)).astype(self.dtype)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (None,)


@register(name="topk")
@attrs.frozen
class TopK(_Ordered):
    """The largest (smallest) elements along an axis.

    Args:
        data: of any shape.
        axis: the axis; None for all data.
        k: how many.
        ret_typ: ``"value"``; ``"indices"``, their positions; ``"both"``, two outputs; or ``"mask"``, 1 in these places.
        is_ascend: whether to take the smallest.
        dtype: the dtype of positions.

    Returns:
        What ``ret_typ`` says; only values have a gradient.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.topk(x, k=2, ret_typ="both").infer_shape(x=(2, 5))[1]
        [(2, 2), (2, 2)]
    """

    k: int = hyperparameter(1, integer(at_least=1))
    ret_typ: str = hyperparameter("indices", one_of("value", "indices", "both", "mask"))
    is_ascend: bool = hyperparameter(False, boolean)
    dtype: str = hyperparameter("float32", _dtype)

    def output_names(self) -> tuple[str, ...]:
        several = {"both": ("output0", "output1"), "value": ("output0",)}
        return several.get(self.ret_typ, ("output",))

    def infer_shape(self, data: Shape) -> Inferred:
        if self.ret_typ == "mask":
            return (data,), data
        shape: Shape = (self.k,)
        if self.axis is not None:
            (axis,) = reduced_axes(len(data), self.axis)
            shape = (*data[:axis], self.k, *data[axis + 1 :])
            if self.k > data[axis]:
                raise ShapeError(f"k={self.k} is more than the {data[axis]} elements along axis {axis}")
        return (data,), [shape, shape] if self.ret_typ == "both" else shape

    def forward(self, run: Run, data: Array) -> Any:
        xp, rows = run.xp, self.rows(run.xp, data)
        run.kept = self.order(xp, rows, self.is_ascend)[..., : self.k]
        if self.ret_typ == "mask":
            return self.scattered(xp, xp.ones(run.kept.shape, data.dtype), run.kept, data)
        values = self.back(xp, xp.take_along_axis(rows, run.kept, axis=-1))
        places = self.back(xp, run.kept).astype(self.dtype)
        return {"value": values, "indices": places, "both": [values, places]}[self.ret_typ]

    def backward(self, run: Run, grad: Any, data: Array) -> tuple[Array | None, ...]:
        if self.ret_typ in ("indices", "mask"):
            return (None,)
        grad = grad[0] if self.ret_typ == "both" else grad
        return (self.scattered(run.xp, self.rows(run.xp, grad), run.kept, data),)


@register(name="cumsum")
@attrs.frozen
class CumSum(Operator):
    """The running sums along an axis, or of all elements in order.

    Args:
        a: of any shape.
        axis: the axis; by default all elements, as one row.
        dtype: the dtype of the result; by default that of the data.

    Returns:
        The sums.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.cumsum(x, axis=1).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    inputs = ("a",)

    axis: int | None = hyperparameter(None, optional(any_integer))
    dtype: str | None = hyperparameter(None, optional(_dtype))

    def infer_shape(self, a: Shape) -> Inferred:
        return (a,), (math.prod(a),) if self.axis is None else a

    def forward(self, run: Run, a: Array) -> Array:
        return run.xp.cumsum(a, axis=self.axis).astype(self.dtype or a.dtype)

    def backward(self, run: Run, grad: Array, a: Array) -> tuple[Array | None, ...]:
        axis = self.axis or 0
        found = run.xp.flip(run.xp.cumsum(run.xp.flip(grad, axis), axis=axis), axis)
        return (found.reshape(a.shape).astype(a.dtype),)
