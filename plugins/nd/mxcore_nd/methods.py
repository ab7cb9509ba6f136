"""The functions of ``mx.nd`` that are methods of an NDArray as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mxcore_nd import choosing, creation, elementwise, reductions, shaping
from mxcore_nd.array import NDArray

_SHAPES = (
    "broadcast_axes", "broadcast_like", "broadcast_to", "diag", "expand_dims", "flatten", "flip", "repeat", "reshape",
    "reshape_like", "shape_array", "size_array", "slice", "slice_axis", "slice_like", "squeeze", "swapaxes", "tile",
    "transpose",
)  # fmt: skip


def _clip(self: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **_: Any) -> Any:
    return elementwise.clip(self, a_min, a_max, out)


def _from_axis(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reduction as a method, which may be called as NumPy calls it, with ``dtype`` and ``out``."""

    def method(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        exclude: bool = False,
        **_: Any,
    ) -> Any:
        if isinstance(dtype, bool):  # MXNet's second argument by position is keepdims
            dtype, keepdims = None, dtype
        return function(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims, exclude=exclude)

    return method


def _all_axes(self: Any) -> Any:
    return shaping.transpose(self)


def _dot(self: Any, other: Any, out: Any = None, **named: Any) -> Any:
    return choosing.dot(self, other, out=out, **named)


def _add(name: str, function: Any) -> None:
    """Add a method, without the docstring of the function: help(mx.nd.clip) has it."""
    if not isinstance(function, property):
        given = function

        def function(self: Any, *arguments: Any, **named: Any) -> Any:
            return given(self, *arguments, **named)

        function.__name__ = function.__qualname__ = name
    setattr(NDArray, name, function)


def install() -> None:
    """Give NDArray its methods."""
    for name in elementwise.UNARY:
        if name not in ("identity", "logical_not", "isfinite", "isinf", "isnan"):
            _add(name, elementwise.FUNCTIONS[name])
    for name in ("sum", "mean", "max", "min", "prod", "nansum", "nanprod"):
        _add(name, _from_axis(reductions.FUNCTIONS[name]))
    for name in ("argmax", "argmin"):
        _add(name, reductions.FUNCTIONS[name])
    for name in ("norm", "softmax", "log_softmax", "softmin", "argmax_channel"):
        _add(name, getattr(reductions, name))
    for name in _SHAPES:
        _add(name, getattr(shaping, "broadcast_axis" if name == "broadcast_axes" else name))
    for name in ("take", "pick", "sort", "argsort", "topk"):
        _add(name, getattr(choosing, name))
    for name in ("one_hot", "split", "split_v2"):
        _add(name, getattr(creation, name))
    for name, method in {"clip": _clip, "T": property(_all_axes), "dot": _dot, "item": NDArray.asscalar}.items():
        _add(name, method)
