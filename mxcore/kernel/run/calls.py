"""Calls made in one go: the end of a step, which writes everything."""

from __future__ import annotations

import collections
import contextvars
import itertools
import operator
from collections.abc import Callable, Generator, Iterable
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

Call = tuple[Any, ...]
"""A function implemented entirely in C, and its arguments."""
Steps = Generator[None, None, Iterable[Call]]
"""A plan's step: it pauses after each stage that measures, and returns the calls that write."""


_quiet = contextvars.Context()
_quiet.run(np.seterr, all="ignore")


def quietly(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function without NumPy's warnings about overflows and invalid values, faster than with ``np.errstate``.

    >>> quietly(np.exp, 1000.0)
    np.float64(inf)
    """
    return _quiet.copy().run(function, *args, **kwargs)


def commit(calls: Iterable[Call]) -> None:
    """Make these calls one after the other.

    Python runs signal handlers between two bytecodes, and here there are none: if a handler raises, as Ctrl-C does,
    either no call or every call has been made. The iterable of calls must be implemented in C as well, which is true of
    lists, ``zip`` and ``itertools`` but not of generators.

    >>> from operator import setitem
    >>> made = {}
    >>> commit([(setitem, made, "weight", 1), (setitem, made, "count", 2)])
    >>> made
    {'weight': 1, 'count': 2}
    """
    _quiet.copy().run(collections.deque, itertools.starmap(operator.call, calls), 0)
