"""Sequences of different lengths in one array."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import Validator, boolean, hyperparameter, number
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register

__all__ = ["SequenceLast", "SequenceMask", "SequenceReverse"]

_axis = Validator("0 or 1", lambda value: value in (0, 1) and not isinstance(value, bool))


@attrs.frozen
class _Sequences(Operator):
    """Data with an axis of steps, and the length of each sequence."""

    inputs = ("data", "sequence_length")

    use_sequence_length: bool = hyperparameter(False, boolean)

    def axis_of_steps(self) -> int:
        return self.axis  # type: ignore[attr-defined, no-any-return]  # an option of each subclass

    def input_names(self) -> tuple[str, ...]:
        return self.inputs if self.use_sequence_length else self.inputs[:1]

    def output_shape(self, data: Shape) -> Shape:
        return data

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        if len(data) < 2:
            raise ShapeError(f"data must have an axis of steps and one of the batch, got {data}")
        length = (data[1 - self.axis_of_steps()],)
        return (data, *[length] * self.use_sequence_length), self.output_shape(data)

    def _per_step(self, data: Array, rows: Array) -> Array:
        """Return ``(steps, batch)`` or ``(batch,)`` so that it broadcasts over data with the steps first."""
        return rows.reshape(*rows.shape, *[1] * (data.ndim - 2))

    def _steps(self, xp: Any, data: Array) -> Array:
        return xp.moveaxis(data, self.axis_of_steps(), 0)

    def _back(self, xp: Any, steps: Array) -> Array:
        return xp.moveaxis(steps, 0, self.axis_of_steps())


@register()
@attrs.frozen
class SequenceMask(_Sequences):
    """Sets the elements after the end of each sequence to a value.

    Args:
        data: of shape ``(steps, batch, ...)``, or ``(batch, steps, ...)`` with ``axis=1``.
        sequence_length: with ``use_sequence_length``, the lengths, of shape ``(batch,)``.
        use_sequence_length: whether there are lengths; otherwise nothing is set.
        value: the value.
        axis: the axis of the steps.

    Returns:
        The result, in the shape of the data.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.SequenceMask(x, y, use_sequence_length=True).infer_shape(x=(7, 32, 8))[1]
        [(7, 32, 8)]
    """

    value: float = hyperparameter(0.0, number)
    axis: int = hyperparameter(0, _axis)

    def forward(self, run: Run, data: Array, sequence_length: Array = None) -> Array:
        if sequence_length is None:
            return data
        steps = self._steps(run.xp, data)
        inside = run.xp.arange(len(steps))[:, None] < sequence_length
        run.kept = self._back(run.xp, self._per_step(steps, inside))
        return run.xp.where(run.kept, data, run.xp.asarray(self.value, dtype=data.dtype))

    def backward(self, run: Run, grad: Array, data: Array, sequence_length: Array = None) -> tuple[Array | None, ...]:
        return (grad,) if sequence_length is None else (grad * run.kept, None)


@attrs.frozen
class _Gathered(_Sequences):
    """Takes one step of each sequence for each step of the result."""

    def sources(self, xp: Any, steps: int, lengths: Array) -> Array:
        """Return which step of the data each step of the result is, of shape ``(new steps, batch)``."""
        raise NotImplementedError

    def forward(self, run: Run, data: Array, sequence_length: Array = None) -> Array:
        steps = self._steps(run.xp, data)
        lengths = run.xp.full(steps.shape[1], len(steps)) if sequence_length is None else sequence_length
        lengths = lengths.astype(run.xp.int64)
        run.kept = self.sources(run.xp, len(steps), lengths), run.xp.arange(steps.shape[1])
        return self.returned(run.xp, steps[run.kept])

    def returned(self, xp: Any, found: Array) -> Array:
        return self._back(xp, found)

    def backward(self, run: Run, grad: Array, data: Array, sequence_length: Array = None) -> tuple[Array | None, ...]:
        steps = self._steps(run.xp, data)
        found = run.xp.zeros(steps.shape, grad.dtype)
        found[run.kept] = self._steps(run.xp, grad) if grad.ndim == data.ndim else grad[None]
        return (self._back(run.xp, found), *[None] * self.use_sequence_length)


@register()
@attrs.frozen
class SequenceLast(_Gathered):
    """The last element of each sequence.

    Args:
        data: of shape ``(steps, batch, ...)``, or ``(batch, steps, ...)`` with ``axis=1``.
        sequence_length: with ``use_sequence_length``, the lengths, of shape ``(batch,)``, from 1.
        use_sequence_length: whether there are lengths; otherwise all sequences have all steps.
        axis: the axis of the steps.

    Returns:
        The elements, of shape ``(batch, ...)``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.SequenceLast(x, y, use_sequence_length=True).infer_shape(x=(7, 32, 8))[1]
        [(32, 8)]
    """

    axis: int = hyperparameter(0, _axis)

    def output_shape(self, data: Shape) -> Shape:
        return (data[1 - self.axis], *data[2:])

    def sources(self, xp: Any, steps: int, lengths: Array) -> Array:
        return lengths[None] - 1

    def returned(self, xp: Any, found: Array) -> Array:
        return found[0]


@register()
@attrs.frozen
class SequenceReverse(_Gathered):
    """Each sequence from its end, with what is after its end unchanged.

    Args:
        data: of shape ``(steps, batch, ...)``.
        sequence_length: with ``use_sequence_length``, the lengths, of shape ``(batch,)``.
        use_sequence_length: whether there are lengths; otherwise all sequences have all steps.
        axis: the axis of the steps, which is 0.

    Returns:
        The result, in the shape of the data.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.SequenceReverse(x).infer_shape(x=(7, 32, 8))[1]
        [(7, 32, 8)]
    """

    axis: int = hyperparameter(0, Validator("0", lambda value: value == 0))

    def sources(self, xp: Any, steps: int, lengths: Array) -> Array:
        numbers = xp.arange(steps)[:, None]
        return xp.where(numbers < lengths, lengths - 1 - numbers, numbers)
