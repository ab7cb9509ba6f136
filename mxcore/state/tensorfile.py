"""Arrays, and nested values that hold arrays, as one safetensors file with a JSON manifest.

safetensors writes memory as it lies. So every array is laid out in C order first, its memory order is noted in the
manifest, and bfloat16, which NumPy does not know, is stored as uint16. Arrays come back with the values, dtype, shape
and order of axes in memory that they had.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from mxcore import catalogue
from mxcore.backend import Array, Host, backend_of
from mxcore.state.atomic import write_atomically

_PLAIN = (bool, int, float, str, type(None))
_MANIFEST = "mxcore"


class Packer:
    """Turns nested values into JSON, and collects their arrays under readable keys."""

    def __init__(self) -> None:
        self.arrays: dict[str, Host] = {}

    def pack(self, value: Any, key: str) -> Any:
        """The JSON form of a value: numbers, text, None, arrays, and tuples, lists and dicts of these.

        Raises:
            TypeError: it holds anything else; the message says where.
        """
        if isinstance(value, _PLAIN):
            return {"value": value}
        if isinstance(value, (tuple, list)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.pack(item, f"{key}/{number}") for number, item in enumerate(value)]}
        if isinstance(value, dict):
            if odd := [name for name in value if not isinstance(name, (str, int))]:
                raise TypeError(f"cannot save {key}: the key {odd[0]!r} of a dict is neither text nor an integer")
            return {"dict": [[name, self.pack(item, f"{key}/{name}")] for name, item in value.items()]}
        if isinstance(value, np.generic):
            return {"scalar": self._store(np.asarray(value), key)}
        try:
            array = backend_of(value).to_host(value)
        except TypeError:
            raise TypeError(
                f"cannot save {key}: {type(value).__module__}.{type(value).__qualname__} is no array, number, text or "
                "None, nor a tuple, list or dict of these"
            ) from None
        return {"array": self._store(array, key)}

    def _store(self, array: Host, key: str) -> dict[str, Any]:
        if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
            raise TypeError(f"cannot save {key}: arrays of dtype {array.dtype} have no place in a safetensors file")
        while key in self.arrays:
            key += "'"
        # The outermost axis in memory first: what a copy in C order of the transposed array then keeps.
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        dtype = array.dtype.name
        stored = np.ascontiguousarray(array.transpose(axes), array.dtype.newbyteorder("=")).reshape(
            [array.shape[axis] for axis in axes]
        )
        self.arrays[key] = stored.view(np.uint16) if dtype == "bfloat16" else stored
        return {"key": key, "dtype": dtype, "axes": axes}


def unpack(packed: Mapping[str, Any], arrays: Mapping[str, Host]) -> Any:
    """The value that :meth:`Packer.pack` packed, with fresh arrays."""
    ((kind, content),) = packed.items()
    if kind == "value":
        return content
    if kind == "dict":
        return {name: unpack(item, arrays) for name, item in content}
    if kind in ("tuple", "list"):
        items = [unpack(item, arrays) for item in content]
        return tuple(items) if kind == "tuple" else items
    array = arrays[content["key"]].copy()
    if content["dtype"] == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            how = catalogue.how_to_install("mxcore[bf16]")
            raise ImportError(f"the file holds bfloat16 arrays, which need ml_dtypes: {how}") from error
        array = array.view(ml_dtypes.bfloat16)
    return array[()] if kind == "scalar" else array.transpose(np.argsort(content["axes"]))


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


def serialize(arrays: Mapping[str, Host], manifest: Any) -> bytes:
    """The bytes of a safetensors file with a manifest."""
    return safetensors.save(dict(arrays), metadata={_MANIFEST: json.dumps(manifest)})


def parse(data: bytes, source: str) -> tuple[dict[str, Host], Any]:
    """The arrays and the manifest of a file's bytes.

    Raises:
        ValueError: they are not what :func:`serialize` writes.
    """
    try:
        arrays = safetensors.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return arrays, json.loads(header["__metadata__"][_MANIFEST])
    except (SafetensorError, KeyError, ValueError) as error:
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
    entries = {name: packer.pack(array, name) for name, array in arrays.items()}
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
    stored, manifest = parse(Path(path).read_bytes(), str(path))
    if "arrays" not in manifest:
        raise ValueError(f"{path} holds the state of an updater, not named arrays: read it with mx.load_state")
    return {name: unpack(entry, stored) for name, entry in manifest["arrays"].items()}, manifest["metadata"]
