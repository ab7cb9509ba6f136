"""Python functions from generated source, which tracebacks and debuggers show like any other."""

from __future__ import annotations

import collections
import itertools
import linecache
import weakref
from typing import Any

_numbers = itertools.count(1)
_gone: collections.deque[str] = collections.deque()


def define(name: str, source: str, label: str, namespace: dict[str, Any]) -> Any:
    r"""The function of that name in a source, which :mod:`linecache` knows as long as the function exists.

    >>> add = define("add", "def add(x, y):\n    return x + y\n", "the sum", {})
    >>> add(1, 2)
    3
    >>> import inspect
    >>> print(inspect.getsource(add), end="")
    def add(x, y):
        return x + y

    Args:
        name: the function.
        source: what defines it.
        label: what it is, for tracebacks.
        namespace: the names that it uses; it is added to them.
    """
    while _gone:  # not when they went: the garbage collector may come by while linecache goes through its entries
        linecache.cache.pop(_gone.popleft(), None)
    file = f"<{label} {next(_numbers)}>"
    exec(compile(source, file, "exec"), namespace)
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    weakref.finalize(namespace[name], _gone.append, file).atexit = False
    return namespace[name]


def identifier(name: Any) -> str:
    """A name of the kernel in Python: what belongs to a wrapped rule is called ``inner/mean``, or the like.

    >>> identifier("inner/mean")
    'inner__mean'
    """
    return str(name).replace("/", "__")
