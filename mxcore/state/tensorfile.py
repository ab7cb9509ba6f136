"""Arrays, and nested values that hold arrays, as one safetensors file with a JSON manifest.

The format knows C order alone. So the axes of every array are brought into the order in which they lie in memory, which
the manifest notes; and bfloat16, which NumPy does not know, is stored as uint16. Arrays come back with the values,
dtype, shape and order of axes in memory that they had.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mxcore import catalogue
from mxcore.backend import Array, Host, backend_of
from mxcore.state import keys, raw
from mxcore.state.atomic import open_regular, write_atomically
from mxcore.state.place import DEEPEST, Place, is_shallow

_PLAIN = (bool, int, float, str, type(None))


class Packer:
    """Turns nested values into JSON, and collects their arrays under readable keys."""

    def __init__(self) -> None:
        self.arrays: dict[str, Host] = {}

    def pack(self, value: Any, key: str, depth: int = 0) -> Any:
        """The JSON form of a value: numbers, text, None, arrays, and tuples, lists and dicts of these.

        Raises:
            TypeError: it holds anything else, or is nested too deeply; the message says where.
        """
        if depth > DEEPEST // 4:  # a level takes up to three in the file
            raise TypeError(f"cannot save {key:.100}: it is nested deeper than {DEEPEST // 4} levels, or holds itself")
        if isinstance(value, np.generic):
            return {"scalar": self._store(np.asarray(value), key)}
        if isinstance(value, _PLAIN):
            return {"value": value}
        if isinstance(value, (tuple, list)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.pack(item, f"{key}/{number}", depth + 1) for number, item in enumerate(value)]}
        if isinstance(value, dict):
            where = f"cannot save {key}: a key of a dict"
            names = [keys.encode(name, where) for name in value]
            items = [self.pack(item, f"{key}/{name}", depth + 1) for name, item in value.items()]
            return {"dict": [list(pair) for pair in zip(names, items, strict=True)]}
        try:
            array = backend_of(value).to_host(value)
        except TypeError:
            raise TypeError(
                f"cannot save {key}: {type(value).__module__}.{type(value).__qualname__} is no array, number, text or "
                "None, nor a tuple, list or dict of these"
            ) from None
        return {"array": self._store(array, key)}

    def pack_named(self, named: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """Values by name, packed.

        Raises:
            TypeError: a name is no text, or as for :meth:`pack`.
        """
        if odd := [name for name in named if not isinstance(name, str)]:
            raise TypeError(f"cannot save an array under the name {odd[0]!r}: names are text")
        return {str(name): self.pack(value, f"{prefix}{name}") for name, value in named.items()}

    def _store(self, array: Host, key: str) -> dict[str, Any]:
        dtype = array.dtype.name
        stored = array.view(np.uint16) if dtype == "bfloat16" else array
        if not raw.can_hold(stored.dtype):
            raise TypeError(f"cannot save {key}: arrays of dtype {array.dtype} have no place in a safetensors file")
        key = key.encode(errors="replace").decode()  # any reader of the format can read the name
        while key in self.arrays:
            key += "'"
        # The outermost axis in memory first: what a file in C order of the transposed array then keeps.
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        self.arrays[key] = stored.transpose(axes)
        return {"key": key, "dtype": dtype, "axes": axes}


def unpack(packed: Place, arrays: dict[str, Host]) -> Any:
    """The value that :meth:`Packer.pack` packed; its arrays leave ``arrays``.

    Raises:
        ValueError: it is no such value, or an array is not there, or is used twice.
    """
    if len(packed.table()) != 1:
        raise packed.error("one packed value")
    ((kind, content),) = packed.items()
    if kind == "value" and isinstance(content.value, _PLAIN):
        return content.value
    if kind == "dict":
        return {keys.decode(name): unpack(item, arrays) for name, item in (pair.list(2) for pair in content.list())}
    if kind in ("tuple", "list"):
        items = [unpack(item, arrays) for item in content.list()]
        return tuple(items) if kind == "tuple" else items
    if kind not in ("array", "scalar"):
        raise packed.error("a packed value")
    return _array(content, arrays, is_scalar=kind == "scalar")


def _array(packed: Place, arrays: dict[str, Host], *, is_scalar: bool) -> Any:
    key, dtype = packed["key"], packed["dtype"].text()
    axes = [axis.count() for axis in packed["axes"].list()]
    if key.text() not in arrays:
        raise key.error("the name of an array of the file that nothing else has")
    array = arrays.pop(key.text())
    stored = "uint16" if dtype == "bfloat16" else dtype
    if array.dtype.name != stored or sorted(axes) != list(range(array.ndim)) or (is_scalar and axes):
        raise packed.error(f"an array of the dtype {dtype} with the axes {axes}, as is stored under its key")
    if dtype == "bfloat16":
        array = array.view(_bfloat16())
    return array[()] if is_scalar else array.transpose(np.argsort(axes))


def _bfloat16() -> Any:
    try:
        import ml_dtypes
    except ImportError as error:
        how = catalogue.how_to_install("mxcore[bf16]")
        raise ImportError(f"the file holds bfloat16 arrays, which need ml_dtypes: {how}") from error
    return ml_dtypes.bfloat16


def map_arrays(value: Any, function: Callable[[Array], Array]) -> Any:
    """A nested value with ``function`` applied to each of its arrays.

    >>> import numpy as np, mxcore as mx
    >>> mx.state.map_arrays({"mean": np.ones(2), "steps": (3, None)}, lambda array: array + 1)
    {'mean': array([2., 2.]), 'steps': (3, None)}
    """
    if isinstance(value, (tuple, list)):
        return type(value)(map_arrays(item, function) for item in value)
    if isinstance(value, dict):
        return {name: map_arrays(item, function) for name, item in value.items()}
    is_array = hasattr(value, "dtype") and not isinstance(value, np.generic)
    return function(value) if is_array else value


# --- files -----------------------------------------------------------------------------------------------------------


def serialize(arrays: dict[str, Host], manifest: Any) -> Iterator[Any]:
    """The parts of a file with a manifest, one after the other; each array leaves the dict once it has been written.

    Raises:
        TypeError: the manifest is nested too deeply.
    """
    if not is_shallow(manifest):
        raise TypeError(f"cannot save what is nested deeper than {DEEPEST} levels in the file")
    return raw.write(arrays, json.dumps(manifest))


def parse(file: BinaryIO | bytes, source: str) -> tuple[dict[str, Host], Place]:
    """The arrays and the manifest of a file, or of its bytes.

    Raises:
        ValueError: they are not what :func:`serialize` makes; the message says where.
    """
    try:
        return raw.read(io.BytesIO(file) if isinstance(file, bytes) else file, source)
    except ValueError as error:
        raise ValueError(f"{source} is not a file of mxcore, or it is damaged ({error})") from error


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array], metadata: Any = None) -> None:
    """Write named arrays, and any JSON value beside them, as one safetensors file.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> mx.state.save_arrays(path, {"fc_weight": np.ones((2, 3), np.float16)}, metadata={"epoch": 4})
    >>> arrays, metadata = mx.state.load_arrays(path)
    >>> arrays["fc_weight"].dtype, metadata
    (dtype('float16'), {'epoch': 4})

    Raises:
        TypeError: a value is no array; nothing has been written.
    """
    packer = Packer()
    entries = packer.pack_named(arrays)
    if odd := [name for name, entry in entries.items() if not entry.keys() & {"array", "scalar"}]:
        raise TypeError(f"cannot save {odd[0]!r}: {arrays[odd[0]]!r:.60} is no array")
    write_atomically(Path(path), serialize(packer.arrays, {"arrays": entries, "metadata": metadata}))


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Host], Any]:
    """The arrays that :func:`save_arrays` wrote, on the host, and the value beside them.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> mx.state.save_arrays(path, {"bias": np.array([1.0, 2.0])})
    >>> mx.state.load_arrays(path)
    ({'bias': array([1., 2.])}, None)

    Raises:
        ValueError: the file holds something else.
    """
    with open_regular(path) as file:
        stored, manifest = parse(file, str(path))
    if "arrays" not in manifest:
        raise ValueError(f"{path} holds the state of an updater, not named arrays: read it with mx.load_state")
    entries, arrays = manifest["arrays"], {}
    for name, entry in entries.items():
        arrays[name] = unpack(entry, stored)
        if not hasattr(arrays[name], "dtype"):
            raise entry.error("an array")
    return arrays, manifest["metadata"].value
