"""A pool of threads for compiled code, which runs without the interpreter's lock.

The threads wait in Python and work in native code, see :mod:`mxcore.native.driver`. A job begins and ends within one
foreign call of the thread that needs it, so an exception never escapes while another thread still writes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from queue import SimpleQueue
from typing import Any

from mxcore.native.driver import driver
from mxcore.native.words import JobField, PoolField

__all__ = ["get_num_threads", "run_shared", "set_num_threads", "shared_call", "threads_of", "wake"]


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


class _Pool:
    """Threads that help with one job at a time; a second job that comes meanwhile runs without them."""

    def __init__(self) -> None:
        self.memory = (ctypes.c_uint64 * PoolField.WORDS)()
        self.memory[PoolField.YIELD] = _yield_address()
        self.address = ctypes.addressof(self.memory)
        self.calls: SimpleQueue[None] = SimpleQueue()
        self.started = 0
        self.lock = threading.Lock()

    def call(self, helpers: int) -> None:
        """Wake so many threads, which see whether there is something to do."""
        if self.started < helpers:
            with self.lock:
                for _ in range(helpers - self.started):
                    threading.Thread(target=self._help, daemon=True, name="mxcore").start()
                    self.started += 1
        for _ in range(helpers):
            self.calls.put(None)

    def _help(self) -> None:
        help, address, calls = driver().help, self.address, self.calls
        while True:
            calls.get()
            help(address)


_pool: _Pool | None = None
_making = threading.Lock()


def wake(memory: Any, job: int, threads: int) -> None:
    """Let threads look for a job that is about to be shared by the driver.

    Args:
        memory: words of memory.
        job: where in them the job begins, see :class:`mxcore.native.driver.JobField`.
        threads: how many are to do it, this one included.
    """
    pool = _the_pool()
    chunks = memory[job + JobField.CHUNKS]
    memory[job + JobField.POOL], memory[job + JobField.GRAIN] = pool.address, max(1, chunks // (8 * threads))
    pool.call(max(0, min(threads, chunks) - 1))


def run_shared(functions: tuple[Any, Any], tables: int, chunks: int, threads: int) -> None:
    """Run a compiled function over all its chunks, on several threads if there are as many chunks.

    Args:
        functions: that for all chunks, ``run_all(tables)``, and that for some, ``run_some(tables, first, last)``.
        tables: the address of what both read.
        chunks: how many chunks there are.
        threads: how many threads may share them.
    """
    function, address, _ = shared_call(functions, tables, chunks, threads)
    function(address)


def shared_call(functions: tuple[Any, Any], tables: int, chunks: int, threads: int) -> tuple[Any, int, Any]:
    """The same as a call that is yet to be made: a function, its argument, and what must be kept until then."""
    if min(threads, chunks) < 2:
        return functions[0], tables, None
    addresses = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions)
    group = (ctypes.c_uint64 * 4)(*addresses, tables, chunks)
    job = (ctypes.c_uint64 * JobField.WORDS)()
    job[JobField.GROUPS], job[JobField.GROUP], job[JobField.CHUNKS] = 1, ctypes.addressof(group), chunks
    wake(job, 0, threads)
    return driver().share, ctypes.addressof(job), (group, job)


def _the_pool() -> _Pool:
    global _pool
    if _pool is None:
        with _making:
            if _pool is None:
                _pool = _Pool()
    return _pool


def _yield_address() -> int:
    """The system's function that lets another thread run."""
    library: Any = ctypes.CDLL("kernel32") if sys.platform == "win32" else ctypes.CDLL(None)
    function = library.SwitchToThread if sys.platform == "win32" else library.sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _after_fork() -> None:
    """Threads do not survive a fork: begin anew in the child."""
    global _pool, _making
    _pool, _making = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
