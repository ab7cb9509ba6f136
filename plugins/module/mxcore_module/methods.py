"""The operators that are methods of a symbol as well, such as ``symbol.reshape(...)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mxcore_module.compose import operator_function
from mxcore_module.graph import Symbol
from mxcore_module.operators import OPERATORS, find

__all__ = ["install"]

_NAMES = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "argmax", "argmax_channel", "argmin",
    "argsort", "broadcast_axes", "broadcast_like", "broadcast_to", "cbrt", "ceil", "clip", "cos", "cosh", "degrees",
    "depth_to_space", "diag", "exp", "expand_dims", "expm1", "fix", "flatten", "flip", "floor", "log", "log10", "log1p",
    "log2", "log_softmax", "max", "mean", "min", "nanprod", "nansum", "norm", "one_hot", "ones_like", "pad", "pick",
    "prod", "radians", "rcbrt", "reciprocal", "relu", "repeat", "reshape", "reshape_like", "rint", "round", "rsqrt",
    "shape_array", "sigmoid", "sign", "sin", "sinh", "size_array", "slice", "slice_axis", "slice_like", "softmax",
    "softmin", "sort", "space_to_depth", "split", "sqrt", "square", "squeeze", "sum", "swapaxes", "take",
    "tan", "tanh", "tile", "topk", "transpose", "trunc", "zeros_like",
)  # fmt: skip


def _method(name: str) -> Callable[..., Symbol]:
    def method(self: Symbol, *arguments: Any, **named: Any) -> Symbol:
        return operator_function(find(name), name)(self, *arguments, **named)

    method.__name__ = method.__qualname__ = name  # without the docstring of the function: help(mx.symbol.exp) has it
    return method


def install(*more: Callable[..., Symbol]) -> None:
    """Give Symbol its methods: operators, and other functions of a symbol."""
    for name in _NAMES:
        if name in OPERATORS:
            setattr(Symbol, name, _method(name))
    Symbol.astype = _method("cast")  # type: ignore[attr-defined]
    for function in more:
        setattr(Symbol, function.__name__, function)
