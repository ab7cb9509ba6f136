"""Arrays as flat memory: which can be updated where they lie, which go through a copy, and which are refused."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array

__all__ = ["Flat", "address", "axes_in_memory", "check_apart", "check_written", "place_of"]

Host = npt.NDArray[Any]


def axes_in_memory(array: Array) -> list[int]:
    """The axes of an array from the outermost to the innermost one in memory."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def address(array: Array) -> int:
    """Where an array begins, in the memory of the host or of its device."""
    return int(array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr)


def place_of(array: Array) -> Host:
    """An array of NumPy that lies at the same addresses: to be asked where it lies, and, of a device, never read."""
    if isinstance(array, np.ndarray):
        return array
    interface = {
        "version": 3,
        "shape": array.shape,
        "strides": array.strides,
        "typestr": array.dtype.str,
        "data": (address(array), False),
    }
    return np.asarray(SimpleNamespace(__array_interface__=interface))


def check_written(label: str, array: Host) -> None:
    """Refuse an array that cannot be updated in place.

    Raises:
        ValueError: it is read-only, several of its elements share memory, or the processor cannot address them.
    """
    if not array.flags.writeable:
        raise ValueError(f"{label} is read-only, so that it cannot be updated in place: pass a copy")
    if array.size and any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)):
        raise ValueError(f"{label} repeats elements (a stride of 0), so that it cannot be updated: pass a copy")
    if not array.dtype.isnative or not array.flags.aligned:
        raise ValueError(f"{label} is byte-swapped or misaligned in memory: pass a copy, array.astype(dtype)")


def check_apart(written: Sequence[tuple[str, Host]]) -> None:
    """Refuse arrays that share memory.

    Raises:
        ValueError: two of them do; the message names both.
    """
    bounds = sorted((*np.lib.array_utils.byte_bounds(array), number) for number, (_, array) in enumerate(written))
    last_end, last = -1, -1
    for begin, end, number in bounds:
        if begin < last_end and np.shares_memory(written[number][1], written[last][1], max_work=-1):
            raise ValueError(f"{written[number][0]} and {written[last][0]} share memory: each must have its own")
        if end > last_end:
            last_end, last = end, number


class Flat:
    """An array as one axis of contiguous elements: a view where there is one, else a copy that is kept in step.

    Args:
        array: the array.
        axes: the order of axes that all arrays of one parameter are read in.
    """

    def __init__(self, array: Array, axes: Sequence[int]) -> None:
        self.array = array.transpose(axes)
        place = place_of(self.array)
        self.staged = not (place.flags.c_contiguous and place.flags.aligned and place.dtype.isnative)
        native = array.dtype.newbyteorder("=")
        self.data: Array = (self.array.astype(native, order="C") if self.staged else self.array).reshape(-1)

    def read(self) -> None:
        """Bring the copy up to date with the array."""
        self.data.reshape(self.array.shape)[...] = self.array

    def write(self) -> None:
        """Bring the array up to date with the copy."""
        self.array[...] = self.data.reshape(self.array.shape)
