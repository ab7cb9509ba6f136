"""The native side of a step: look at its arrays, run its kernels, alone or with other threads, and count.

All of it is one foreign call, so that no signal handler of Python's runs between the first and the last write.

``look`` reads the head of array objects (data, axes, lengths, strides, dtype, flags): their layout is part of NumPy's
binary interface, since extensions are compiled against it. It reads lists through ``PyList_GetItem``. A probe makes
sure that the head is where it is expected before anything relies on it.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import attrs
import numpy as np

from mxcore.native.compile import compile_ir
from mxcore.native.driver_ir import SOURCE
from mxcore.native.words import DONE, RECORD, JobField

__all__ = ["Driver", "driver"]


@attrs.frozen
class Driver:
    """The functions, each of which takes the address of a job or, ``help``, of a pool.

    Args:
        look: see that arrays are as expected, and keep their addresses.
        go: run the kernels over all chunks, and count.
        go_free: the same, with other threads of Python's running.
        drive: both, unless an array is not as expected or has moved.
        share: as ``go``, with the threads of the pool, and other threads of Python's running.
        help: take part in what the pool is at work on.
    """

    look: Any
    go: Any
    go_free: Any
    drive: Any
    share: Any
    help: Any

    @functools.cached_property
    def reads_arrays(self) -> bool:
        """Whether ``look`` finds in an array what NumPy says of it; if not, it must not be used."""
        probe = [np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]]
        lengths, strides = (np.array(pair, np.int64) for pair in (probe[0].shape, probe[0].strides))
        kept = ctypes.c_uint64()
        expected = (id(np.ndarray), id(probe[0].dtype), 2, lengths.ctypes.data, strides.ctypes.data, 0x500, 0x500)
        record = (ctypes.c_uint64 * RECORD)(*expected, ctypes.addressof(kept))
        job = (ctypes.c_uint64 * JobField.WORDS)()
        job[JobField.LISTS], job[JobField.LENGTHS], job[JobField.RECORDS] = id(probe), 1, ctypes.addressof(record)
        return bool(self.look(ctypes.addressof(job)) == DONE and kept.value == probe[0].ctypes.data)


@functools.cache
def driver() -> Driver:
    """The driver, compiled by its first use."""
    code = compile_ir(SOURCE, optimize=False)  # its loops are short, and everybody's first step waits for it
    held, freed = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p), ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    go = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
    return Driver(
        look=code.function(held, "look"),
        go=code.function(go, "go"),
        go_free=code.function(freed, "go"),
        drive=code.function(held, "drive"),
        share=code.function(freed, "share"),
        help=code.function(freed, "help"),
    )
