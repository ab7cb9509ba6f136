"""Attributes of nodes: what is said about a parameter, kept as text so that it can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore.initializer import Initializer, create

__all__ = ["checked", "initializer_text", "read_dtype", "variable_attributes"]

# MXNet's numbers for element types, which its files hold.
_DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")


def variable_attributes(*, shape: Any, lr_mult: Any, wd_mult: Any, dtype: Any, init: Any) -> dict[str, str]:
    """The attributes that the arguments of a Variable stand for; None is not said."""
    texts = {
        "__shape__": None if shape is None else str(tuple(int(size) for size in shape)),
        "__lr_mult__": multiplier("lr_mult", lr_mult),
        "__wd_mult__": multiplier("wd_mult", wd_mult),
        "__dtype__": None if dtype is None else _dtype_text(dtype),
        "__init__": None if init is None else initializer_text(init),
    }
    return {key: text for key, text in texts.items() if text is not None}


def multiplier(name: str, value: Any) -> str | None:
    """A multiplier as text.

    Raises:
        ValueError: it is no number.
    """
    if value is None:
        return None
    try:
        float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    return str(value)


def initializer_text(init: Any) -> str:
    """The text of an initializer, from which :func:`mxcore.initializer.create` makes it.

    Raises:
        TypeError: ``init`` is neither an initializer nor text.
    """
    if isinstance(init, Initializer):
        return init.dumps()
    if isinstance(init, dict):
        return create(init).dumps()
    if not isinstance(init, str):
        raise TypeError(f"init must be an initializer or its text, such as 'xavier', got {init!r}")
    return init if init.lstrip()[:1] in ("[", "{") else f'["{init}", {{}}]'


def _dtype_text(dtype: Any) -> str:
    name = np.dtype(dtype).name
    if name not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}, got {name}")
    return str(_DTYPES.index(name))


def read_dtype(text: str) -> np.dtype[Any]:
    """The element type that an attribute ``__dtype__`` stands for: MXNet's number, or a name."""
    return np.dtype(_DTYPES[int(text)] if text.isdigit() else text)


def checked(given: Mapping[str, Any], owner: str, *, dunder: bool = False) -> dict[str, str]:
    """Attributes that a user gave, found to be text.

    Raises:
        ValueError: one is not text, or ``dunder`` is set and a name is not one such as ``__mine__``.
    """
    for key, value in given.items():
        if dunder and not (key.startswith("__") and key.endswith("__")):
            raise ValueError(f"{owner!r}: unknown argument {key!r}; the name of an attribute is like '__{key}__'")
        if not isinstance(value, str):
            raise ValueError(f"{owner!r}: the attribute {key!r} must be text, got {value!r}")
    return dict(given)
