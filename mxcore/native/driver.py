"""The native side of a step: check its arrays, run its kernels on one or more threads, and count.

All of this is one foreign call, so no Python signal handler can run between the first write and the last.

``look`` reads the header of array objects (data, ndim, shape, strides, dtype, flags), whose layout is part of NumPy's
ABI, since extensions are compiled against it. It reads lists through ``PyList_GetItem``. A probe verifies the layout
before anything relies on it.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from mxcore.native.compile import Code, compile_ir
from mxcore.native.files import filled
from mxcore.native.words import DONE, RECORD, JobField, names
from mxcore.once import once

# Bytes of a cache line, how many lines to prefetch, and the number of arrays from which on nothing is prefetched.
_LINE, _AHEAD, _FEW = 64, 12, 5


class Driver:
    """The functions. Each takes the address of a job, except ``help``, which takes that of a pool."""

    def __init__(self, code: Code) -> None:
        held, freed = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p), ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self.look = code.function(held, "look")
        """Check that arrays are as expected, and store their addresses."""
        self.drive = code.function(held, "drive")
        """Check and run, unless an array is not as expected or has moved."""
        self.go = code.function(ctypes.PYFUNCTYPE(None, ctypes.c_void_p), "go")
        """Run the kernels over all chunks, and count."""
        self.go_free = code.function(freed, "go")
        """The same, releasing the GIL."""
        self.share = code.function(freed, "share")
        """The same, with the help of the pool's threads."""
        self.team = code.function(freed, "team")
        """The same, on the threads of another library."""
        self.help = code.function(freed, "help")
        """Help with the current job of the pool."""

    @functools.cached_property
    def reads_arrays(self) -> bool:
        """Whether ``look`` reads array headers correctly; if not, the driver must not be used."""
        probe = [np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]]
        lengths, strides = (np.array(pair, np.int64) for pair in (probe[0].shape, probe[0].strides))
        kept = ctypes.c_uint64()
        expected = (id(np.ndarray), id(probe[0].dtype), 2, lengths.ctypes.data, strides.ctypes.data, 0x500, 0x500)
        record = (ctypes.c_uint64 * RECORD)(*expected, ctypes.addressof(kept))
        job = (ctypes.c_uint64 * JobField.WORDS)()
        job[JobField.LISTS], job[JobField.LENGTHS], job[JobField.RECORDS] = id(probe), 1, ctypes.addressof(record)
        return bool(self.look(ctypes.addressof(job)) == DONE and kept.value == probe[0].ctypes.data)


def source() -> str:
    """Return the IR of the driver."""
    item = ctypes.cast(ctypes.pythonapi.PyList_GetItem, ctypes.c_void_p).value or 0
    return filled("native/driver.ll", **names(), PYLIST_GETITEM=item, LINE=_LINE, AHEAD=_AHEAD, FEW=_FEW)


@once
def driver() -> Driver:
    """Return the driver, compiled on first use."""
    # Not optimized: its loops are short, and the first step of every process waits for it.
    return Driver(compile_ir(source(), optimize=False))
