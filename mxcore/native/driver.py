"""The native side of a step: look at its arrays, run its kernels, alone or with other threads, and count.

All of it is one foreign call, so that no signal handler of Python's runs between the first and the last write.

``look`` reads the head of array objects (data, axes, lengths, strides, dtype, flags): their layout is part of NumPy's
binary interface, since extensions are compiled against it. It reads lists through ``PyList_GetItem``. A probe makes
sure that the head is where it is expected before anything relies on it.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from mxcore.native.compile import Code, compile_ir
from mxcore.native.files import filled
from mxcore.native.words import DONE, RECORD, JobField, names
from mxcore.once import once

# Bytes of a line of the cache, how many lines are asked for ahead, and from how many arrays on none is.
_LINE, _AHEAD, _FEW = 64, 12, 5


class Driver:
    """The functions, each of which takes the address of a job or, ``help``, of a pool."""

    def __init__(self, code: Code) -> None:
        held, freed = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p), ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self.look = code.function(held, "look")
        """See that arrays are as expected, and keep their addresses."""
        self.drive = code.function(held, "drive")
        """Look and run, unless an array is not as expected or has moved."""
        self.go = code.function(ctypes.PYFUNCTYPE(None, ctypes.c_void_p), "go")
        """Run the kernels over all chunks, and count."""
        self.go_free = code.function(freed, "go")
        """The same, with other threads of Python's running."""
        self.share = code.function(freed, "share")
        """The same, with the threads of the pool too."""
        self.help = code.function(freed, "help")
        """Take part in what the pool is at work on."""

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


def source() -> str:
    """The IR of the driver."""
    item = ctypes.cast(ctypes.pythonapi.PyList_GetItem, ctypes.c_void_p).value or 0
    return filled("native/driver.ll", **names(), PYLIST_GETITEM=item, LINE=_LINE, AHEAD=_AHEAD, FEW=_FEW)


@once
def driver() -> Driver:
    """The driver, compiled by its first use."""
    # Not optimized: its loops are short, and everybody's first step waits for it.
    return Driver(compile_ir(source(), optimize=False))
