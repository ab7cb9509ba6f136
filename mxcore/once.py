"""Thread-safe caching, and the locks that a fork waits for."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

building = threading.RLock()
"""Held while code is compiled, and while parts of the core are imported on first use.

The child of a fork has no other threads, so anything they had started would never finish there, and the locks of the
compiler and of imports would stay locked. Therefore a fork waits for this lock.
"""

_PATIENCE = 10.0
"""The longest time that a fork waits, in seconds: an import may itself be waiting for the thread that forks."""

_awaited = [building]
_held: list[list[bool]] = []
_freed: weakref.WeakSet[Any] = weakref.WeakSet()


def await_before_fork(lock: Any) -> None:
    """Make forks also wait for another reentrant lock."""
    _awaited.append(lock)


def new_lock() -> Any:
    """Create a reentrant lock that no fork waits for; it is free in the child unless the forking thread holds it."""
    lock = threading.RLock()
    _freed.add(lock)
    return lock


def once(function: Callable[..., T]) -> Callable[..., T]:
    """Like :func:`functools.cache`, but threads that call it at the same time share one result, computed once.

    >>> from mxcore.once import once
    >>> @once
    ... def made(name):
    ...     return [name]
    >>> made("a") is made("a"), made("a") is made("b")
    (True, False)
    """
    answers = functools.cache(function)

    def waiting(*arguments: object) -> T:
        with building:
            return answers(*arguments)

    return functools.update_wrapper(functools.cache(waiting), function)  # takes no lock once there is a result


def _before() -> None:
    _held.append([lock.acquire(timeout=_PATIENCE) for lock in _awaited])


def _in_parent() -> None:
    for lock, held in zip(_awaited, _held.pop(), strict=False):
        if held:
            lock.release()


def _in_child() -> None:
    for lock, held in zip(_awaited, _held.pop(), strict=False):
        if held:
            lock.release()
        else:
            lock._at_fork_reinit()  # type: ignore[attr-defined] # its owner is not among us
    for lock in _freed:
        if not lock._is_owned():
            lock._at_fork_reinit()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
