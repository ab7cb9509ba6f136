"""Devices under MXNet's names: ``mx.context``."""

from __future__ import annotations

import importlib.util

from mxcore.backend import Context, cpu, get_backend, gpu

__all__ = ["Context", "cpu", "cpu_pinned", "current_context", "gpu", "num_gpus"]


def cpu_pinned(device_id: int = 0) -> Context:
    """Return the host: pinned memory is not told from other memory.

    >>> import mxcore as mx
    >>> mx.context.cpu_pinned()
    cpu(0)
    """
    return cpu(device_id)


def current_context() -> Context:
    """Return the device of new arrays, which is the host: pass ``ctx`` for another one.

    >>> import mxcore as mx
    >>> mx.context.current_context()
    cpu(0)
    """
    return cpu()


def num_gpus() -> int:
    """Return the number of CUDA devices; 0 without CuPy or a driver.

    >>> import mxcore as mx
    >>> mx.num_gpus() >= 0
    True
    """
    if importlib.util.find_spec("cupy") is None:
        return 0
    runtime = get_backend("cupy").xp.cuda.runtime
    try:
        return int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError:
        return 0


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """Return the free and the total memory of a CUDA device, in bytes."""
    backend = get_backend("cupy")
    with backend.on(device_id):
        free, total = backend.xp.cuda.runtime.memGetInfo()
    return int(free), int(total)
