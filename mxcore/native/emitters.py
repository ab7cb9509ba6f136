"""The choice of emitter that compiles rules and random fills, and of the number of threads.

The emitter is the chosen one, or else LLVM if llvmlite is installed, or else NumPy. The threads are in
:mod:`mxcore.native.pool`.
"""

from __future__ import annotations

import os

from mxcore.once import once

_chosen: list[str] = []
_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use(emitter: str | None) -> None:
    """Choose the emitter for plans created from now on: ``"llvm"``, ``"numpy"``, or None for the default.

    >>> import mxcore as mx
    >>> mx.kernel.use("numpy")
    >>> mx.kernel.in_use()
    'numpy'
    >>> mx.kernel.use(None)

    Raises:
        ValueError: there is no such emitter.
        ImportError: ``"llvm"`` without llvmlite.
    """
    if emitter not in (None, "llvm", "numpy"):
        raise ValueError(f"the kernel must be 'llvm' or 'numpy', got {emitter!r}")
    if emitter == "llvm" and not _has_llvm():
        from mxcore import catalogue

        raise ImportError(f"the kernel 'llvm' needs llvmlite: {catalogue.how_to_install('mxcore[jit]')}")
    _chosen[:] = [emitter] if emitter else []


def in_use() -> str:
    """Return the emitter for new plans: the chosen one, ``MXCORE_KERNEL``, or else llvm if llvmlite is installed.

    >>> import mxcore as mx
    >>> mx.kernel.in_use() in ("llvm", "numpy")
    True

    Raises:
        ValueError, ImportError: ``MXCORE_KERNEL`` is not an emitter, or is llvm without llvmlite.
    """
    if not _chosen and os.environ.get("MXCORE_KERNEL"):
        use(os.environ["MXCORE_KERNEL"])
    return _chosen[0] if _chosen else "llvm" if _has_llvm() else "numpy"


def available() -> tuple[str, ...]:
    """Return the emitters that can be chosen here, fastest first."""
    return ("llvm", "numpy") if _has_llvm() else ("numpy",)


@once
def _has_llvm() -> bool:
    try:
        import llvmlite  # noqa: F401 - whether it can be imported is the question
    except ImportError:
        return False
    return True


def set_num_threads(count: int) -> None:
    """Run updates of many elements on ``count`` threads. The default is the number of cores of this process.

    The results do not depend on it. The kernel ``numpy`` always runs on one thread.

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
    """Return the number of threads that updates of many elements run on.

    >>> import mxcore as mx
    >>> mx.get_num_threads() >= 1
    True
    """
    return _threads


def threads_of(emitter: str) -> int:
    """Return the number of threads that updates and fills of an emitter run on.

    A NumPy call over a chunk is so short that threads which pass the GIL to each other between calls may take longer
    than one thread alone.
    """
    return get_num_threads() if emitter == "llvm" else 1
