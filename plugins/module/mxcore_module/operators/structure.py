"""Operators that join arrays or split one."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import functools
import itertools
import operator
from typing import Any

import attrs

from mxcore import Validator, boolean, hyperparameter, integer
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, merged, register
from mxcore_module.operators.windows import sizes

__all__ = ["AddN", "Concat", "SliceChannel", "SplitV2", "Stack", "any_integer"]


any_integer = Validator("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool))


@attrs.frozen
class Variadic(Operator):
    """The base class of operators that take any number of arrays."""

    variadic = True

    num_args: int = hyperparameter(integer(at_least=1))

    def input_names(self) -> tuple[str, ...]:
        return tuple(f"arg{number}" for number in range(self.num_args))

    def input_count(self) -> int:
        return self.num_args

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes


@register("concat")
@attrs.frozen
class Concat(Variadic):
    """Concatenates arrays along an axis.

    Args:
        data: the arrays, at least one, whose shapes may differ only along ``dim``.
        dim: the axis along which to concatenate.
        num_args: the number of arrays; optional.

    Returns:
        The concatenated array.

    Example:
        >>> import mxcore as mx
        >>> both = mx.symbol.Concat(mx.symbol.Variable("a"), mx.symbol.Variable("b"), name="both")
        >>> both.infer_shape(a=(32, 3), b=(32, 4))[1]
        [(32, 7)]
    """

    dim: int = hyperparameter(1, any_integer)

    def infer_shape(self, *shapes: Shape) -> Inferred:
        if any(not -len(shape) <= self.dim < len(shape) for shape in shapes):
            raise ShapeError(f"dim={self.dim} is not an axis of all of {', '.join(map(str, shapes))}")
        dim = self.dim % len(shapes[0])
        others = {(*shape[:dim], *shape[dim + 1 :]) for shape in shapes}
        if len(others) > 1:
            raise ShapeError(f"shapes may differ only along dim={self.dim}, got {', '.join(map(str, shapes))}")
        return shapes, (*shapes[0][:dim], sum(shape[dim] for shape in shapes), *shapes[0][dim + 1 :])

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        return run.xp.concatenate(arrays, axis=self.dim)

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        ends = [sum(array.shape[self.dim] for array in arrays[: number + 1]) for number in range(len(arrays) - 1)]
        return tuple(run.xp.split(grad, ends, axis=self.dim))


@register(name="stack")
@attrs.frozen
class Stack(Variadic):
    """Joins arrays of equal shapes along a new axis.

    Args:
        data: the arrays, at least one.
        axis: the place of the new axis.
        num_args: the number of arrays; optional.

    Returns:
        The joint array.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.stack(x, y, axis=1).infer_shape(x=(2, 3), y=(2, 3))[1]
        [(2, 2, 3)]
    """

    axis: int = hyperparameter(0, any_integer)

    def infer_shape(self, *shapes: Shape) -> Inferred:
        first = shapes[0]
        if set(shapes) != {first} or not -len(first) - 1 <= self.axis <= len(first):
            raise ShapeError(f"axis={self.axis} must be a place for a new axis in equal shapes, got {shapes}")
        place = self.axis % (len(first) + 1)
        return shapes, (*first[:place], len(shapes), *first[place:])

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        return run.xp.stack(arrays, axis=self.axis)

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        return tuple(run.xp.moveaxis(grad, self.axis, 0))


@register("ElementWiseSum", name="add_n")
@attrs.frozen
class AddN(Variadic):
    """The sum of arrays of equal shapes.

    Args:
        data: the arrays, at least one.
        num_args: the number of arrays; optional.

    Returns:
        The sum.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.add_n(x, y, x).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    partial = True

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (output,) * len(shapes)

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return any(shape is not None for shape in shapes)

    def infer_shape(self, *shapes: Shape | None) -> Inferred:
        shape = next(one for one in shapes if one is not None)
        for other in shapes:
            both = merged(shape, other)
            if both is None:
                raise ShapeError(f"arrays must have equal shapes, got {', '.join(map(str, shapes))}")
            shape = both
        return (shape,) * len(shapes), shape

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        return functools.reduce(operator.add, arrays)

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        return (grad,) * len(arrays)


@register("split")
@attrs.frozen
class SliceChannel(Operator):
    """Splits an array into equal parts along an axis: a symbol with several outputs.

    Args:
        data: of any shape, whose size along ``axis`` is a multiple of ``num_outputs``.
        num_outputs: the number of parts.
        axis: the axis to split.
        squeeze_axis: whether to remove the axis, which then must have ``num_outputs`` elements.

    Returns:
        The parts; select one with ``symbol[0]``.

    Example:
        >>> import mxcore as mx
        >>> parts = mx.symbol.SliceChannel(mx.symbol.Variable("data"), num_outputs=2, name="parts")
        >>> parts.list_outputs(), parts.infer_shape(data=(32, 10))[1]
        (['parts_output0', 'parts_output1'], [(32, 5), (32, 5)])
        >>> parts[0].infer_shape(data=(32, 10))[1]
        [(32, 5)]
    """

    partial = True

    num_outputs: int = hyperparameter(integer(at_least=1))
    axis: int = hyperparameter(1, any_integer)
    squeeze_axis: bool = hyperparameter(False, boolean)

    def output_names(self) -> tuple[str, ...]:
        several = tuple(f"output{number}" for number in range(self.num_outputs))
        return several if self.num_outputs > 1 else ("output",)

    def infer_shape(self, data: Shape) -> Inferred:
        if not -len(data) <= self.axis < len(data) or data[self.axis] % self.num_outputs:
            raise ShapeError(f"data of shape {data} cannot be split into {self.num_outputs} along axis {self.axis}")
        axis, part = self.axis % len(data), data[self.axis] // self.num_outputs
        if self.squeeze_axis and part > 1:
            raise ShapeError(f"squeeze_axis needs {self.num_outputs} elements along axis {self.axis}, got {data}")
        shape = (*data[:axis], *(() if self.squeeze_axis else (part,)), *data[axis + 1 :])
        return (data,), [shape] * self.num_outputs if self.num_outputs > 1 else shape

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        ndim = len(output) + self.squeeze_axis
        axis = self.axis % ndim
        whole = self.num_outputs if self.squeeze_axis else self.num_outputs * output[axis]
        return ((*output[:axis], whole, *output[axis + (not self.squeeze_axis) :]),)

    def forward(self, run: Run, data: Array) -> Any:
        parts = run.xp.split(data, self.num_outputs, axis=self.axis)
        parts = [part.squeeze(self.axis) for part in parts] if self.squeeze_axis else list(parts)
        return parts if self.num_outputs > 1 else parts[0]

    def backward(self, run: Run, grad: Any, data: Array) -> tuple[Array | None, ...]:
        parts = grad if self.num_outputs > 1 else [grad]
        return (run.xp.concatenate(parts, axis=self.axis) if not self.squeeze_axis else run.xp.stack(parts, self.axis),)


@register(name="_split_v2")
@attrs.frozen
class SplitV2(Operator):
    """Splits an array along an axis, into equal parts or before given elements; see ``mx.symbol.split_v2``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.split_v2(x, 2, axis=1).infer_shape(x=(2, 6))[1]
        [(2, 3), (2, 3)]
    """

    indices: tuple[int, ...] = hyperparameter((), sizes)
    axis: int = hyperparameter(0, any_integer)
    squeeze_axis: bool = hyperparameter(False, boolean)
    sections: int = hyperparameter(0, integer(at_least=0))

    def _starts(self) -> tuple[int, ...]:
        return self.indices if self.indices[:1] == (0,) else (0, *self.indices)

    def output_names(self) -> tuple[str, ...]:
        count = self.sections or len(self._starts())
        return tuple(f"output{number}" for number in range(count)) if count > 1 else ("output",)

    def _ends(self, size: int) -> list[int]:
        if self.sections:
            return [size // self.sections * number for number in range(1, self.sections)]
        return list(self._starts()[1:])

    def infer_shape(self, data: Shape) -> Inferred:
        axis = self.axis % len(data)
        if self.sections and data[axis] % self.sections:
            raise ShapeError(f"data of shape {data} cannot be split into {self.sections} along axis {axis}")
        bounds = [0, *self._ends(data[axis]), data[axis]]
        found = [
            (*data[:axis], *(() if self.squeeze_axis else (end - start,)), *data[axis + 1 :])
            for start, end in itertools.pairwise(bounds)
        ]
        return (data,), found if len(found) > 1 else found[0]

    def forward(self, run: Run, data: Array) -> Any:
        parts = run.xp.split(data, self._ends(data.shape[self.axis]), axis=self.axis)
        parts = [part.squeeze(self.axis) for part in parts] if self.squeeze_axis else list(parts)
        return parts if len(parts) > 1 else parts[0]

    def backward(self, run: Run, grad: Any, data: Array) -> tuple[Array | None, ...]:
        parts = grad if isinstance(grad, list) else [grad]
        parts = [run.xp.expand_dims(part, self.axis) for part in parts] if self.squeeze_axis else parts
        return (run.xp.concatenate(parts, axis=self.axis),)
