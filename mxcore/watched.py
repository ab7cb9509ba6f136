"""Dicts that record their changes, so that values computed from them can be known to be still valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Version:
    """A number that increases with every change of the object to which it belongs."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Watched(dict[K, V]):
    """A dict whose ``version`` increases with every change; several dicts may share one version."""

    # Unpickling sets items before attributes: those changes are recorded here and ignored.
    version = Version()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.version = Version()


def _noted(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    def changing(self: Watched[Any, Any], *arguments: Any, **keywords: Any) -> Any:
        self.version.number += 1
        return method(self, *arguments, **keywords)

    changing.__name__, changing.__doc__ = name, method.__doc__
    return changing


for _name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Watched, _name, _noted(_name))
