"""Loss outputs, at which the gradient starts, ignoring incoming gradients."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math
from typing import Any

import attrs

from mxcore import boolean, hyperparameter, number, one_of
from mxcore.backend import Array
from mxcore_module.operators.activation import sigmoid
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register

__all__ = ["LinearRegressionOutput", "LogisticRegressionOutput", "SoftmaxOutput"]


@register("Softmax")
@attrs.frozen
class SoftmaxOutput(Operator):
    """Class probabilities, trained with the cross-entropy.

    The output is ``pᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)``. The gradient with respect to ``x`` is ``(p - onehot(label)) ·
    grad_scale``: that of the summed (not averaged) ``-log p[label]``. The optimizer's ``rescale_grad`` divides it by
    the batch size.

    Args:
        data: ``x``, of shape ``(batch, classes)``.
        label: the classes, of shape ``(batch,)``, from 0; or the target probabilities, of shape ``(batch, classes)``.
            It affects only the gradient.
        grad_scale: a factor on the gradient.
        ignore_label: the class to ignore with ``use_ignore``.
        use_ignore: whether rows with the class ``ignore_label`` get no gradient.
        normalization: what the gradient is divided by: ``"null"``, nothing; ``"batch"``, the number of rows;
            ``"valid"``, the number of rows with a class other than ``ignore_label``.

    Returns:
        ``p``, of shape ``(batch, classes)``.

    Example:
        >>> import mxcore as mx
        >>> net = mx.symbol.SoftmaxOutput(mx.symbol.Variable("data"), name="softmax")
        >>> net.list_arguments(), net.infer_shape(data=(32, 10))[0]
        (['data', 'softmax_label'], [(32, 10), (32,)])
    """

    inputs = ("data", "label")
    is_loss = True

    grad_scale: float = hyperparameter(1.0, number)
    ignore_label: float = hyperparameter(-1.0, number)
    use_ignore: bool = hyperparameter(False, boolean)
    normalization: str = hyperparameter("null", one_of("null", "batch", "valid"))

    def infer_shape(self, data: Shape, label: Shape | None) -> Inferred:
        if len(data) != 2:
            raise ShapeError(f"data must have shape (batch, classes), got {data}: put a Flatten before it")
        if label not in (None, data[:1], data):
            raise ShapeError(f"label must have shape {data[:1]}, or {data} for probabilities, got {label}")
        return (data, label or data[:1]), data

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        powers = run.xp.exp(data - data.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def backward(self, run: Run, grad: Array | None, data: Array, label: Array) -> tuple[Array | None, ...]:
        p = run.output
        if label.shape == p.shape:
            return (p - label) * (self.grad_scale / (1 if self.normalization == "null" else len(label))), None
        chosen = label.astype(run.xp.int64)[:, None] == run.xp.arange(p.shape[1])
        counts = label != self.ignore_label
        step = (p - chosen) * (self.grad_scale / self._divisor(run, counts))
        return step * counts[:, None] if self.use_ignore else step, None

    def _divisor(self, run: Run, counts: Array) -> Any:
        if self.normalization == "valid":  # a 0-d array: reading its value would synchronise with the GPU
            return run.xp.maximum(counts.sum(), 1).astype(run.output.dtype)
        return len(counts) if self.normalization == "batch" else 1


@attrs.frozen
class _Regression(Operator):
    """A link function, with the gradient ``prediction - label``."""

    inputs = ("data", "label")
    is_loss = True

    grad_scale: float = hyperparameter(1.0, number)

    def infer_shape(self, data: Shape, label: Shape | None) -> Inferred:
        if not data:
            raise ShapeError("data has no axes, it needs shape (batch, ...)")
        if label is None:
            label = data[:1] if data[1:] == (1,) else data
        if label[:1] != data[:1] or math.prod(label) != math.prod(data):
            raise ShapeError(f"label must have as many elements per row as data, got {label} for data {data}")
        return (data, label), data

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        raise NotImplementedError

    def backward(self, run: Run, grad: Array | None, data: Array, label: Array) -> tuple[Array | None, ...]:
        difference = run.output - label.reshape(data.shape)
        return difference * (self.grad_scale / max(math.prod(data.shape[1:]), 1)), None


@register()
@attrs.frozen
class LinearRegressionOutput(_Regression):
    """A prediction, trained with the squared error.

    The output is ``x`` itself. The gradient is ``(x - label) · grad_scale / k``, with ``k`` elements in a row: that
    of half the squared error, summed over rows and averaged within each.

    Args:
        data: ``x``, of shape ``(batch, ...)``.
        label: the target of ``x``, with the same shape or as many elements per row, such as ``(batch,)`` for
            ``(batch, 1)``.
        grad_scale: a factor on the gradient.

    Returns:
        ``x``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.LinearRegressionOutput(mx.symbol.Variable("data"), name="lro").infer_shape(data=(32, 1))[0]
        [(32, 1), (32,)]
    """

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        return data


@register()
@attrs.frozen
class LogisticRegressionOutput(_Regression):
    """Probabilities, trained with the binary cross-entropy.

    The output is ``p = 1 / (1 + e⁻ˣ)``. The gradient with respect to ``x`` is ``(p - label) · grad_scale / k``, with
    ``k`` elements in a row: that of ``-label log p - (1 - label) log(1 - p)``, summed over rows and averaged within
    each.

    Args:
        data: ``x``, of shape ``(batch, ...)``.
        label: 0, 1 or a probability, with the same shape or as many elements per row, such as ``(batch,)`` for
            ``(batch, 1)``.
        grad_scale: a factor on the gradient.

    Returns:
        ``p``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.LogisticRegressionOutput(mx.symbol.Variable("data"), name="yes").list_outputs()
        ['yes_output']
    """

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        return sigmoid(run.xp, data)
