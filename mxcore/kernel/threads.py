"""A small pool of threads for compiled code, which runs without the interpreter's lock."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

__all__ = ["get_num_threads", "parts_of", "run_parts", "set_num_threads", "threads_of"]

Part = tuple[int, int]
_Job = tuple[Callable[[int, int], None], Part, "SimpleQueue[BaseException | None]"]

_jobs: SimpleQueue[_Job] = SimpleQueue()
_started = 0
_lock = threading.Lock()


def _default() -> int:
    available = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(available)


_threads = _default()


def set_num_threads(count: int) -> None:
    """Let updates of many elements run on ``count`` threads; at first, on as many as this process has cores.

    Results do not depend on it. The kernel ``numpy`` runs on one thread, whatever ``count`` is.

    >>> import mxcore as mx
    >>> before = mx.get_num_threads()
    >>> mx.set_num_threads(1)
    >>> mx.get_num_threads()
    1
    >>> mx.set_num_threads(before)

    Raises:
        ValueError: ``count`` is not an integer of at least 1.
    """
    global _threads
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"the number of threads must be an integer of at least 1, got {count!r}")
    _threads = count


def get_num_threads() -> int:
    """The number of threads that updates of many elements run on.

    >>> import mxcore as mx
    >>> mx.get_num_threads() >= 1
    True
    """
    return _threads


def threads_of(emitter: str) -> int:
    """The number of threads that updates and fills of an emitter run on.

    A call of NumPy over a chunk is so short that threads which hand the interpreter's lock to each other between two
    calls may take longer than one alone.
    """
    return get_num_threads() if emitter == "llvm" else 1


def parts_of(length: int, parts: int) -> list[Part]:
    """A length in so many parts of about the same size, as (first, last); none of them is empty.

    >>> parts_of(10, 3)
    [(0, 3), (3, 6), (6, 10)]
    """
    edges = [length * part // parts for part in range(parts + 1)]
    return [(first, last) for first, last in itertools.pairwise(edges) if first < last]


def run_parts(function: Callable[[int, int], None], parts: Sequence[Part]) -> None:
    """Call ``function(first, last)`` for every part: the last one here, the others on threads of the pool."""
    if not parts:
        return
    _start(len(parts) - 1)
    done: SimpleQueue[BaseException | None] = SimpleQueue()
    for part in parts[:-1]:
        _jobs.put((function, part, done))
    try:
        function(*parts[-1])
    finally:
        failures = [done.get() for _ in parts[:-1]]
    for failure in failures:
        if failure is not None:
            raise failure


def _start(count: int) -> None:
    global _started
    with _lock:
        for _ in range(count - _started):
            threading.Thread(target=_work, daemon=True, name="mxcore").start()
        _started = max(_started, count)


def _work() -> None:
    while True:
        function, part, done = _jobs.get()
        try:
            function(*part)
        except BaseException as error:  # handed to whoever waits for the part
            done.put(error)
        else:
            done.put(None)


def _after_fork() -> None:
    """Threads do not survive a fork: begin anew in the child."""
    global _jobs, _started, _lock
    _jobs, _started, _lock = SimpleQueue(), 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
