"""Named arrays with a JSON manifest, as one file in the safetensors format: a header, and the memory of the arrays.

This does not use the safetensors library, which holds each array in memory two or three times while it works. Here,
arrays are written straight from their memory, and read straight into it.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mxcore.backend import Array, Host
from mxcore.state.atomic import AnyPath, open_regular, write_atomically
from mxcore.state.foreign import converted
from mxcore.state.packing import DTYPES, Packer, unpack
from mxcore.state.place import DEEPEST, Place, is_shallow

_BY_NAME = {name: np.dtype(dtype) for dtype, name in DTYPES.items()}
_METADATA, _OURS = "__metadata__", "mxcore"
_LONGEST_HEADER = 100_000_000  # the limit of the format
_PART = 1 << 22


def serialize(arrays: dict[str, Host], manifest: Any) -> Iterator[Any]:
    """Yield the parts of a file with a manifest; each array is removed from the dict once it has been written.

    Raises:
        TypeError: the manifest is nested too deeply.
    """
    if not is_shallow(manifest):
        raise TypeError(f"cannot save values that are nested deeper than {DEEPEST} levels in the file")
    return _written(arrays, json.dumps(manifest))


def parse(file: BinaryIO | bytes, source: str) -> tuple[dict[str, Host], Place]:
    """Return the arrays and the manifest of a file, or of its bytes.

    Raises:
        ValueError: they are not in the format of :func:`serialize`; the message says where.
    """
    try:
        return _read(io.BytesIO(file) if isinstance(file, bytes) else file, source)
    except ValueError as error:
        raise ValueError(f"{source} is not a file of mxcore, or it is damaged ({error})") from error


def save_arrays(path: AnyPath, arrays: Mapping[str, Array], metadata: Any = None) -> None:
    """Write named arrays, and any JSON value as metadata, to one safetensors file.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> mx.state.save_arrays(path, {"fc_weight": np.ones((2, 3), np.float16)}, metadata={"epoch": 4})
    >>> arrays, metadata = mx.state.load_arrays(path)
    >>> arrays["fc_weight"].dtype, metadata
    (dtype('float16'), {'epoch': 4})

    Raises:
        TypeError: a value is not an array; nothing has been written.
    """
    packer = Packer()
    entries = packer.pack_named(arrays)
    if odd := [name for name, entry in entries.items() if not entry.keys() & {"array", "scalar"}]:
        raise TypeError(f"cannot save {odd[0]!r}: {arrays[odd[0]]!r:.60} is not an array")
    write_atomically(Path(path), serialize(packer.arrays, {"arrays": entries, "metadata": metadata}))


def load_arrays(path: AnyPath) -> tuple[dict[str, Host], Any]:
    """Return the arrays that :func:`save_arrays` wrote, on the host, and the metadata.

    A plugin may read files of other programs: mxcore-nd those of MXNet.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> mx.state.save_arrays(path, {"bias": np.array([1.0, 2.0])})
    >>> mx.state.load_arrays(path)
    ({'bias': array([1., 2.])}, None)

    Raises:
        ValueError: the file holds something else.
    """
    with open_regular(path) as file:
        stored, manifest = parse(converted(file, str(path)), str(path))
    if "arrays" not in manifest:
        raise ValueError(f"{path} holds the state of an updater, not named arrays: read it with mx.load_state")
    entries, arrays = manifest["arrays"], {}
    for name, entry in entries.items():
        arrays[name] = unpack(entry, stored)
        if not hasattr(arrays[name], "dtype"):
            raise entry.error("an array")
    return arrays, manifest["metadata"].value


# --- the format -----------------------------------------------------------------------------------------------------


def _written(arrays: dict[str, Host], manifest: str) -> Iterator[Any]:
    """Yield the parts of a file.

    Args:
        arrays: the arrays; each is removed from the dict once it has been written, to free its memory early.
        manifest: the manifest, as a string.
    """
    header: dict[str, Any] = {_METADATA: {_OURS: manifest}}
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)  # aligns each to its item size
    end = 0
    for name in order:
        begin, end = end, end + arrays[name].nbytes
        shape = list(arrays[name].shape)
        header[name] = {"dtype": DTYPES[arrays[name].dtype.name], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        yield from _parts(arrays.pop(name))


def _parts(array: Host) -> Iterator[Host]:
    """Yield the memory of an array in C order, without copying all of an array in another order."""
    if array.flags.c_contiguous or array.nbytes <= _PART:
        whole = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        yield whole.reshape(-1).view(np.uint8)
    elif len(array) == 1:
        yield from _parts(array[0])
    else:
        yield from _parts(array[: len(array) // 2])
        yield from _parts(array[len(array) // 2 :])


def _read(file: BinaryIO, source: str) -> tuple[dict[str, Host], Place]:
    """Read the arrays and the manifest of a file.

    Raises:
        ValueError: the file is damaged, or was not written by mxcore.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 8 + length <= size or length > _LONGEST_HEADER:
        raise ValueError(f"{source}: the header is cut off")
    header = Place.of_text(file.read(length), f"{source}: header")
    layout = [(name, *_layout(entry)) for name, entry in header.items() if name != _METADATA]
    manifest = Place.of_text(header[_METADATA][_OURS].text(), f"{source}: manifest")
    arrays: dict[str, Host] = {}
    end = 0
    for name, dtype, shape, first, last in sorted(layout, key=lambda entry: entry[3:]):
        nbytes = math.prod(shape) * dtype.itemsize
        if (first, last) != (end, end + nbytes) or 8 + length + last > size:
            raise ValueError(f"{source}: the {nbytes} bytes of {name!r:.60} are misplaced or cut off")
        arrays[name] = np.empty(shape, dtype)
        end = last
        if file.readinto(arrays[name].reshape(-1).view(np.uint8).data) != nbytes:  # type: ignore[attr-defined]
            raise ValueError(f"{source}: {name!r:.60} is cut off")
    if 8 + length + end != size:
        raise ValueError(f"{source}: it has {size - 8 - length - end} more bytes than its header says")
    return arrays, manifest


def _layout(entry: Place) -> tuple[np.dtype[Any], list[int], int, int]:
    kind = entry["dtype"]
    if kind.text() not in _BY_NAME:
        raise kind.error(f"one of {', '.join(_BY_NAME)}")
    shape = [size.count() for size in entry["shape"].list()]
    first, last = (offset.count() for offset in entry["data_offsets"].list(2))
    return _BY_NAME[kind.text()], shape, first, last
