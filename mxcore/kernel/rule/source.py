"""Python functions from generated source, which tracebacks and debuggers show like any other."""

from __future__ import annotations

import itertools
import linecache
import weakref
from typing import Any

_numbers = itertools.count(1)


def define(name: str, source: str, label: str, namespace: dict[str, Any]) -> Any:
    r"""The function of that name in a source, which is known to :mod:`linecache` as long as the function exists.

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
    file = f"<{label} {next(_numbers)}>"
    exec(compile(source, file, "exec"), namespace)
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    weakref.finalize(namespace[name], linecache.cache.pop, file, None).atexit = False
    return namespace[name]
