"""Layers with weights."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math

import attrs

from mxcore import boolean, hyperparameter, integer, string
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register

__all__ = ["Embedding", "FullyConnected"]


@register()
@attrs.frozen
class FullyConnected(Operator):
    """An affine layer, ``y = x Wᵀ + b``.

    Args:
        data: ``x``, of shape ``(batch, ...)``; the axes after the first are merged into one of ``inputs`` elements.
        weight: ``W``, of shape ``(num_hidden, inputs)``.
        bias: ``b``, of shape ``(num_hidden,)``.
        num_hidden: the number of outputs, at least 1.
        no_bias: whether to leave out ``b``.
        flatten: if False, only the last axis of ``x`` is multiplied, and the axes before it stay.

    Returns:
        ``y``, of shape ``(batch, num_hidden)``, or ``(..., num_hidden)`` without ``flatten``.

    Example:
        >>> import mxcore as mx
        >>> layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=10, name="fc")
        >>> layer.infer_shape(data=(32, 28, 28))
        ([(32, 28, 28), (10, 784), (10,)], [(32, 10)], [])
    """

    inputs = ("data", "weight", "bias")

    partial = True

    num_hidden: int = hyperparameter(integer(at_least=1))
    no_bias: bool = hyperparameter(False, boolean)
    flatten: bool = hyperparameter(True, boolean)

    def input_names(self) -> tuple[str, ...]:
        return self.inputs[:2] if self.no_bias else self.inputs

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        if not data:
            raise ShapeError("data has no axes, it needs shape (batch, ...)")
        rows, columns = (data[:1], math.prod(data[1:])) if self.flatten else (data[:-1], data[-1])
        bias = () if self.no_bias else ((self.num_hidden,),)
        return (data, (self.num_hidden, columns), *bias), (*rows, self.num_hidden)

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        data = shapes[0]
        if data is None:
            return (None,) * len(shapes)
        rows = (output[0], *data[1:]) if self.flatten else (*output[:-1], data[-1])
        return (rows, *[None] * (len(shapes) - 1))

    def forward(self, run: Run, data: Array, weight: Array, bias: Array = None) -> Array:
        product = data.reshape(-1, weight.shape[1]) @ weight.T
        shifted = product if bias is None else product + bias
        return shifted if self.flatten else shifted.reshape(*data.shape[:-1], self.num_hidden)

    def backward(
        self, run: Run, grad: Array, data: Array, weight: Array, bias: Array = None
    ) -> tuple[Array | None, ...]:
        grad = grad.reshape(-1, self.num_hidden)
        # The gradient of the data, a third of the work of a network's first layer, is often not needed.
        for_data = (grad @ weight).reshape(data.shape) if run.wanted[0] else None
        for_weight = grad.T @ data.reshape(-1, weight.shape[1])
        return (for_data, for_weight) if bias is None else (for_data, for_weight, grad.sum(axis=0))


@register()
@attrs.frozen
class Embedding(Operator):
    """A table of vectors: each number in ``data`` becomes the row of ``weight`` with that number.

    As in MXNet, a number below 0 takes row 0, and one of ``input_dim`` or more the last row: checking would
    synchronise with the GPU. There is no gradient with respect to ``data``.

    Args:
        data: the row numbers, of any shape and dtype; fractions are truncated.
        weight: the table, of shape ``(input_dim, output_dim)``.
        input_dim: the number of rows, at least 1.
        output_dim: the length of a row, at least 1.
        dtype, sparse_grad: accepted for MXNet's sake, without effect: the rows have the dtype of ``weight``.

    Returns:
        The rows, of shape ``(*data.shape, output_dim)``.

    Example:
        >>> import mxcore as mx
        >>> words = mx.symbol.Embedding(mx.symbol.Variable("data"), input_dim=1000, output_dim=16, name="words")
        >>> words.infer_shape(data=(32, 7))[1]
        [(32, 7, 16)]
    """

    inputs = ("data", "weight")
    partial = True

    input_dim: int = hyperparameter(integer(at_least=1))
    output_dim: int = hyperparameter(integer(at_least=1))
    dtype: str = hyperparameter("float32", string)
    sparse_grad: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        return (data, (self.input_dim, self.output_dim)), (*data, self.output_dim)

    def forward(self, run: Run, data: Array, weight: Array) -> Array:
        run.kept = data.astype(run.xp.int64).clip(0, self.input_dim - 1)
        return weight[run.kept]

    def backward(self, run: Run, grad: Array, data: Array, weight: Array) -> tuple[Array | None, ...]:
        table = run.xp.zeros(weight.shape, grad.dtype)
        run.xp.add.at(table, run.kept.ravel(), grad.reshape(-1, self.output_dim))
        return None, table
