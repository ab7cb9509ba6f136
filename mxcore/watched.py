"""A dict that counts its changes, so that whoever worked something out from it knows at once whether it still holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Watched"]

K = TypeVar("K")
V = TypeVar("V")


class Watched(dict[K, V]):
    """A dict whose ``changes`` is another number after every change."""

    changes = 0


def _counted(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    def changing(self: Watched[Any, Any], *arguments: Any, **keywords: Any) -> Any:
        self.changes += 1
        return method(self, *arguments, **keywords)

    changing.__name__, changing.__doc__ = name, method.__doc__
    return changing


for _name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Watched, _name, _counted(_name))
