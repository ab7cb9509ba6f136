"""The element-wise functions of one array, in one table, such as ``exp``."""

# ruff: noqa: D102  # the methods are those of Operator

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from mxcore import hyperparameter, number
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, derived, register
from mxcore_module.operators.special import erf

__all__ = ["FUNCTIONS", "Function", "HardSigmoid", "SmoothL1", "sigmoid"]


def sigmoid(xp: Any, x: Array) -> Array:
    """Return ``1 / (1 + e⁻ˣ)``, as ``exp(-log(1 + e⁻ˣ))``, which neither overflows nor loses small values."""
    return xp.exp(-xp.logaddexp(0, -x))


@attrs.frozen
class Function:
    """A function ``y`` of ``x``.

    Attributes:
        value: the function; it takes the array library and ``x``.
        slope: its derivative; it takes the array library, ``x`` and ``y``. None if it is 0 wherever it exists.
        shown: the formula.
    """

    value: Callable[[Any, Array], Array]
    slope: Callable[[Any, Array, Array], Any] | None
    shown: str = ""

    def pulled(self, xp: Any, grad: Array, x: Array, y: Array) -> Array | None:
        """Return the gradient with respect to ``x``, given that with respect to ``y``."""
        return None if self.slope is None else grad * self.slope(xp, x, y)


def _same(name: str, slope: Callable[[Any, Array, Array], Any] | None) -> Function:
    return Function(lambda xp, x: getattr(xp, name)(x), slope, f"{name}(x)")


FUNCTIONS = {
    "abs": _same("abs", lambda xp, x, _: xp.sign(x)),
    "sign": _same("sign", None),
    "rint": _same("rint", None),
    "ceil": _same("ceil", None),
    "floor": _same("floor", None),
    "trunc": _same("trunc", None),
    "fix": Function(lambda xp, x: xp.trunc(x), None, "trunc(x)"),
    "round": Function(lambda xp, x: xp.sign(x) * xp.floor(abs(x) + 0.5), None, "round(x), halves away from 0"),
    "square": Function(lambda _, x: x * x, lambda _, x, __: 2 * x, "x²"),
    "sqrt": _same("sqrt", lambda _, __, y: 0.5 / y),
    "rsqrt": Function(lambda xp, x: 1 / xp.sqrt(x), lambda _, __, y: -0.5 * y * y * y, "1 / √x"),
    "cbrt": _same("cbrt", lambda _, __, y: 1 / (3 * y * y)),
    "rcbrt": Function(lambda xp, x: 1 / xp.cbrt(x), lambda _, __, y: -(y**4) / 3, "1 / ∛x"),
    "exp": _same("exp", lambda _, __, y: y),
    "expm1": _same("expm1", lambda _, __, y: y + 1),
    "log": _same("log", lambda _, x, __: 1 / x),
    "log10": _same("log10", lambda _, x, __: 1 / (math.log(10) * x)),
    "log2": _same("log2", lambda _, x, __: 1 / (math.log(2) * x)),
    "log1p": _same("log1p", lambda _, x, __: 1 / (1 + x)),
    "reciprocal": Function(lambda _, x: 1 / x, lambda _, __, y: -y * y, "1 / x"),
    "negative": Function(lambda _, x: -x, lambda *_: -1, "-x"),
    "sin": _same("sin", lambda xp, x, _: xp.cos(x)),
    "cos": _same("cos", lambda xp, x, _: -xp.sin(x)),
    "tan": _same("tan", lambda _, __, y: 1 + y * y),
    "arcsin": _same("arcsin", lambda xp, x, _: 1 / xp.sqrt(1 - x * x)),
    "arccos": _same("arccos", lambda xp, x, _: -1 / xp.sqrt(1 - x * x)),
    "arctan": _same("arctan", lambda _, x, __: 1 / (1 + x * x)),
    "sinh": _same("sinh", lambda xp, x, _: xp.cosh(x)),
    "cosh": _same("cosh", lambda xp, x, _: xp.sinh(x)),
    "tanh": _same("tanh", lambda _, __, y: 1 - y * y),
    "arcsinh": _same("arcsinh", lambda xp, x, _: 1 / xp.sqrt(x * x + 1)),
    "arccosh": _same("arccosh", lambda xp, x, _: 1 / xp.sqrt(x * x - 1)),
    "arctanh": _same("arctanh", lambda _, x, __: 1 / (1 - x * x)),
    "degrees": _same("degrees", lambda *_: 180 / math.pi),
    "radians": _same("radians", lambda *_: math.pi / 180),
    "relu": Function(lambda xp, x: xp.maximum(x, 0), lambda _, __, y: y > 0, "max(x, 0)"),
    "sigmoid": Function(sigmoid, lambda _, __, y: y * (1 - y), "1 / (1 + e⁻ˣ)"),
    "softrelu": Function(lambda xp, x: xp.logaddexp(x, 0), lambda xp, _, y: -xp.expm1(-y), "log(1 + eˣ)"),
    "softsign": Function(lambda _, x: x / (1 + abs(x)), lambda _, __, y: (1 - abs(y)) ** 2, "x / (1 + |x|)"),
    "erf": Function(erf, lambda xp, x, _: 2 / math.sqrt(math.pi) * xp.exp(-x * x), "2/√π ∫₀ˣ exp(-t²) dt"),
    "logical_not": Function(lambda _, x: (x == 0).astype(x.dtype), None, "1 where x is 0, else 0"),
    "zeros_like": Function(lambda xp, x: xp.zeros_like(x), None, "0"),
    "ones_like": Function(lambda xp, x: xp.ones_like(x), None, "1"),
    "_copy": Function(lambda _, x: x, lambda *_: 1, "x"),
}
"""All functions, by name; ``softrelu`` is only a value of ``act_type``."""

_ALIASES = {"_copy": ("identity",)}


@attrs.frozen
class Elementwise(Operator):
    """The base class of the operators of this table."""

    function: ClassVar[Function]
    partial = True

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (output,) * len(shapes)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return self.function.value(run.xp, data)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (self.function.pulled(run.xp, grad, data, run.output),)


for _name, _function in FUNCTIONS.items():
    if _name != "softrelu":
        derived(
            Elementwise,
            _name,
            *_ALIASES.get(_name, ()),
            doc=f"Each element of an array through a function: ``{_function.shown}``.",
            function=_function,
        )


@register(name="hard_sigmoid")
@attrs.frozen
class HardSigmoid(Operator):
    """``alpha · x + beta`` for each element, limited to the interval from 0 to 1.

    Args:
        data: ``x``, of any shape.
        alpha: the slope.
        beta: the value at 0.

    Returns:
        The result, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.hard_sigmoid(x).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    alpha: float = hyperparameter(0.2, number)
    beta: float = hyperparameter(0.5, number)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return (self.alpha * data + self.beta).clip(0, 1)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad * ((run.output > 0) & (run.output < 1)) * self.alpha,)


@register(name="smooth_l1")
@attrs.frozen
class SmoothL1(Operator):
    """A loss for each element: ``(s x)² / 2`` where ``|x| < 1/s²``, and ``|x| - 1/(2 s²)`` elsewhere.

    Args:
        data: ``x``, of any shape.
        scalar: ``s``.

    Returns:
        The loss, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.smooth_l1(x - y, scalar=1).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    scalar: float = hyperparameter(1.0, number)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        square = self.scalar**2
        return run.xp.where(abs(data) < 1 / square, 0.5 * square * data * data, abs(data) - 0.5 / square)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad * (self.scalar**2 * data).clip(-1, 1),)
