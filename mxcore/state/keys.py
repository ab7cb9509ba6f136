"""Indices of parameters, and other keys, as JSON and back."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np

from mxcore.state.place import Place


def encode(key: Any, label: str) -> Any:
    """The JSON form of a key: text, a number, None, a member of an Enum, or a tuple or frozenset of these.

    Raises:
        TypeError: it is anything else; the message begins with ``label``.
    """
    if isinstance(key, np.generic):
        key = key.item()
    if key is None or isinstance(key, (str, int, float)):  # Enums of these are equal to their values
        return key.value if isinstance(key, Enum) else key
    if isinstance(key, tuple):
        return {"tuple": [encode(item, label) for item in key]}
    if isinstance(key, frozenset):
        return {"frozenset": sorted((encode(item, label) for item in key), key=repr)}
    if isinstance(key, Enum) and key.name in type(key).__members__:
        return {"enum": [type(key).__module__, type(key).__qualname__, key.name]}
    raise TypeError(f"{label}: {key!r} is neither text, a number nor an Enum, nor a tuple or frozenset of these")


def decode(place: Place) -> Any:
    """The key that :func:`encode` encoded.

    Raises:
        ValueError: it is none, or a member of an Enum that this program does not have. Nothing is imported.
    """
    if isinstance(place.value, dict) and len(place.value) == 1:
        ((kind, content),) = place.items()
        if kind in ("tuple", "frozenset"):
            items = [decode(item) for item in content.list()]
            return tuple(items) if kind == "tuple" else frozenset(items)
        if kind == "enum":
            return _member(content)
    if isinstance(place.value, (dict, list)):
        raise place.error("a key: text, a number, a tuple, a frozenset or a member of an Enum")
    return place.value


def _member(place: Place) -> Enum:
    module, name, member = (item.text() for item in place.list(3))
    found = [one for one in _enums(Enum) if (one.__module__, one.__qualname__) == (module, name)]
    if not found or member not in found[-1].__members__:
        raise ValueError(f"{place.where} is {name}.{member} of the module {module}: import it first")
    return found[-1].__members__[member]


def _enums(parent: type[Enum]) -> Iterator[type[Enum]]:
    for cls in parent.__subclasses__():
        yield cls
        yield from _enums(cls)
