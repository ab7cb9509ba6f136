"""Dicts that note their changes, so that what was worked out from them is known to hold without another look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Version:
    """A number that goes up with every change of whatever it is the version of."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Watched(dict[K, V]):
    """A dict whose ``version`` goes up with every change; several may share one."""

    # Unpickling sets items before attributes: those changes are noted here, where nobody looks.
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
