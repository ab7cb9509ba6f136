"""Arithmetic: the operators behind ``+``, ``-``, ``*`` and ``/`` between symbols, and between a symbol and a number."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import attrs

from mxcore import hyperparameter, number
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register

__all__ = [
    "Add",
    "AddScalar",
    "DivideScalar",
    "Multiply",
    "MultiplyScalar",
    "ScalarMinus",
    "Subtract",
    "SubtractScalar",
]


@attrs.frozen
class _Binary(Operator):
    """Two inputs of equal shapes; an unknown shape is taken from the other input."""

    inputs = ("lhs", "rhs")

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return any(shape is not None for shape in shapes)

    def infer_shape(self, lhs: Shape | None, rhs: Shape | None) -> Inferred:
        shape = rhs if lhs is None else lhs
        if shape is None or rhs not in (None, shape):
            raise ShapeError(f"lhs and rhs must have equal shapes (nothing is broadcast), got {lhs} and {rhs}")
        return (shape, shape), shape


@register("_plus", "_Plus", name="elemwise_add")
@attrs.frozen
class Add(_Binary):
    """The sum of two symbols of equal shapes, ``lhs + rhs``."""

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return lhs + rhs

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        return grad, grad


@register("_minus", "_Minus", name="elemwise_sub")
@attrs.frozen
class Subtract(_Binary):
    """The difference of two symbols of equal shapes, ``lhs - rhs``."""

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return lhs - rhs

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        return grad, -grad


@register("_mul", "_Mul", name="elemwise_mul")
@attrs.frozen
class Multiply(_Binary):
    """The product of two symbols of equal shapes, element by element, ``lhs * rhs``."""

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return lhs * rhs

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        return grad * rhs, grad * lhs


@attrs.frozen
class _Scalar(Operator):
    """One input of any shape and one number."""

    scalar: float = hyperparameter(number)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data


@register("_PlusScalar", name="_plus_scalar")
@attrs.frozen
class AddScalar(_Scalar):
    """Adds a number, ``data + scalar``."""

    def forward(self, run: Run, data: Array) -> Array:
        return data + self.scalar

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad,)


@register("_MinusScalar", name="_minus_scalar")
@attrs.frozen
class SubtractScalar(_Scalar):
    """Subtracts a number, ``data - scalar``."""

    def forward(self, run: Run, data: Array) -> Array:
        return data - self.scalar

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad,)


@register("_RMinusScalar", name="_rminus_scalar")
@attrs.frozen
class ScalarMinus(_Scalar):
    """Subtracts from a number, ``scalar - data``."""

    def forward(self, run: Run, data: Array) -> Array:
        return self.scalar - data

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (-grad,)


@register("_MulScalar", name="_mul_scalar")
@attrs.frozen
class MultiplyScalar(_Scalar):
    """Multiplies by a number, ``data * scalar``."""

    def forward(self, run: Run, data: Array) -> Array:
        return data * self.scalar

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad * self.scalar,)


@register("_DivScalar", name="_div_scalar")
@attrs.frozen
class DivideScalar(_Scalar):
    """Divides by a number, ``data / scalar``."""

    def forward(self, run: Run, data: Array) -> Array:
        return data / self.scalar

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad / self.scalar,)
