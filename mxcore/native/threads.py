"""How many threads compiled code runs on; :mod:`mxcore.native.pool` has the threads."""

from __future__ import annotations

import os

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
