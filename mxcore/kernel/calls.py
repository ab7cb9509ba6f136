"""Calls that are made in one go: the end of a step, which writes everything."""

from __future__ import annotations

import collections
import itertools
import operator
from collections.abc import Iterable
from typing import Any

__all__ = ["Call", "commit"]

Call = tuple[Any, ...]
"""A function that is C all the way down, and its arguments."""


def commit(calls: Iterable[Call]) -> None:
    """Make these calls one after the other.

    Signal handlers of Python run between two bytecodes, and here there are none: a handler that raises, as that of
    Ctrl-C does, finds the step before its first call or after its last.

    >>> from operator import setitem
    >>> made = {}
    >>> commit([(setitem, made, "weight", 1), (setitem, made, "count", 2)])
    >>> made
    {'weight': 1, 'count': 2}
    """
    table = tuple(calls)  # whatever makes them may be Python
    collections.deque(itertools.starmap(operator.call, table), 0)
