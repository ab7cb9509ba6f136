"""The NumPy backend: arrays in the memory of the host."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Host

_NO_CHANGE = nullcontext()
_LINE = 64
"""Bytes of a cache line, and of the longest vectors of a processor."""


def _on_a_line(array: Host, dtype: Any = None) -> Host:
    """Return an uninitialised array like this one that starts on a cache-line boundary.

    NumPy aligns arrays to 16 bytes only. Every 64-byte vector then straddles two cache lines, which costs up to a fifth
    of the time of an update whose arrays fit into the cache.
    """
    like = np.empty_like(array, dtype=dtype, subok=False)
    memory = np.empty(like.nbytes + _LINE, np.uint8)
    return np.ndarray(like.shape, like.dtype, memory, -memory.ctypes.data % _LINE, like.strides)


class NumpyBackend:
    """See :class:`mxcore.backend.Backend`."""

    name = "numpy"
    xp = np

    def device_of(self, array: Host) -> int:
        return 0

    def on(self, device: int) -> AbstractContextManager[Any]:
        return _NO_CHANGE

    def from_host(self, array: npt.ArrayLike, device: int = 0) -> Host:
        return self.copy(np.asarray(array))

    def to_host(self, array: Host) -> Host:
        return np.asarray(array)

    def full_like(self, array: Host, value: complex, dtype: Any = None) -> Host:
        new = _on_a_line(array, dtype)
        new[...] = value
        return new

    def copy(self, array: Host, dtype: Any = None) -> Host:
        new = _on_a_line(array, dtype)
        new[...] = array
        return new

    def fill(self, array: Host, values: Any) -> None:
        array[...] = values

    def assignment(self, array: Host, values: Host) -> list[tuple[Any, ...]]:
        return [(array.__setitem__, ..., values)]

    def is_writable(self, array: Host) -> bool:
        return bool(array.flags.writeable)
