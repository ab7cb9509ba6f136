"""Automatic names for nodes: ``fullyconnected0``, ``fullyconnected1``, and so on.

>>> with NameManager() as names:
...     names.get(None, "fc"), names.get(None, "fc"), names.get("mine", "fc")
('fc0', 'fc1', 'mine')
"""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar, Token
from typing import Self

__all__ = ["NameManager", "Prefix", "current"]


class NameManager:
    """Counts the nodes of each operator. In a ``with`` block, names are counted from 0.

    Outside any block, the whole process shares one manager, so names depend on what was created before.

    >>> import mxcore as mx
    >>> with mx.name.NameManager():
    ...     hidden = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=8)
    ...     net = mx.symbol.FullyConnected(hidden, num_hidden=2)
    >>> net.list_arguments()[1:]
    ['fullyconnected0_weight', 'fullyconnected0_bias', 'fullyconnected1_weight', 'fullyconnected1_bias']
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._tokens: list[Token[NameManager]] = []

    def get(self, name: str | None, hint: str) -> str:
        """Return ``name`` if there is one, else ``hint`` with the next number."""
        if name:
            return name
        number = self._counts[hint]
        self._counts[hint] += 1
        return f"{hint}{number}"

    def reset(self) -> None:
        """Count from 0 again."""
        self._counts.clear()

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())


class Prefix(NameManager):
    """A manager that puts ``prefix`` before every name, whether given or automatic.

    >>> with Prefix("encoder_") as names:
    ...     names.get("fc", "fullyconnected"), names.get(None, "fullyconnected")
    ('encoder_fc', 'encoder_fullyconnected0')
    """

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        """Return the prefix and the name that :class:`NameManager` would give."""
        return self._prefix + super().get(name, hint)


_current: ContextVar[NameManager] = ContextVar("names", default=NameManager())  # noqa: B039  # counts for the process


def current() -> NameManager:
    """Return the manager of the innermost ``with`` block, or that of the process.

    >>> import mxcore as mx
    >>> with mx.name.Prefix("encoder_") as names:
    ...     mx.name.current() is names
    True
    """
    return _current.get()
