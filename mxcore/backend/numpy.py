"""The NumPy backend: arrays in the memory of the host."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array

_LINE = 64
"""Bytes of a cache line, and of the longest vectors of a processor."""


def _on_a_line(array: Array, dtype: Any = None) -> Array:
    """An array like this one, without its values, that begins where a cache line does.

    NumPy begins an array at any multiple of 16 bytes. Every vector of 64 then lies across two lines, which costs an
    update up to a fifth of its time as long as its arrays fit into the cache.
    """
    like = np.empty_like(array, dtype=dtype, subok=False)
    memory = np.empty(like.nbytes + _LINE, np.uint8)
    return np.ndarray(like.shape, like.dtype, memory, -memory.ctypes.data % _LINE, like.strides)


class NumpyBackend:
    """See :class:`mxcore.backend.Backend`."""

    name = "numpy"
    xp = np

    def device_of(self, array: Array) -> int:
        return 0

    def on(self, device: int) -> AbstractContextManager[Any]:
        return nullcontext()

    def from_host(self, array: npt.ArrayLike, device: int = 0) -> Array:
        return self.copy(np.asarray(array))

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        return np.asarray(array)

    def full_like(self, array: Array, value: float, dtype: Any = None) -> Array:
        new = _on_a_line(array, dtype)
        new[...] = value
        return new

    def copy(self, array: Array, dtype: Any = None) -> Array:
        new = _on_a_line(array, dtype)
        new[...] = array
        return new

    def fill(self, array: Array, values: Any) -> None:
        array[...] = values

    def assignment(self, array: Array, values: Array) -> list[tuple[Any, ...]]:
        return [(array.__setitem__, ..., values)]

    def is_writable(self, array: Array) -> bool:
        return bool(array.flags.writeable)
