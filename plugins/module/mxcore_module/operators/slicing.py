"""Operators that take a part of an array, or repeat it."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import builtins
import math
from typing import Any

import attrs

from mxcore import Validator, hyperparameter, integer, number, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.reductions import reduced_axes, some_axes
from mxcore_module.operators.structure import any_integer
from mxcore_module.operators.windows import sizes

__all__ = ["Pad", "Repeat", "Reverse", "Slice", "SliceAxis", "SliceLike", "Tile"]

Index = tuple[builtins.slice, ...]
_bounds = Validator(
    "a tuple of integers and None",
    lambda value: isinstance(value, tuple) and all(one is None or isinstance(one, int) for one in value),
)


@attrs.frozen
class Indexed(Operator):
    """The base class of operators that take the elements of an index of slices; the first input is the data."""

    def index(self, *shapes: Shape) -> Index:
        """Return the index, given the shapes of the inputs."""
        raise NotImplementedError

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, *shapes: Shape) -> Inferred:
        data, index = shapes[0], self.index(*shapes)
        taken = [len(range(*one.indices(size))) for one, size in zip(index, data, strict=False)]
        if not all(taken):
            raise ShapeError(f"nothing is left of data of shape {data}")
        return shapes, (*taken, *data[len(taken) :])

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        return arrays[0][self.index(*(array.shape for array in arrays))]

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        found = run.xp.zeros(arrays[0].shape, grad.dtype)
        found[self.index(*(array.shape for array in arrays))] = grad
        return (found, *[None] * (len(arrays) - 1))


@register("crop", name="slice")
@attrs.frozen
class Slice(Indexed):
    """A part of an array.

    Args:
        data: of any shape.
        begin: the first element along each of the first axes, or None.
        end: the element after the last, or None.
        step: the steps, or None; 1 by default.

    Returns:
        The part.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.slice(mx.symbol.Variable("data"), begin=(None, 2), end=(None, -1)).infer_shape(data=(4, 9))[1]
        [(4, 6)]
    """

    begin: tuple[int | None, ...] = hyperparameter(_bounds)
    end: tuple[int | None, ...] = hyperparameter(_bounds)
    step: tuple[int | None, ...] = hyperparameter((), _bounds)

    def index(self, *shapes: Shape) -> Index:
        if not len(self.begin) == len(self.end) <= len(shapes[0]) or len(self.step) not in (0, len(self.end)):
            raise ShapeError(f"begin, end and step must be as long, and fit data of shape {shapes[0]}")
        steps = self.step or (None,) * len(self.end)
        return tuple(builtins.slice(*one) for one in zip(self.begin, self.end, steps, strict=True))


@register(name="slice_axis")
@attrs.frozen
class SliceAxis(Indexed):
    """A part of an array along one axis.

    Args:
        data: of any shape.
        axis: the axis.
        begin: the first element.
        end: the element after the last, or None.

    Returns:
        The part.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.slice_axis(x, axis=1, begin=1, end=None).infer_shape(x=(2, 5))[1]
        [(2, 4)]
    """

    axis: int = hyperparameter(any_integer)
    begin: int = hyperparameter(any_integer)
    end: int | None = hyperparameter(optional(any_integer))

    def index(self, *shapes: Shape) -> Index:
        (axis,) = reduced_axes(len(shapes[0]), self.axis)
        return (*[builtins.slice(None)] * axis, builtins.slice(self.begin, self.end))


@register(name="slice_like")
@attrs.frozen
class SliceLike(Indexed):
    """The first elements of an array, as many as another one has.

    Args:
        data: of any shape.
        shape_like: an array whose sizes count; its values have no effect.
        axes: the axes to cut; all by default.

    Returns:
        The part.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.slice_like(x, y).infer_shape(x=(4, 5), y=(2, 3))[1]
        [(2, 3)]
    """

    inputs = ("data", "shape_like")

    axes: int | tuple[int, ...] = hyperparameter((), some_axes)

    def index(self, *shapes: Shape) -> Index:
        data, like = shapes
        over = reduced_axes(len(data), self.axes)
        if any(axis >= len(like) or like[axis] > data[axis] for axis in over):
            raise ShapeError(f"shape_like {like} is larger than data {data} along some of the axes {over}")
        return tuple(builtins.slice(like[axis] if axis in over else None) for axis in range(len(data)))


@register("flip", name="reverse")
@attrs.frozen
class Reverse(Indexed):
    """The elements in reverse order along axes.

    Args:
        data: of any shape.
        axis: an axis or several.

    Returns:
        The same elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.reverse(x, axis=1).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    axis: int | tuple[int, ...] = hyperparameter(some_axes)

    def index(self, *shapes: Shape) -> Index:
        over = reduced_axes(len(shapes[0]), self.axis)
        return tuple(builtins.slice(None, None, -1 if axis in over else None) for axis in range(len(shapes[0])))


@register(name="tile")
@attrs.frozen
class Tile(Operator):
    """The whole array, repeated along axes.

    Args:
        data: of any shape.
        reps: how often, for each axis; axes that are missing in the data or here are added in front.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.tile(x, reps=(2, 2)).infer_shape(x=(2, 3))[1]
        [(4, 6)]
    """

    reps: tuple[int, ...] = hyperparameter(sizes)

    def _both(self, data: Shape) -> tuple[Shape, Shape]:
        length = max(len(data), len(self.reps))
        return (1,) * (length - len(data)) + data, (1,) * (length - len(self.reps)) + self.reps

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), tuple(size * count for size, count in zip(*self._both(data), strict=True))

    def forward(self, run: Run, data: Array) -> Array:
        return run.xp.tile(data, self.reps)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        shape, reps = self._both(data.shape)
        split = grad.reshape([one for pair in zip(reps, shape, strict=True) for one in pair])
        return (split.sum(axis=tuple(range(0, 2 * len(reps), 2))).reshape(data.shape),)


@register(name="repeat")
@attrs.frozen
class Repeat(Operator):
    """Each element, repeated.

    Args:
        data: of any shape.
        repeats: how often.
        axis: the axis along which elements are repeated; by default the elements of all axes in order.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.repeat(x, repeats=2, axis=1).infer_shape(x=(2, 3))[1]
        [(2, 6)]
    """

    repeats: int = hyperparameter(integer(at_least=1))
    axis: int | None = hyperparameter(None, optional(any_integer))

    def infer_shape(self, data: Shape) -> Inferred:
        if self.axis is None:
            return (data,), (math.prod(data) * self.repeats,)
        (axis,) = reduced_axes(len(data), self.axis)
        return (data,), (*data[:axis], data[axis] * self.repeats, *data[axis + 1 :])

    def forward(self, run: Run, data: Array) -> Array:
        return run.xp.repeat(data, self.repeats, self.axis)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        after = data.shape[self.axis % data.ndim + 1 :] if self.axis is not None else ()
        return (grad.reshape(-1, self.repeats, *after).sum(axis=1).reshape(data.shape),)


@register("pad")
@attrs.frozen
class Pad(Operator):
    """Adds elements around images.

    Args:
        data: of shape ``(batch, channels, height, width)``, or with a depth before the height.
        mode: ``"constant"``; ``"edge"``, the nearest element; or ``"reflect"``, the elements mirrored at the edge.
        pad_width: the numbers of elements before and after each axis, 0 for the first two axes.
        constant_value: the value of ``"constant"``.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.Pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 1, 2, 2)).infer_shape(x=(2, 3, 8, 8))[1]
        [(2, 3, 10, 12)]
    """

    mode: str = hyperparameter(one_of("constant", "edge", "reflect"))
    pad_width: tuple[int, ...] = hyperparameter(sizes)
    constant_value: float = hyperparameter(0.0, number)

    def infer_shape(self, data: Shape) -> Inferred:
        if len(data) not in (4, 5) or len(self.pad_width) != 2 * len(data) or any(self.pad_width[:4]):
            raise ShapeError(
                f"pad_width must have two numbers for each axis of data, which has 4 or 5, and four zeros first, "
                f"got {self.pad_width} for {data}"
            )
        before, after = self.pad_width[::2], self.pad_width[1::2]
        return (data,), tuple(sum(one) for one in zip(data, before, after, strict=True))

    def _widths(self) -> list[tuple[int, int]]:
        return list(zip(self.pad_width[::2], self.pad_width[1::2], strict=True))

    def forward(self, run: Run, data: Array) -> Array:
        more = {"constant_values": self.constant_value} if self.mode == "constant" else {}
        return run.xp.pad(data, self._widths(), mode=self.mode, **more)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        for axis, (before, after) in enumerate(self._widths()):
            grad = self._folded(run.xp, grad, axis, before, after)
        return (grad,)

    def _folded(self, xp: Any, grad: Array, axis: int, before: int, after: int) -> Array:
        """Return the gradient without the padding of an axis, which is added to the elements that it repeats."""
        if not before and not after:
            return grad
        moved = xp.moveaxis(grad, axis, 0)
        size = moved.shape[0] - before - after
        inner = moved[before : before + size].copy()
        if self.mode == "edge":
            inner[0] += moved[:before].sum(axis=0)
            inner[-1] += moved[before + size :].sum(axis=0)
        elif self.mode == "reflect":
            inner[1 : before + 1] += moved[:before][::-1]
            inner[size - 1 - after : size - 1] += moved[before + size :][::-1]
        return xp.moveaxis(inner, 0, axis)
