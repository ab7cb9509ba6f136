"""MXNet's files of arrays, ``.params``: read in all of its versions, if dense, and written in version 2."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mxcore.backend import backend_of
from mxcore.state.atomic import open_regular, write_atomically
from mxcore_nd.array import bare, wrap

__all__ = ["load", "load_frombuffer", "save"]

_LIST = 0x112
"""The magic number of a list of arrays."""
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
"""Those of an array; the oldest files have the number of its dimensions there."""
_DENSE = 0
_DTYPES = (
    "float32",
    "float64",
    "float16",
    "uint8",
    "int32",
    "int8",
    "int64",
    "bool",
    "int16",
    "uint16",
    "uint32",
    "uint64",
)
_BFLOAT16 = 12
_MOST = 32
"""The most dimensions that an array may have."""
_LARGEST = 2**59
"""A bound on the sizes of an empty array, below that of NumPy."""


class _Reader:
    """Reads numbers and arrays from bytes, and refuses to read beyond their end."""

    def __init__(self, data: Any, source: str) -> None:
        self.data, self.source, self.at = memoryview(data), source, 0

    def fail(self, why: str) -> ValueError:
        return ValueError(f"{self.source} is not a file of MXNet's arrays, or is damaged: {why} at byte {self.at}")

    def take(self, size: int) -> memoryview:
        if size > len(self.data) - self.at:
            raise self.fail(f"{size} bytes are expected")
        self.at += size
        return self.data[self.at - size : self.at]

    def numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))

    def number(self, form: str) -> int:
        return int(self.numbers(form)[0])

    def shape(self, size: str) -> tuple[int, ...] | None:
        """Return a shape; None if there is none."""
        return self.sizes(self.number("i"), size)

    def sizes(self, ndim: int, size: str) -> tuple[int, ...] | None:
        if ndim < 0:
            return None
        if ndim > _MOST:
            raise self.fail(f"an array of {ndim} dimensions")
        found = self.numbers(f"{ndim}{size}")
        if min(found, default=0) < 0 or (0 in found and math.prod(max(one, 1) for one in found) > _LARGEST):
            raise self.fail(f"an array of shape {found}")
        return found

    def array(self) -> Any:
        """Return the next array."""
        version = self.number("I")
        if version in (_V2, _V3):
            if (stype := self.number("i")) != _DENSE:
                raise ValueError(f"{self.source} has a sparse array (storage type {stype}): only dense ones are read")
            shape = self.shape("q")
            empty = shape is None or (version == _V2 and not shape)
        elif version == _V1:
            shape = self.shape("q")
            empty = not shape
        else:
            shape = self.sizes(version, "I")
            empty = not shape
        if empty or shape is None:
            return np.zeros(0, np.float32)
        self.numbers("ii")  # the device that it was on
        return self.values(self.number("i"), shape)

    def values(self, flag: int, shape: tuple[int, ...]) -> Any:
        if flag == _BFLOAT16:
            dtype = np.dtype(np.uint16)
        elif 0 <= flag < len(_DTYPES):
            dtype = np.dtype(_DTYPES[flag])
        else:
            raise self.fail(f"an unknown dtype, {flag},")
        raw = self.take(math.prod(shape) * dtype.itemsize)
        if dtype.kind == "b" and (np.frombuffer(raw, np.uint8) > 1).any():
            raise self.fail("a boolean that is neither 0 nor 1")
        found = np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        if flag == _BFLOAT16:  # the upper half of a float32
            found = (found.astype(np.uint32) << 16).view(np.float32)
        return found


def read_raw(data: Any, source: str) -> Any:
    """Return the array in bytes that hold one, without a list around it, as in MXNet's pickles.

    Raises:
        ValueError: the bytes are damaged, or hold a sparse array.
    """
    reader = _Reader(data, source)
    found = reader.array()
    if reader.at < len(reader.data):
        raise reader.fail("bytes behind the end")
    return found


def is_list(data: bytes) -> bool:
    """Return whether bytes begin as a ``.params`` file does."""
    return data[:8] == struct.pack("<Q", _LIST)


def read(data: Any, source: str) -> tuple[list[Any], list[str]]:
    """Return the arrays in the bytes of a file, and their names; without names, an empty list.

    Raises:
        ValueError: the bytes are not such a file, are damaged, or have a sparse array.
    """
    reader = _Reader(data, source)
    if reader.number("Q") != _LIST:
        reader.at = 0
        raise reader.fail("the number 0x112 is expected")
    reader.number("Q")
    count = reader.number("Q")
    if count > len(reader.data) // 4:
        raise reader.fail(f"{count} arrays are too many")
    arrays = [reader.array() for _ in range(count)]
    named = reader.number("Q")
    if named not in (0, count):
        raise reader.fail(f"{named} names for {count} arrays")
    names = []
    for _ in range(named):
        try:
            names.append(bytes(reader.take(reader.number("Q"))).decode())
        except UnicodeDecodeError:
            raise reader.fail("a name that is not UTF-8") from None
    if len(set(names)) < len(names):
        raise reader.fail("a name that occurs twice")
    if reader.at < len(reader.data):
        raise reader.fail("bytes behind the end")
    return arrays, names


def load(fname: str | os.PathLike[str]) -> Any:
    """Return the arrays of a ``.params`` file: a dict of NDArrays by name, or a list if they have no names.

    Values of bfloat16 are returned as float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a file of MXNet's arrays, is damaged, or has a sparse array.
    """
    with open_regular(fname) as file:
        return _loaded(file.read(), str(fname))


def load_frombuffer(buf: bytes) -> Any:
    """Do what ``load`` does with the bytes of a file."""
    return _loaded(buf, "the buffer")


def _loaded(data: Any, source: str) -> Any:
    arrays, names = read(data, source)
    found = [wrap(one) for one in arrays]
    return dict(zip(names, found, strict=True)) if names else found


def save(fname: str | os.PathLike[str], data: Any) -> None:
    """Write an array, a list of arrays or a dict of arrays by name as a ``.params`` file, which MXNet reads.

    >>> import mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model.params")
    >>> mx.nd.save(path, {"arg:fc_weight": mx.nd.ones((2, 2))})
    >>> mx.nd.load(path)["arg:fc_weight"].shape
    (2, 2)

    Raises:
        TypeError: something is not an array, or has a dtype that the format lacks.
    """
    named: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    arrays: Sequence[Any] = [*named.values()] if named else data if isinstance(data, (list, tuple)) else [data]
    if isinstance(data, Mapping) and not all(isinstance(name, str) for name in data):
        raise TypeError(f"names must be strings, got {list(data)!r:.100}")
    parts = [struct.pack("<QQQ", _LIST, 0, len(arrays) if not isinstance(data, Mapping) else len(named))]
    for one in arrays if named or not isinstance(data, Mapping) else ():
        parts += _written(backend_of(one).to_host(bare(one)))
    parts.append(struct.pack("<Q", len(named)))
    for name in named:
        encoded = name.encode()
        parts += [struct.pack("<Q", len(encoded)), encoded]
    write_atomically(Path(fname), parts)


def _written(array: Any) -> list[bytes]:
    """Return the parts of a file that hold an array."""
    if array.dtype.name not in _DTYPES:
        raise TypeError(f"an array of {array.dtype} has no place in a .params file: convert it with astype first")
    array = array if array.ndim else array.reshape(1)
    header = struct.pack(f"<Iii{array.ndim}q", _V2, _DENSE, array.ndim, *array.shape)
    device_and_dtype = struct.pack("<iii", 1, 0, _DTYPES.index(array.dtype.name))
    return [header, device_and_dtype, np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()]
