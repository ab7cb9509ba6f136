"""Fill host arrays with random numbers, choosing emitter and threads. Neither choice changes a bit of the result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Host
from mxcore.native.emitters import in_use, threads_of
from mxcore.once import once

if TYPE_CHECKING:
    from mxcore.kernel.run.calls import Call

_TYPES = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
_PER_THREAD = 1 << 17  # writing fewer elements is faster than starting a thread


def fill_uniform(array: Host, key: int, low: float = 0.0, high: float = 1.0, offset: int = 0) -> None:
    """Fill an array from U[low, high) with elements ``offset``, ``offset + 1``, … of the stream of ``key``.

    No element reaches ``high``, unless ``low`` and ``high`` round to the same number in the array's dtype.

    Args:
        array: a contiguous array of float32 or float64, taken in C order.
        key: 128 bits, 0 to 2¹²⁸ - 1.
        low: the lower bound, which is included.
        high: the upper bound, at least ``low``.
        offset: the place of the array's first element in the stream.

    Raises:
        TypeError: the array's type is another.
        ValueError: the array is not contiguous or read-only, or the bounds are out of order or too far apart.
    """
    kind = _type_of(array)
    with np.errstate(over="ignore"):
        bottom, top, width = (array.dtype.type(value) for value in (low, high, high - low))
    if not low <= high or not np.isfinite((bottom, top, width)).all():
        raise ValueError(f"low and high must be in order and finite in {array.dtype}, got {low!r} and {high!r}")
    _fill(f"uniform_{kind}", array, key, offset, (bottom, width, np.nextafter(top, bottom)))


def fill_normal(array: Host, key: int, loc: float = 0.0, scale: float = 1.0, offset: int = 0) -> None:
    """Fill an array from N(loc, scale²) with elements ``offset``, ``offset + 1``, … of the stream of ``key``.

    Args:
        array: a contiguous array of float32 or float64, taken in C order.
        key: 128 bits, 0 to 2¹²⁸ - 1.
        loc: the mean.
        scale: the standard deviation, at least 0.
        offset: the place of the array's first element in the stream.

    Raises:
        TypeError: the array's type is another.
        ValueError: the array is not contiguous or read-only, or ``scale`` is negative.
    """
    kind = _type_of(array)
    if not scale >= 0:
        raise ValueError(f"scale must be at least 0, got {scale!r}")
    with np.errstate(over="ignore"):
        parameters = array.dtype.type(loc), array.dtype.type(scale)
    _fill(f"normal_{kind}", array, key, offset, parameters)


def normal_calls(array: Host, key: int, offset: int) -> list[Call]:
    """Return the NumPy calls that fill an array from N(0, 1), for a step that consists of such calls.

    Args:
        array: as for :func:`fill_normal`, like the other arguments.
        key: 128 bits.
        offset: the place of the array's first element in the stream.
    """
    from mxcore.random import philox_numpy
    from mxcore.random.distributions import DISTRIBUTIONS

    distribution = DISTRIBUTIONS[f"normal_{_type_of(array)}"]
    one = array.dtype.type
    return list(philox_numpy.calls(distribution, array, offset, key, (one(0), one(1))))


def fill_words(array: npt.NDArray[np.uint32], key: int, offset: int = 0) -> None:
    """Fill a uint32 array with random bits, in the same way as :func:`fill_uniform`."""
    if array.dtype != np.uint32:
        raise TypeError(f"expected a uint32 array, got {array.dtype}")
    _fill("words", array, key, offset, ())


def _type_of(array: Host) -> str:
    if array.dtype not in _TYPES:
        raise TypeError(f"expected a float32 or float64 array, got {array.dtype}: fill one of those and convert it")
    return _TYPES[array.dtype]


def _fill(name: str, array: Host, key: int, offset: int, parameters: tuple[Any, ...]) -> None:
    if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
        raise ValueError("the array to fill must be C-contiguous, aligned and writable")
    if not 0 <= key < 1 << 128 or not 0 <= offset < (1 << 63) - array.size:
        raise ValueError(f"key must be in [0, 2**128) and offset in [0, 2**63), got {key} and {offset}")
    emitter = in_use()
    threads = max(1, min(threads_of(emitter), array.size // _PER_THREAD))
    _writer(emitter, name)(array.reshape(-1), offset, key, parameters, threads)


@once
def _writer(emitter: str, name: str) -> Callable[..., None]:
    """Return the function that writes a part of a stream: ``write(out, start, key, parameters, threads)``."""
    # Imported here, since most processes that import the core draw nothing.
    from mxcore.random import philox_llvm, philox_numpy
    from mxcore.random.distributions import DISTRIBUTIONS

    return functools.partial((philox_llvm if emitter == "llvm" else philox_numpy).fill, DISTRIBUTIONS[name])
