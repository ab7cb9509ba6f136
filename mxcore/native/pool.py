"""A pool of threads for compiled code, which runs without the GIL.

The threads wait in Python and work in native code, see :mod:`mxcore.native.driver`. A job starts and ends within one
foreign call of the thread that needs it, so that no exception can leave it while another thread still writes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from queue import SimpleQueue
from typing import Any

from mxcore.native.driver import driver
from mxcore.native.emitters import get_num_threads
from mxcore.native.words import JobField, PoolField

PARALLEL_FROM, TEAM_FROM = 200_000, 50_000
"""Below these numbers of elements another thread costs more than it saves: one of the pool, and one that is lent."""


class _Pool:
    """Threads that help with one job at a time; a second job that arrives meanwhile runs without them."""

    def __init__(self) -> None:
        self.memory = (ctypes.c_uint64 * PoolField.WORDS)()
        self.memory[PoolField.YIELD] = _yield_address()
        self.address = ctypes.addressof(self.memory)
        self.calls: SimpleQueue[None] = SimpleQueue()
        self.started = 0
        self.lock = threading.Lock()

    def call(self, helpers: int) -> None:
        """Wake this many threads, which check whether there is work."""
        with self.lock:
            for _ in range(self.started, helpers):
                threading.Thread(target=self._help, daemon=True, name="mxcore").start()
                self.started += 1
        for _ in range(helpers):
            self.calls.put(None)

    def _help(self) -> None:
        help, address, calls = driver().help, self.address, self.calls
        while True:
            calls.get()
            help(address)


def lend(run: int, most: int, which: int, count: int) -> None:
    """Run jobs on the threads of another library from now on, and no longer on those of the pool.

    Between the calls of its loop these are awake, and would take the processors from other threads. Each of them runs
    the same part of a job in every step, as its processor's caches then have what it needs. A fork ends this.

    Args:
        run: the address of ``run(function, argument, threads, flags)``, which calls the function on so many threads, or
            fewer, and returns when all have: ``GOMP_parallel`` of OpenMP.
        most: the address of a function that returns how many threads there may be: ``omp_get_max_threads``.
        which: of one that returns the number of the thread that calls it: ``omp_get_thread_num``.
        count: of one that returns how many there are at that time: ``omp_get_num_threads``.
    """
    memory = _pool.memory
    memory[PoolField.MOST], memory[PoolField.WHICH], memory[PoolField.COUNT] = most, which, count
    memory[PoolField.TEAM] = run


def parts() -> int:
    """Return the number of threads between which to divide every parameter, if a thread has the same part each time."""
    return get_num_threads() if _pool.memory[PoolField.TEAM] else 1


def is_worthwhile(elements: int) -> bool:
    """Return whether an update of so many elements is worth sharing: it takes longer than waking other threads."""
    return elements >= (TEAM_FROM if _pool.memory[PoolField.TEAM] else PARALLEL_FROM)


def enlist(memory: Any, job: int, threads: int) -> Any:
    """Let other threads take part in a job, and return the function of the driver that runs it.

    Args:
        memory: words of memory.
        job: the position of the job in the memory, see :class:`mxcore.native.driver.JobField`.
        threads: the number of threads that run it, including this one.
    """
    chunks, pool = memory[job + JobField.CHUNKS], _pool
    memory[job + JobField.POOL], memory[job + JobField.GRAIN] = pool.address, max(1, chunks // (8 * threads))
    if pool.memory[PoolField.TEAM]:
        pool.memory[PoolField.THREADS] = min(threads, chunks)
        return driver().team
    pool.call(max(0, min(threads, chunks) - 1))
    return driver().share


def run_shared(functions: tuple[Any, Any], tables: int, chunks: int, threads: int) -> None:
    """Run a compiled function over all its chunks, on several threads if there are enough chunks.

    Args:
        functions: ``run_all(tables)`` for all chunks, and ``run_some(tables, first, last)`` for some.
        tables: the address of the tables that both read.
        chunks: how many chunks there are.
        threads: how many threads may share them.
    """
    function, address, _ = shared_call(functions, tables, chunks, threads)
    function(address)


def shared_call(functions: tuple[Any, Any], tables: int, chunks: int, threads: int) -> tuple[Any, int, Any]:
    """Return the same as a call to make later: a function, its argument, and what must stay alive until then."""
    if min(threads, chunks) < 2:
        return functions[0], tables, None
    addresses = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions)
    group = (ctypes.c_uint64 * 4)(*addresses, tables, chunks)
    job = (ctypes.c_uint64 * JobField.WORDS)()
    job[JobField.GROUPS], job[JobField.GROUP], job[JobField.CHUNKS] = 1, ctypes.addressof(group), chunks
    return enlist(job, 0, threads), ctypes.addressof(job), (group, job)


def _yield_address() -> int:
    """Return the address of the system function that yields to another thread."""
    library: Any = ctypes.CDLL("kernel32") if sys.platform == "win32" else ctypes.CDLL(None)
    function = library.SwitchToThread if sys.platform == "win32" else library.sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_pool = _Pool()


def _after_fork() -> None:
    """Start over in the child of a fork, which threads do not survive."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
