"""Attributes for all symbols of a block: ``mx.AttrScope``, also ``mx.attribute.AttrScope``."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Self

from mxcore_module.attributes import marked

__all__ = ["AttrScope", "current"]


class AttrScope:
    """Gives attributes to all symbols that are created in a ``with`` block. An inner block adds to an outer one.

    >>> import mxcore as mx
    >>> with mx.AttrScope(__lr_mult__="2", __group__="stage1"):
    ...     layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=3, name="fc")
    >>> layer.attr("__group__"), layer.attr_dict()["fc_weight"]["__lr_mult__"]
    ('stage1', '2')

    Args:
        kwargs: the attributes, strings by name.

    Raises:
        ValueError: one is not a string.
    """

    def __init__(self, **kwargs: str) -> None:
        for name, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError(f"an attribute must be a string, got {value!r} for {name!r}")
        self._attributes = marked(kwargs)
        self._tokens: list[Token[AttrScope | None]] = []

    def get(self, attr: Mapping[str, str] | None) -> dict[str, str]:
        """Return the attributes of the block with those of a symbol, which come first.

        >>> AttrScope(__a__="1", __b__="1").get({"__b__": "2"})
        {'__a__': '1', '__b__': '2'}
        """
        return {**self._attributes, **marked(attr or {})}

    def __enter__(self) -> Self:
        outer = _current.get()
        if outer is not None:
            self._attributes = {**outer._attributes, **self._attributes}
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())


_current: ContextVar[AttrScope | None] = ContextVar("attributes", default=None)


def current() -> AttrScope:
    """Return the scope of the innermost ``with`` block, or an empty one.

    >>> import mxcore as mx
    >>> with mx.AttrScope(__group__="a") as scope:
    ...     mx.attribute.current() is scope
    True
    """
    return _current.get() or AttrScope()
