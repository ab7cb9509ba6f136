"""Operators that only rearrange elements."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math
from typing import Any

import attrs

from mxcore import Validator, boolean, hyperparameter, integer
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register

__all__ = ["Concat", "Flatten", "SliceChannel"]


any_integer = Validator("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool))


@register("flatten")
@attrs.frozen
class Flatten(Operator):
    """Merges all axes but the first.

    Args:
        data: of shape ``(batch, ...)``.

    Returns:
        The same elements, of shape ``(batch, elements)``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.Flatten(mx.symbol.Variable("data")).infer_shape(data=(32, 28, 28))[1]
        [(32, 784)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        if not data:
            raise ShapeError("data has no axes, it needs shape (batch, ...)")
        return (data,), (data[0], math.prod(data[1:]))

    def forward(self, run: Run, data: Array) -> Array:
        return data.reshape(self.infer_shape(data.shape)[1])

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad.reshape(data.shape),)


@register("concat")
@attrs.frozen
class Concat(Operator):
    """Concatenates arrays along an axis.

    Args:
        data: the arrays, at least one, whose shapes may differ only along ``dim``.
        dim: the axis along which to concatenate, from 0.
        num_args: the number of arrays; optional.

    Returns:
        The concatenated array.

    Example:
        >>> import mxcore as mx
        >>> both = mx.symbol.Concat(mx.symbol.Variable("a"), mx.symbol.Variable("b"), name="both")
        >>> both.infer_shape(a=(32, 3), b=(32, 4))[1]
        [(32, 7)]
    """

    variadic = True

    num_args: int = hyperparameter(integer(at_least=1))
    dim: int = hyperparameter(1, integer(at_least=0))

    def input_names(self) -> tuple[str, ...]:
        return tuple(f"arg{number}" for number in range(self.num_args))

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, *shapes: Shape) -> Inferred:
        if any(len(shape) <= self.dim for shape in shapes):
            raise ShapeError(f"dim={self.dim} is not an axis of all of {', '.join(map(str, shapes))}")
        others = {(*shape[: self.dim], *shape[self.dim + 1 :]) for shape in shapes}
        if len(others) > 1:
            raise ShapeError(f"shapes may differ only along dim={self.dim}, got {', '.join(map(str, shapes))}")
        joint = sum(shape[self.dim] for shape in shapes)
        return shapes, (*shapes[0][: self.dim], joint, *shapes[0][self.dim + 1 :])

    def forward(self, run: Run, *arrays: Any) -> Array:
        return run.xp.concatenate(arrays, axis=self.dim)

    def backward(self, run: Run, grad: Array, *arrays: Any) -> tuple[Array | None, ...]:
        ends = [sum(array.shape[self.dim] for array in arrays[: number + 1]) for number in range(len(arrays) - 1)]
        return tuple(run.xp.split(grad, ends, axis=self.dim))


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
        if self.squeeze_axis and part != 1:
            raise ShapeError(f"squeeze_axis needs {self.num_outputs} elements along axis {self.axis}, got {data}")
        shape = (*data[:axis], *(() if self.squeeze_axis else (part,)), *data[axis + 1 :])
        return (data,), [shape] * self.num_outputs if self.num_outputs > 1 else shape

    def forward(self, run: Run, data: Array) -> Any:
        parts = run.xp.split(data, self.num_outputs, axis=self.axis)
        parts = [part.squeeze(self.axis) for part in parts] if self.squeeze_axis else list(parts)
        return parts if self.num_outputs > 1 else parts[0]

    def backward(self, run: Run, grad: Any, data: Array) -> tuple[Array | None, ...]:
        parts = grad if self.num_outputs > 1 else [grad]
        return (run.xp.concatenate(parts, axis=self.axis) if not self.squeeze_axis else run.xp.stack(parts, self.axis),)
