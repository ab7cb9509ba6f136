"""Base classes of what stands in for numbers and arrays in a rule: they overload operators and NumPy functions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore.kernel.rule.operations import ALIASES, OPERATORS


class Operand:
    """Passes every operation on it to ``_operate`` or ``_call``, which return the result."""

    __hash__ = object.__hash__

    _operate: Callable[..., Any]
    """``_operate(method, args)`` applies an operator, named like its method without underscores."""
    _call: Callable[..., Any]
    """``_call(function, name, args, keywords)`` calls a NumPy function."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        name = ALIASES.get(ufunc.__name__, ufunc.__name__) + ("" if method == "__call__" else f".{method}")
        return self._call(getattr(ufunc, method), name, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._call(function, function.__name__, args, kwargs)


def operated(name: str, *, swapped: bool = False) -> Callable[..., Any]:
    """Return the method that overloads an operator."""

    def method(self: Operand, *others: Any) -> Any:
        return self._operate(name, (*others, self) if swapped else (self, *others))

    return method


for _name in OPERATORS:
    setattr(Operand, f"__{_name}__", operated(_name))
    if hasattr(int, f"__r{_name}__"):
        setattr(Operand, f"__r{_name}__", operated(_name, swapped=True))

_PYTHON: dict[str, Any] = {"invert": operator.not_, "floor": math.floor, "ceil": math.ceil, "round": round}
_METHODS = {function: method for method, function in OPERATORS.items() if method not in _PYTHON}


class Number(Operand, float):
    """A number passed to a rule together with bare arrays: NumPy functions of such numbers return Python numbers, too.

    Otherwise ``np.minimum(1, lr)`` would be a ``numpy.float64``, and turn float32 arrays into float64.

    >>> import numpy as np
    >>> (np.minimum(Number(0.5), 1) * np.ones(1, np.float32)).dtype
    dtype('float32')

    Args:
        value: an int, a float or a bool.
    """

    __hash__ = float.__hash__
    value: float

    def __new__(cls, value: float) -> Number:
        """Keep the original value as well, so that an int stays an int."""
        self = super().__new__(cls, value)
        self.value = value
        return self

    def _operate(self, method: str, args: tuple[Any, ...]) -> Any:
        values = [plain(one) for one in args]
        if not all(type(one) in (int, float, bool) for one in values):
            return NotImplemented
        return Number((_PYTHON.get(method) or getattr(operator, f"__{method}__"))(*values))

    def _call(self, function: Callable[..., Any], name: str, args: Any, keywords: Any) -> Any:
        if any(isinstance(one, Operand) and not isinstance(one, Number) for one in args):
            return NotImplemented
        values = [one.value if isinstance(one, Number) else one for one in args]
        if not all(type(one) in (int, float, bool) for one in values) or keywords:
            return function(*values, **{key: plain(one) for key, one in keywords.items()})
        return self._operate(_METHODS[name], args) if name in _METHODS else Number(function(*values).item())


def plain(value: Any) -> Any:
    """Convert a number to Python's type."""
    return value.value if isinstance(value, Number) else value


def weak(value: Any) -> Any:
    """Wrap a number, Python's or NumPy's, as a :class:`Number`; return anything else unchanged."""
    value = value.item() if isinstance(value, (np.integer, np.floating)) else value
    return Number(value) if type(value) in (int, float) else value
