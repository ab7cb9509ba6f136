"""Attributes of nodes, such as a parameter's multipliers, kept as strings so that they can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore.initializer import Initializer, create

__all__ = ["checked", "initializer_text", "marked", "read_dtype", "variable_attributes"]

# MXNet's numbers for dtypes, which its files contain.
_DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")


def variable_attributes(*, shape: Any, lr_mult: Any, wd_mult: Any, dtype: Any, init: Any) -> dict[str, str]:
    """Return the attributes for the arguments of a Variable; arguments that are None are left out."""
    texts = {
        "__shape__": None if shape is None else str(tuple(int(size) for size in shape)),
        "__lr_mult__": multiplier("lr_mult", lr_mult),
        "__wd_mult__": multiplier("wd_mult", wd_mult),
        "__dtype__": None if dtype is None else _dtype_text(dtype),
        "__init__": None if init is None else initializer_text(init),
    }
    return {key: text for key, text in texts.items() if text is not None}


def multiplier(name: str, value: Any) -> str | None:
    """Return a multiplier as a string.

    Raises:
        ValueError: it is not a number.
    """
    if value is None:
        return None
    try:
        float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    return str(value)


def initializer_text(init: Any) -> str:
    """Return the string of an initializer, from which :func:`mxcore.initializer.create` creates it.

    Raises:
        TypeError: ``init`` is neither an initializer nor a string.
    """
    if isinstance(init, Initializer):
        return init.dumps()
    if isinstance(init, dict):
        return create(init).dumps()
    if not isinstance(init, str):
        raise TypeError(f"init must be an initializer or a string, such as 'xavier', got {init!r}")
    return init if init.lstrip()[:1] in ("[", "{") else f'["{init}", {{}}]'


def _dtype_text(dtype: Any) -> str:
    name = np.dtype(dtype).name
    if name not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}, got {name}")
    return str(_DTYPES.index(name))


def read_dtype(text: str) -> np.dtype[Any]:
    """Return the dtype of an attribute ``__dtype__``, which is MXNet's number or a name."""
    return np.dtype(_DTYPES[int(text)] if text.isdigit() else text)


_MARKED = ("ctx_group", "force_mirroring", "lr_mult", "mirror_stage", "wd_mult")
"""The attributes that MXNet stores with underscores even if they are given without."""


def marked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes by the names under which they are stored: ``lr_mult`` as ``__lr_mult__``."""
    return {f"__{key}__" if key in _MARKED else key: value for key, value in given.items()}


def checked(given: Mapping[str, Any], owner: str, *, dunder: bool = False) -> dict[str, str]:
    """Check that attributes given by a user are strings, and return them.

    Raises:
        ValueError: one is not a string, or ``dunder`` is set and a name does not have the form ``__mine__``.
    """
    given = marked(given)
    for key, value in given.items():
        if dunder and not (key.startswith("__") and key.endswith("__")):
            raise ValueError(f"{owner!r}: unknown argument {key!r}; an attribute has a name such as '__{key}__'")
        if not isinstance(value, str):
            raise ValueError(f"{owner!r}: the attribute {key!r} must be a string, got {value!r}")
    return dict(given)
