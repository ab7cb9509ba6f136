"""Python functions from generated source code, which tracebacks and debuggers show as usual."""

from __future__ import annotations

import collections
import itertools
import linecache
import weakref
from typing import Any

_numbers = itertools.count(1)
_gone: collections.deque[str] = collections.deque()


def define(name: str, source: str, label: str, namespace: dict[str, Any]) -> Any:
    r"""Define a function from source code, which :mod:`linecache` knows as long as the function exists.

    >>> add = define("add", "def add(x, y):\n    return x + y\n", "the sum", {})
    >>> add(1, 2)
    3
    >>> import inspect
    >>> print(inspect.getsource(add), end="")
    def add(x, y):
        return x + y

    Args:
        name: the function's name.
        source: the code that defines it.
        label: a description, for tracebacks.
        namespace: the names that it uses; the function is added to it.
    """
    while _gone:  # not in a finalizer: the garbage collector may run while linecache iterates over its entries
        linecache.cache.pop(_gone.popleft(), None)
    file = f"<{label} {next(_numbers)}>"
    exec(compile(source, file, "exec"), namespace)
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    weakref.finalize(namespace[name], _gone.append, file).atexit = False
    return namespace[name]


def identifier(name: Any) -> str:
    """Turn a name of the kernel into a Python identifier: names of a wrapped rule contain slashes.

    >>> identifier("inner/mean")
    'inner__mean'
    """
    return str(name).replace("/", "__")
