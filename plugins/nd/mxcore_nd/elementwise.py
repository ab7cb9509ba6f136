"""Functions of each element, under MXNet's names: each takes arrays or numbers, and ``out``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore_nd.array import bare, deliver, xp_of

_SAME = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "cos", "cosh", "degrees",
    "exp", "expm1", "floor", "log", "log10", "log1p", "log2", "negative", "radians", "rint", "sign", "sin", "sinh",
    "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip
UNARY: dict[str, Callable[[Any, Any], Any]] = {
    **{name: lambda xp, x, name=name: getattr(xp, name)(x) for name in _SAME},  # type: ignore[misc]
    "fix": lambda xp, x: xp.trunc(x),
    "identity": lambda xp, x: x.copy(),
    "isfinite": lambda xp, x: xp.isfinite(x).astype(x.dtype),
    "isinf": lambda xp, x: xp.isinf(x).astype(x.dtype),
    "isnan": lambda xp, x: xp.isnan(x).astype(x.dtype),
    "logical_not": lambda xp, x: (x == 0).astype(x.dtype),
    "ones_like": lambda xp, x: xp.ones_like(x),
    "rcbrt": lambda xp, x: 1 / xp.cbrt(x),
    "reciprocal": lambda xp, x: 1 / x,
    "relu": lambda xp, x: xp.maximum(x, 0),
    "round": lambda xp, x: xp.sign(x) * xp.floor(abs(x) + 0.5),  # halves away from zero
    "rsqrt": lambda xp, x: 1 / xp.sqrt(x),
    "sigmoid": lambda xp, x: 0.5 * xp.tanh(0.5 * x) + 0.5,
    "softsign": lambda xp, x: x / (1 + abs(x)),
    "zeros_like": lambda xp, x: xp.zeros_like(x),
}
_LOGIC = {
    "equal": "equal", "not_equal": "not_equal", "greater": "greater", "greater_equal": "greater_equal",
    "lesser": "less", "lesser_equal": "less_equal", "logical_and": "logical_and", "logical_or": "logical_or",
    "logical_xor": "logical_xor",
}  # fmt: skip
_ARITHMETIC = {
    "add": "add", "plus": "add", "subtract": "subtract", "sub": "subtract", "minus": "subtract",
    "multiply": "multiply", "mul": "multiply", "divide": "divide", "div": "divide", "true_divide": "divide",
    "modulo": "mod", "mod": "mod", "power": "power", "maximum": "maximum", "minimum": "minimum", "hypot": "hypot",
}  # fmt: skip
_PLAIN = (
    "add", "subtract", "multiply", "divide", "true_divide", "modulo", "power", "maximum", "minimum", *_LOGIC,
)  # fmt: skip
_BROADCAST = (
    "add", "plus", "sub", "minus", "mul", "div", "mod", "power", "maximum", "minimum", "hypot", *_LOGIC,
)  # fmt: skip


def unary(name: str) -> Callable[..., Any]:
    """Return the function of one array that MXNet calls by this name."""
    compute = UNARY[name]

    def apply(data: Any, out: Any = None, **_: Any) -> Any:
        return deliver(compute(xp_of(data), bare(data)), out)

    return _named(apply, name, f"Return ``{name}`` of each element, or write it into ``out``.")


def binary(name: str, shown: str) -> Callable[..., Any]:
    """Return the function of two arrays or numbers that MXNet calls by this name."""
    numpy_name, is_logic = _ARITHMETIC.get(name) or _LOGIC[name], name in _LOGIC

    def apply(lhs: Any, rhs: Any, out: Any = None, **_: Any) -> Any:
        found = getattr(xp_of(lhs, rhs), numpy_name)(bare(lhs), bare(rhs))
        if is_logic:
            found = found.astype(next((one.dtype for one in (lhs, rhs) if hasattr(one, "dtype")), np.float32))
        return deliver(found, out)

    what = f"Return ``{numpy_name}`` of the elements of two arrays or numbers, with broadcasting"
    return _named(apply, shown, f"{what}, or write it into ``out``.")


def _named(function: Any, name: str, text: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    function.__module__ = "mxcore_nd"
    named: Callable[..., Any] = function
    return named


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: unary(name) for name in UNARY},
    **{name: binary(name, name) for name in _PLAIN},
    **{f"broadcast_{name}": binary(name, f"broadcast_{name}") for name in _BROADCAST},
    **{f"elemwise_{name}": binary(name, f"elemwise_{name}") for name in ("add", "sub", "mul", "div")},
}


def clip(data: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **_: Any) -> Any:
    """Limit each element to the interval from ``a_min`` to ``a_max``.

    >>> import mxcore as mx
    >>> mx.nd.clip(mx.nd.array([-2, 0, 2]), -1, 1).asnumpy()
    array([-1.,  0.,  1.], dtype=float32)
    """
    return deliver(xp_of(data).clip(bare(data), bare(a_min), bare(a_max)), out)


def where(condition: Any, x: Any, y: Any, out: Any = None, **_: Any) -> Any:
    """Return elements of ``x`` where ``condition`` is not 0, else of ``y``; a 1-D condition may choose whole rows."""
    chosen, x, y = bare(condition) != 0, bare(x), bare(y)
    if chosen.ndim == 1 and x.ndim > 1:
        chosen = chosen.reshape(-1, *[1] * (x.ndim - 1))
    return deliver(xp_of(condition).where(chosen, x, y), out)


def add_n(*args: Any, out: Any = None, **_: Any) -> Any:
    """Return the sum of all arrays."""
    total = bare(args[0]).copy()
    for one in args[1:]:
        total += bare(one)
    return deliver(total, out)


def cast(data: Any, dtype: Any, out: Any = None, **_: Any) -> Any:
    """Return the values in another dtype."""
    return deliver(bare(data).astype(dtype), out)


def hard_sigmoid(data: Any, alpha: float = 0.2, beta: float = 0.5, out: Any = None, **_: Any) -> Any:
    """Return ``alpha * x + beta``, limited to the interval from 0 to 1."""
    return deliver(xp_of(data).clip(alpha * bare(data) + beta, 0, 1), out)


def smooth_l1(data: Any, scalar: float = 1.0, out: Any = None, **_: Any) -> Any:
    """Return ``(s·x)²/2`` where ``|x| < 1/s²``, and ``|x| - 1/(2s²)`` elsewhere, for a ``scalar`` of s."""
    x, s = bare(data), scalar * scalar
    return deliver(xp_of(data).where(abs(x) < 1 / s, 0.5 * s * x * x, abs(x) - 0.5 / s), out)
