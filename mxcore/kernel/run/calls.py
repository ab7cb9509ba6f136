"""Calls that are made in one go: the end of a step, which writes everything."""

from __future__ import annotations

import collections
import contextvars
import itertools
import operator
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

Call = tuple[Any, ...]
"""A function that is C all the way down, and its arguments."""


_quiet = contextvars.Context()
_quiet.run(np.seterr, all="ignore")


def quietly(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function without NumPy's warnings of overflows and invalid values. It takes an eighth of ``np.errstate``.

    >>> quietly(np.exp, 1000.0)
    np.float64(inf)
    """
    return _quiet.copy().run(function, *args, **kwargs)


def commit(calls: Iterable[Call]) -> None:
    """Make these calls one after the other.

    Signal handlers of Python run between two bytecodes, and here there are none: a handler that raises, as that of
    Ctrl-C does, finds the step before its first call or after its last. What lists the calls must be C as well, as
    lists, ``zip`` and ``itertools`` are, and generators are not.

    >>> from operator import setitem
    >>> made = {}
    >>> commit([(setitem, made, "weight", 1), (setitem, made, "count", 2)])
    >>> made
    {'weight': 1, 'count': 2}
    """
    _quiet.copy().run(collections.deque, itertools.starmap(operator.call, calls), 0)
