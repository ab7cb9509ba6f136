"""The memory layout of arrays: which can be updated in place, which need a copy, and which are refused."""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np

from mxcore.backend import Array, Host

CHUNK = 32768
"""Elements that NumPy computes in one go: a few chunks of float32 fit into a cache."""
SHARE = 8192
"""The same for compiled code, where it is the unit of work for threads."""


@attrs.frozen(slots=False)
class Layout:
    """The class, dtype, shape, strides and flags of an array. Plans depend on nothing else about an array.

    Args:
        kind: the array's class.
        dtype: its dtype.
        shape: its shape.
        strides: its strides, in bytes.
        flags: whether it is writeable, is aligned, and is in C order.
    """

    kind: type
    dtype: np.dtype[Any] = attrs.field(eq=id)  # as in native code
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    flags: tuple[bool, ...]

    @property
    def in_order(self) -> bool:
        """Whether it is contiguous in C order."""
        return self.flags[-1]

    @property
    def is_plain(self) -> bool:
        """Whether it is NumPy's own class, in C order."""
        return self.kind is np.ndarray and self.in_order

    @functools.cached_property
    def listed(self) -> Any:
        """The shape and then the strides in memory that native code can read while this object exists."""
        return (ctypes.c_int64 * (2 * len(self.shape)))(*self.shape, *self.strides)


@attrs.frozen
class Sections:
    """The parts of an array in C order for which reductions are computed: its rows, or all of it.

    Args:
        count: how many there are.
        length: the number of elements of each.
    """

    count: int
    length: int

    @classmethod
    def of(cls, shape: Sequence[int], *, by_row: bool, parts: int = 1) -> Sections:
        """Return the sections of an array of some shape, at least one; fewer than two axes are a single row.

        Args:
            shape: the shape.
            by_row: whether they are its rows.
            parts: of how many numbers an element consists.
        """
        if by_row and len(shape) > 1 and shape[0]:
            return cls(shape[0], parts * math.prod(shape[1:]))
        return cls(1, parts * math.prod(shape))

    def bounds(self) -> list[tuple[int, int]]:
        """Return where each section begins and ends."""
        return [(number * self.length, (number + 1) * self.length) for number in range(self.count)]


def parts_of(array: Array) -> int:
    """Return of how many real numbers an element consists: 2 if it is complex."""
    return 2 if array.dtype.kind == "c" else 1


def in_parts(array: Array) -> Array:
    """Return a view of an array, whose last axis is contiguous or of length 1, in which real numbers are elements."""
    return array if parts_of(array) == 1 else array.view(f"f{array.dtype.itemsize // 2}")


@functools.lru_cache(maxsize=1024)
def _shared(_: int, *fields: Any) -> Layout:
    return Layout(*fields)


def layout_of(array: Array) -> Layout:
    """Return the layout of a host or device array; equal layouts in use are the same object."""
    flags = array.flags
    host = isinstance(array, np.ndarray)
    own = (flags.writeable, flags.aligned) if host else (True, True)
    dtype = array.dtype
    kind: Any = type(array)
    return _shared(id(dtype), kind, dtype, array.shape, array.strides, (*own, bool(flags.c_contiguous)))


def address(array: Array) -> int:
    """Return the address of an array's first element, in host or device memory."""
    return int(array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr)


def address_view(array: Array) -> Host:
    """Return a NumPy array at the same addresses, for questions about memory; never read it if it is a device's."""
    if isinstance(array, np.ndarray):
        return array
    lies = {"version": 3, "shape": array.shape, "strides": array.strides, "typestr": array.dtype.str}
    return np.asarray(SimpleNamespace(__array_interface__={**lies, "data": (address(array), False)}))


def check_written(label: str, array: Host) -> None:
    """Raise an error for an array that cannot be updated in place.

    Raises:
        ValueError: it is read-only, byte-swapped or misaligned, or some of its elements share memory.
    """
    if not array.flags.writeable:
        raise ValueError(f"{label} is read-only, so it cannot be updated in place: pass a copy")
    if array.size and _overlaps_itself(array):
        raise ValueError(f"{label} has elements that share memory, so it cannot be updated in place: pass a copy")
    if not array.dtype.isnative or not array.flags.aligned:
        raise ValueError(f"{label} is byte-swapped or misaligned in memory: pass a copy, array.astype(dtype)")


def _overlaps_itself(array: Host) -> bool:
    """Return whether two elements of a non-empty array share memory."""
    steps = sorted((abs(stride), size) for stride, size in zip(array.strides, array.shape, strict=True) if size > 1)
    # The extent of the axes before each one: an axis whose stride exceeds it cannot overlap them.
    taken = itertools.accumulate((stride * (size - 1) for stride, size in steps), initial=array.itemsize)
    if all(stride >= reach for (stride, _), reach in zip(steps, taken, strict=False)):
        return False
    # The axes are interlaced, which may still be fine: check every address.
    places = np.zeros(1, np.int64)
    for stride, size in steps:
        places = np.add.outer(places, stride * np.arange(size)).ravel()
    return bool((np.diff(np.sort(places)) < array.itemsize).any())


def sharing(written: Sequence[Array]) -> tuple[int, int] | None:
    """Return the indices of two arrays that share memory, or None."""
    places = [address_view(array) for array in written]
    bounds = sorted(
        (*np.lib.array_utils.byte_bounds(place), number) for number, place in enumerate(places) if place.size
    )
    last_end, last = -1, -1
    for begin, end, number in bounds:
        if begin < last_end and np.shares_memory(places[number], places[last], max_work=-1):
            return number, last
        if end > last_end:
            last_end, last = end, number
    return None


def flat(array: Array, axes: Sequence[int]) -> Array | None:
    """Return a view of an array as one contiguous axis, in the order of these axes; None if that takes a copy."""
    ordered = array if list(axes) == sorted(axes) else array.transpose(axes)
    flags = ordered.flags
    if not flags.c_contiguous or (isinstance(array, np.ndarray) and not (flags.aligned and array.dtype.isnative)):
        return None
    return ordered.reshape(-1)


def unowned(array: Host) -> Host:
    """Return a view of an array's memory that does not keep it alive: use it only while the array exists."""
    memory: Any = (ctypes.c_byte * array.nbytes).from_address(address(array))
    return np.ndarray(array.shape, array.dtype, memory, strides=array.strides)
