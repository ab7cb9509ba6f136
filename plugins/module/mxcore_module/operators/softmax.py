"""The softmax as a function, without a loss."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import ClassVar

import attrs

from mxcore import boolean, hyperparameter, one_of, optional, positive
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, derived, register
from mxcore_module.operators.reductions import reduced_axes
from mxcore_module.operators.structure import any_integer

__all__ = ["SoftmaxActivation", "SoftmaxCrossEntropy"]

_float = one_of("float16", "float32", "float64")


@attrs.frozen
class _Softmax(Operator):
    """The softmax along an axis, ``pᵢ = exp(xᵢ / T) / Σⱼ exp(xⱼ / T)``.

    ``log_softmax`` is its logarithm, and ``softmin`` is the softmax of ``-x``.

    Args:
        data: ``x``, of any shape.
        length: with ``use_length``, how many of the first elements along the axis count; the others are 0. Its shape is
            that of ``data`` without the axis.
        axis: the axis.
        temperature: ``T``; 1 by default.
        dtype: the dtype of the result; by default that of the data.
        use_length: whether there is a ``length``.

    Returns:
        The result, in the shape of ``x``.
    """

    inputs = ("data", "length")
    sign: ClassVar[float] = 1
    is_log: ClassVar[bool] = False

    axis: int = hyperparameter(-1, any_integer)
    temperature: float | None = hyperparameter(None, optional(positive))
    dtype: str | None = hyperparameter(None, optional(_float))
    use_length: bool = hyperparameter(False, boolean)

    def input_names(self) -> tuple[str, ...]:
        return self.inputs if self.use_length else self.inputs[:1]

    def infer_shape(self, data: Shape, *length: Shape | None) -> Inferred:
        (axis,) = reduced_axes(len(data), self.axis)
        return (data, *[(*data[:axis], *data[axis + 1 :])] * self.use_length), data

    def forward(self, run: Run, data: Array, length: Array = None) -> Array:
        xp = run.xp
        shifted = data * (self.sign / (self.temperature or 1.0))
        if length is not None:
            places = xp.arange(data.shape[self.axis]).reshape(-1, *[1] * (data.ndim - 1 - self.axis % data.ndim))
            run.kept = places < xp.expand_dims(length, self.axis)
            shifted = xp.where(run.kept, shifted, -xp.inf)
        shifted = shifted - shifted.max(axis=self.axis, keepdims=True)
        powers = xp.exp(shifted)
        total = powers.sum(axis=self.axis, keepdims=True)
        found = shifted - xp.log(total) if self.is_log else powers / total
        return found.astype(self.dtype or data.dtype)

    def backward(self, run: Run, grad: Array, data: Array, length: Array = None) -> tuple[Array | None, ...]:
        y, factor = run.output, self.sign / (self.temperature or 1.0)
        if self.is_log:
            found = grad - run.xp.exp(y) * grad.sum(axis=self.axis, keepdims=True)
        else:
            found = y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))
        return ((found * factor).astype(data.dtype), *[None] * self.use_length)


for _name, _log, _sign in (("softmax", False, 1), ("log_softmax", True, 1), ("softmin", False, -1)):
    derived(_Softmax, _name, is_log=_log, sign=_sign, doc=_Softmax.__doc__ or "")


@register()
@attrs.frozen
class SoftmaxActivation(Operator):
    """The softmax of each row, or of the channels of each pixel.

    Args:
        data: of shape ``(batch, ...)``.
        mode: ``"instance"``, over the last axis; ``"channel"``, over axis 1.

    Returns:
        The result, in the shape of the data.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.SoftmaxActivation(x).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    mode: str = hyperparameter("instance", one_of("instance", "channel"))

    def infer_shape(self, data: Shape) -> Inferred:
        if len(data) < 2:
            raise ShapeError(f"data must have shape (batch, ...), got {data}")
        return (data,), data

    def _axes(self, data: Array) -> tuple[int, ...]:
        return (1,) if self.mode == "channel" else (data.ndim - 1,)

    def forward(self, run: Run, data: Array) -> Array:
        powers = run.xp.exp(data - data.max(axis=self._axes(data), keepdims=True))
        return powers / powers.sum(axis=self._axes(data), keepdims=True)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        y = run.output
        return (y * (grad - (grad * y).sum(axis=self._axes(data), keepdims=True)),)


@register(name="softmax_cross_entropy")
@attrs.frozen
class SoftmaxCrossEntropy(Operator):
    """The cross-entropy of the softmax of each row, summed over rows: ``-Σ log p[label]``.

    Args:
        data: of shape ``(batch, classes)``.
        label: the classes, of shape ``(batch,)``.

    Returns:
        The sum, of shape ``(1,)``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.softmax_cross_entropy(x, y).infer_shape(x=(32, 10))[1]
        [(1,)]
    """

    inputs = ("data", "label")

    def infer_shape(self, data: Shape, label: Shape | None) -> Inferred:
        if len(data) != 2:
            raise ShapeError(f"data must have shape (batch, classes), got {data}")
        return (data, data[:1]), (1,)

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        shifted = data - data.max(axis=1, keepdims=True)
        powers = run.xp.exp(shifted)
        total = powers.sum(axis=1, keepdims=True)
        chosen = label.astype(run.xp.int64)[:, None] == run.xp.arange(data.shape[1])
        run.kept = powers / total, chosen
        return -((shifted - run.xp.log(total)) * chosen).sum().reshape(1)

    def backward(self, run: Run, grad: Array, data: Array, label: Array) -> tuple[Array | None, ...]:
        p, chosen = run.kept
        return grad * (p - chosen), None
