"""The safetensors format: a header of JSON, and the memory of arrays.

It is read and written here, and not by the library of that name, which holds each array two or three times meanwhile.
Here an array is written from where it is, and read to where it stays.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from mxcore.backend import Host
from mxcore.state.place import Place

_NAMES = {
    "bool": "BOOL",
    **{f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
}
_DTYPES = {name: np.dtype(dtype) for dtype, name in _NAMES.items()}
_METADATA, _OURS = "__metadata__", "mxcore"
_LONGEST_HEADER = 100_000_000  # as the format has it
_PART = 1 << 22


def can_hold(dtype: np.dtype[Any]) -> bool:
    """Whether a file can hold arrays of this type."""
    return dtype.name in _NAMES


def write(arrays: dict[str, Host], manifest: str) -> Iterator[Any]:
    """The parts of a file, one after the other.

    Args:
        arrays: the arrays; each leaves the dict once it has been written, so that nothing is held longer than needed.
        manifest: the text beside them.
    """
    header: dict[str, Any] = {_METADATA: {_OURS: manifest}}
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)  # then each begins at a multiple of its items' size
    end = 0
    for name in order:
        begin, end = end, end + arrays[name].nbytes
        shape = list(arrays[name].shape)
        header[name] = {"dtype": _NAMES[arrays[name].dtype.name], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        yield from _parts(arrays.pop(name))


def _parts(array: Host) -> Iterator[Host]:
    """The memory of an array in C order; of one that lies in another order, without a copy of the whole."""
    if array.flags.c_contiguous or array.nbytes <= _PART:
        whole = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        yield whole.reshape(-1).view(np.uint8)
    elif len(array) == 1:
        yield from _parts(array[0])
    else:
        yield from _parts(array[: len(array) // 2])
        yield from _parts(array[len(array) // 2 :])


def read(file: BinaryIO, source: str) -> tuple[dict[str, Host], Place]:
    """The arrays of a file, and the manifest beside them.

    Raises:
        ValueError: the file is damaged, or another program's.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 8 + length <= size or length > _LONGEST_HEADER:
        raise ValueError(f"{source}: its header is cut off")
    header = Place.of_text(file.read(length), f"{source}: header")
    layout = [(name, *_layout(entry)) for name, entry in header.items() if name != _METADATA]
    manifest = Place.of_text(header[_METADATA][_OURS].text(), f"{source}: manifest")
    arrays: dict[str, Host] = {}
    end = 0
    for name, dtype, shape, first, last in sorted(layout, key=lambda entry: entry[3:]):
        nbytes = math.prod(shape) * dtype.itemsize
        if (first, last) != (end, end + nbytes) or 8 + length + last > size:
            raise ValueError(f"{source}: {name!r:.60} is not where its {nbytes} bytes should be, or they are cut off")
        arrays[name] = np.empty(shape, dtype)
        end = last
        if file.readinto(arrays[name].reshape(-1).view(np.uint8).data) != nbytes:  # type: ignore[attr-defined]
            raise ValueError(f"{source}: {name!r:.60} is cut off")
    if 8 + length + end != size:
        raise ValueError(f"{source}: it has {size - 8 - length - end} bytes more than its header says")
    return arrays, manifest


def _layout(entry: Place) -> tuple[np.dtype[Any], list[int], int, int]:
    kind = entry["dtype"]
    if kind.text() not in _DTYPES:
        raise kind.error(f"one of {', '.join(_DTYPES)}")
    shape = [size.count() for size in entry["shape"].list()]
    first, last = (offset.count() for offset in entry["data_offsets"].list(2))
    return _DTYPES[kind.text()], shape, first, last
