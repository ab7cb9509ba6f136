"""The threads of torch, for our kernels."""

from __future__ import annotations

import ctypes
import sys

from mxcore.native import pool

__all__ = ["share_threads"]

_FUNCTIONS = ("GOMP_parallel", "omp_get_max_threads", "omp_get_thread_num", "omp_get_num_threads")
"""What :func:`mxcore.native.pool.lend` takes, in OpenMP."""


def share_threads() -> None:
    """Run kernels on torch's threads, if these are OpenMP's, as in torch's builds for Linux.

    For milliseconds after each operation they wait for the next one, and keep a processor busy. Other threads than
    these would have to share it with them.
    """
    if sys.platform == "win32":
        return
    process = ctypes.CDLL(None)
    try:
        functions = [getattr(process, name) for name in _FUNCTIONS]
    except AttributeError:
        return
    pool.lend(*(ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions))
