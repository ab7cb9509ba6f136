"""The element-wise functions of two arrays, or of an array and a number, in one table.

From each formula there are the operators that want equal shapes (``elemwise_add``, ``_maximum``), those that broadcast
(``broadcast_add``), and those with a number (``_plus_scalar``, ``_rminus_scalar``).
"""

# the methods are those of Operator

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from mxcore import hyperparameter, number
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, derived, merged

__all__ = ["FORMULAS", "Formula", "summed_to"]

Gradient = Callable[[Any, Array, Any, Any, Array], Array]


@attrs.frozen
class Formula:
    """A function ``y`` of ``a`` and ``b``.

    Attributes:
        shown: the formula.
        value: the function; it takes the array library, ``a`` and ``b``.
        left: the gradient of ``a``; it takes the array library, the gradient of ``y``, ``a``, ``b`` and ``y``.
        right: that of ``b``.
    """

    shown: str
    value: Callable[[Any, Any, Any], Array]
    left: Gradient | None = None
    right: Gradient | None = None


def _compared(shown: str, name: str) -> Formula:
    def value(xp: Any, a: Any, b: Any) -> Array:
        return getattr(xp, name)(a, b).astype(getattr(a, "dtype", None) or b.dtype)

    return Formula(shown, value)


def _modulo(xp: Any, a: Any, b: Any) -> Array:
    if not hasattr(b, "dtype"):
        return xp.mod(a, b) if b else a * 0  # MXNet's remainder of a division by 0 is 0
    divisor = xp.where(b == 0, xp.ones_like(b), b)
    return xp.mod(a, divisor) * (b != 0)


FORMULAS = {
    "add": Formula("a + b", lambda _, a, b: a + b, lambda _, g, *__: g, lambda _, g, *__: g),
    "sub": Formula("a - b", lambda _, a, b: a - b, lambda _, g, *__: g, lambda _, g, *__: -g),
    "mul": Formula("a · b", lambda _, a, b: a * b, lambda _, g, a, b, y: g * b, lambda _, g, a, b, y: g * a),
    "div": Formula("a / b", lambda _, a, b: a / b, lambda _, g, a, b, y: g / b, lambda _, g, a, b, y: -g * y / b),
    "mod": Formula("a mod b", _modulo, lambda _, g, *__: g, lambda xp, g, a, b, y: -g * xp.floor(a / b)),
    "power": Formula(
        "aᵇ", lambda xp, a, b: xp.power(a, b), lambda xp, g, a, b, y: g * b * xp.power(a, b - 1),
        lambda xp, g, a, b, y: g * y * xp.log(xp.asarray(a, dtype=y.dtype))),
    "maximum": Formula(
        "max(a, b)", lambda xp, a, b: xp.maximum(a, b), lambda _, g, a, b, y: g * (a >= b),
        lambda _, g, a, b, y: g * (a < b)),
    "minimum": Formula(
        "min(a, b)", lambda xp, a, b: xp.minimum(a, b), lambda _, g, a, b, y: g * (a <= b),
        lambda _, g, a, b, y: g * (a > b)),
    "hypot": Formula(
        "√(a² + b²)", lambda xp, a, b: xp.hypot(a, b), lambda _, g, a, b, y: g * a / y,
        lambda _, g, a, b, y: g * b / y),
    "equal": _compared("a = b", "equal"),
    "not_equal": _compared("a ≠ b", "not_equal"),
    "greater": _compared("a > b", "greater"),
    "greater_equal": _compared("a ≥ b", "greater_equal"),
    "lesser": _compared("a < b", "less"),
    "lesser_equal": _compared("a ≤ b", "less_equal"),
    "logical_and": _compared("a and b", "logical_and"),
    "logical_or": _compared("a or b", "logical_or"),
    "logical_xor": _compared("a xor b", "logical_xor"),
}  # fmt: skip
"""All formulas; a comparison is 1 where it holds, else 0."""


@attrs.frozen
class Binary(Operator):
    """Two inputs of equal shapes; an unknown shape is taken from the other input."""

    inputs = ("lhs", "rhs")
    formula: ClassVar[Formula]
    partial = True

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (output,) * len(shapes)

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return any(shape is not None for shape in shapes)

    def infer_shape(self, lhs: Shape | None, rhs: Shape | None) -> Inferred:
        shape = merged(lhs, rhs)
        if shape is None:
            raise ShapeError(f"lhs and rhs must have equal shapes, got {lhs} and {rhs}: use mx.symbol.broadcast_…")
        return (shape, shape), shape

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return self.formula.value(run.xp, lhs, rhs)

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        both = zip((self.formula.left, self.formula.right), run.wanted, strict=True)
        return tuple(
            part(run.xp, grad, lhs, rhs, run.output) if part is not None and wanted else None for part, wanted in both
        )


def summed_to(grad: Array | None, shape: Shape) -> Array | None:
    """Return a gradient summed over the axes along which an array of this shape was broadcast."""
    if grad is None or grad.shape == shape:
        return grad
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    longer = tuple(axis for axis, size in enumerate(shape) if size == 1 != grad.shape[axis])
    return grad.sum(axis=longer, keepdims=True)


@attrs.frozen
class Broadcast(Binary):
    """Two inputs that are broadcast to a common shape."""

    partial = False

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return None, None

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, lhs: Shape, rhs: Shape) -> Inferred:  # type: ignore[override]  # see can_infer
        length = max(len(lhs), len(rhs))
        pairs = list(zip((1,) * (length - len(lhs)) + lhs, (1,) * (length - len(rhs)) + rhs, strict=True))
        if any(one != other and 1 not in (one, other) for one, other in pairs):
            raise ShapeError(f"cannot broadcast {lhs} and {rhs}: sizes must be equal or 1")
        return (lhs, rhs), tuple(max(pair) if 0 not in pair else 0 for pair in pairs)

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        left, right = super().backward(run, grad, lhs, rhs)
        return summed_to(left, lhs.shape), summed_to(right, rhs.shape)


@attrs.frozen
class Scalar(Operator):
    """One input and a number, which comes second."""

    formula: ClassVar[Formula]
    partial = True

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (output,) * len(shapes)

    scalar: float = hyperparameter(number)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return self.formula.value(run.xp, data, self.scalar)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        left = self.formula.left
        return (None if left is None else left(run.xp, grad, data, self.scalar, run.output),)


@attrs.frozen
class ReversedScalar(Scalar):
    """One input and a number, which comes first."""

    def forward(self, run: Run, data: Array) -> Array:
        return self.formula.value(run.xp, self.scalar, data)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        right = self.formula.right
        return (None if right is None else right(run.xp, grad, self.scalar, data, run.output),)


# MXNet's names: the part of the operator's name, and of the alias by which Python operators call it.
_SPELLED = {"add": "plus", "sub": "minus"}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _define(name: str, formula: Formula) -> None:
    spelled = _SPELLED.get(name, name)
    camel = _camel(spelled)
    shown = formula.shown
    equal, aliases = (f"elemwise_{name}", (f"_{spelled}", f"_{camel}")) if name in ("add", "sub", "mul", "div") else (
        f"_{name}", (f"_{camel}",))  # fmt: skip
    derived(Binary, equal, *aliases, formula=formula, doc=f"``{shown}`` of two arrays of equal shapes.")
    more = (f"broadcast_{spelled}",) if spelled != name else ()
    derived(
        Broadcast, f"broadcast_{name}", *more, formula=formula, doc=f"``{shown}`` of two arrays, with broadcasting."
    )
    derived(
        Scalar, f"_{spelled}_scalar", f"_{camel}Scalar", formula=formula, doc=f"``{shown}`` for an array and a number."
    )
    if name in ("sub", "div", "mod", "power"):
        derived(
            ReversedScalar,
            f"_r{spelled}_scalar",
            f"_R{camel}Scalar",
            formula=formula,
            doc=f"``{shown}`` for a number and an array.",
        )


for _name, _formula in FORMULAS.items():
    _define(_name, _formula)
