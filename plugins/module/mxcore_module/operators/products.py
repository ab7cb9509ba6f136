"""Products of matrices."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import boolean, hyperparameter, number, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register, turned
from mxcore_module.operators.structure import any_integer

__all__ = ["BatchDot", "Dot", "Gemm2"]


def _turned(shape: Shape, turn: bool) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if turn else shape


@attrs.frozen
class _Product(Operator):
    """A product of matrices, or of stacks of them."""

    inputs = ("lhs", "rhs")

    transpose_a: bool = hyperparameter(False, boolean)
    transpose_b: bool = hyperparameter(False, boolean)

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, lhs: Shape, rhs: Shape) -> Inferred:
        one, other = _turned(lhs, self.transpose_a), _turned(rhs, self.transpose_b)
        if len(lhs) != len(rhs) or one[:-2] != other[:-2] or one[-1] != other[-2]:
            raise ShapeError(f"matrices of shapes {one} and {other} (transposed as asked for) have no product")
        return (lhs, rhs), (*one[:-1], other[-1])

    def product(self, lhs: Array, rhs: Array) -> Array:
        a = turned(lhs) if self.transpose_a else lhs
        return a @ (turned(rhs) if self.transpose_b else rhs)

    def gradients(self, grad: Array, lhs: Array, rhs: Array) -> tuple[Array, Array]:
        a = turned(lhs) if self.transpose_a else lhs
        b = turned(rhs) if self.transpose_b else rhs
        left, right = grad @ turned(b), turned(a) @ grad
        return (
            turned(left) if self.transpose_a else left,
            turned(right) if self.transpose_b else right,
        )

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return self.product(lhs, rhs)

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        return self.gradients(grad, lhs, rhs)


_stype = one_of("default", "row_sparse", "csr")


@register(name="batch_dot")
@attrs.frozen
class BatchDot(_Product):
    """The products of two stacks of matrices, ``y[n] = lhs[n] rhs[n]``.

    Args:
        lhs: of shape ``(batch, n, k)``.
        rhs: of shape ``(batch, k, m)``.
        transpose_a: whether the matrices of ``lhs`` are transposed first, which then have shape ``(k, n)``.
        transpose_b: whether those of ``rhs`` are transposed first.
        forward_stype: accepted for MXNet's sake, without effect.

    Returns:
        The products, of shape ``(batch, n, m)``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.batch_dot(x, y).infer_shape(x=(5, 2, 3), y=(5, 3, 4))[1]
        [(5, 2, 4)]
    """

    forward_stype: str | None = hyperparameter(None, optional(_stype))

    def infer_shape(self, lhs: Shape, rhs: Shape) -> Inferred:
        if len(lhs) < 3:
            raise ShapeError(f"lhs must have shape (batch, n, k), got {lhs}")
        return super().infer_shape(lhs, rhs)


@register(name="dot")
@attrs.frozen
class Dot(_Product):
    """The product over the last axis of ``lhs`` and the first of ``rhs``: of vectors, matrices or larger arrays.

    Args:
        lhs: of shape ``(*a, k)``, or ``(k, *a)`` with ``transpose_a``.
        rhs: of shape ``(k, *b)``, or ``(*b, k)`` with ``transpose_b``.
        transpose_a: whether the product is over the first axis of ``lhs``.
        transpose_b: whether the product is over the last axis of ``rhs``.
        forward_stype: accepted for MXNet's sake, without effect.

    Returns:
        The product, of shape ``(*a, *b)``; ``(1,)`` for two vectors.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.dot(x, y).infer_shape(x=(2, 3), y=(3, 4))[1]
        [(2, 4)]
    """

    forward_stype: str | None = hyperparameter(None, optional(_stype))

    def infer_shape(self, lhs: Shape, rhs: Shape) -> Inferred:
        if not lhs or not rhs:
            raise ShapeError(f"lhs and rhs must have axes, got {lhs} and {rhs}")
        a, k = (lhs[1:], lhs[0]) if self.transpose_a and len(lhs) > 1 else (lhs[:-1], lhs[-1])
        b, other = (rhs[:-1], rhs[-1]) if self.transpose_b and len(rhs) > 1 else (rhs[1:], rhs[0])
        if k != other:
            raise ShapeError(f"lhs {lhs} and rhs {rhs} have {k} and {other} elements along the axes of the product")
        return (lhs, rhs), (*a, *b) or (1,)

    def _matrices(self, lhs: Array, rhs: Array) -> tuple[Array, Array]:
        a = lhs.reshape(lhs.shape[0], -1) if self.transpose_a and lhs.ndim > 1 else lhs.reshape(-1, lhs.shape[-1])
        b = rhs.reshape(-1, rhs.shape[-1]) if self.transpose_b and rhs.ndim > 1 else rhs.reshape(rhs.shape[0], -1)
        if self.transpose_a and lhs.ndim == 1:
            a = a.T
        return a, b.T if self.transpose_b and rhs.ndim == 1 else b

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return self.product(*self._matrices(lhs, rhs)).reshape(self.infer_shape(lhs.shape, rhs.shape)[1])

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        a, b = self._matrices(lhs, rhs)
        rows, columns = a.shape[1 if self.transpose_a else 0], b.shape[0 if self.transpose_b else 1]
        left, right = self.gradients(grad.reshape(rows, columns), a, b)
        return left.reshape(lhs.shape), right.reshape(rhs.shape)


@register(name="linalg_gemm2")
@attrs.frozen
class Gemm2(_Product):
    """The products of two stacks of matrices, times a number: ``alpha · A B``.

    Args:
        A: of shape ``(..., n, k)``.
        B: of shape ``(..., k, m)``.
        transpose_a: whether the matrices of ``A`` are transposed first.
        transpose_b: whether those of ``B`` are transposed first.
        alpha: the factor.
        axis: must be -2, the axis of rows.

    Returns:
        The products, of shape ``(..., n, m)``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.linalg_gemm2(x, y, transpose_b=True).infer_shape(x=(5, 2, 3), y=(5, 4, 3))[1]
        [(5, 2, 4)]
    """

    inputs = ("A", "B")

    alpha: float = hyperparameter(1.0, number)
    axis: int = hyperparameter(-2, any_integer)

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        return self.alpha * self.product(*arrays)

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        return self.gradients(self.alpha * grad, *arrays)
