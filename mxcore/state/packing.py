"""Convert nested values, and the keys of their dicts, to JSON and separate arrays, and back.

The file format supports only C order. So the axes of every array are put into their order in memory, which the JSON
records. bfloat16, which NumPy lacks, is stored as uint16, and complex numbers as pairs of floats. Arrays come back with
the same values, dtype, shape and memory order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import numpy as np

from mxcore import catalogue
from mxcore.backend import Array, Host, backend_of
from mxcore.state.place import DEEPEST, Place

_PLAIN = (bool, int, float, str, type(None))
DTYPES = {
    "bool": "BOOL",
    **{f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
}
"""The dtypes that a file can hold, by NumPy name, with the names in the format."""


class Packer:
    """Converts nested values to JSON, and collects their arrays under readable keys."""

    def __init__(self) -> None:
        self.arrays: dict[str, Host] = {}

    def pack(self, value: Any, key: str, depth: int = 0) -> Any:
        """Return the JSON form of a value: a number, string, None, array, or tuple, list or dict of these.

        Raises:
            TypeError: it holds anything else, or is nested too deeply; the message says where.
        """
        if depth > DEEPEST // 4:  # one level takes up to three in the file
            raise TypeError(f"cannot save {key:.100}: it holds itself, or is nested deeper than {DEEPEST // 4} levels")
        if isinstance(value, np.generic):
            return {"scalar": self._store(np.asarray(value), key)}
        if isinstance(value, _PLAIN):
            return {"value": value}
        if isinstance(value, (tuple, list)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.pack(item, f"{key}/{number}", depth + 1) for number, item in enumerate(value)]}
        if isinstance(value, dict):
            where = f"cannot save {key}: a key of a dict"
            names = [encode_key(name, where) for name in value]
            items = [self.pack(item, f"{key}/{name}", depth + 1) for name, item in value.items()]
            return {"dict": [list(pair) for pair in zip(names, items, strict=True)]}
        try:
            array = backend_of(value).to_host(value)
        except TypeError:
            raise TypeError(
                f"cannot save {key}: {type(value).__module__}.{type(value).__qualname__} is not an array, a number, "
                "a string, None, or a tuple, list or dict of these"
            ) from None
        return {"array": self._store(array, key)}

    def pack_named(self, named: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """Pack values by name.

        Raises:
            TypeError: a name is not a string, or as for :meth:`pack`.
        """
        if odd := [name for name in named if not isinstance(name, str)]:
            raise TypeError(f"cannot save an array under the name {odd[0]!r}: names must be strings")
        return {str(name): self.pack(value, f"{prefix}{name}") for name, value in named.items()}

    def _store(self, array: Host, key: str) -> dict[str, Any]:
        dtype = array.dtype.name
        stored = array.view(np.uint16) if dtype == "bfloat16" else array
        if dtype.startswith("complex"):
            stored = array[..., None].view(array.real.dtype)
        if stored.dtype.name not in DTYPES:
            raise TypeError(f"cannot save {key}: safetensors files do not support arrays of dtype {array.dtype}")
        key = key.encode(errors="replace").decode()  # a name that any reader of the format accepts
        while key in self.arrays:
            key += "'"
        # The outermost axis in memory comes first, so that the transposed array is in C order.
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        self.arrays[key] = stored.transpose([*axes, *range(array.ndim, stored.ndim)])
        return {"key": key, "dtype": dtype, "axes": axes}


def unpack(packed: Place, arrays: dict[str, Host]) -> Any:
    """Return the value that :meth:`Packer.pack` packed, and remove its arrays from ``arrays``.

    Raises:
        ValueError: it is not a packed value, or an array is missing or used twice.
    """
    if len(packed.table()) != 1:
        raise packed.error("one packed value")
    ((kind, content),) = packed.items()
    if kind == "value" and isinstance(content.value, _PLAIN):
        return content.value
    if kind == "dict":
        return {decode_key(name): unpack(item, arrays) for name, item in (pair.list(2) for pair in content.list())}
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
        raise key.error("the name of an array in the file that nothing else uses")
    array = arrays.pop(key.text())
    stored = {"bfloat16": "uint16", "complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    if array.dtype.name == stored != dtype and dtype.startswith("complex") and array.shape[-1:] == (2,):
        array, stored = array.view(dtype)[..., 0], dtype
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
    """Return a nested value with ``function`` applied to each of its arrays.

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


# --- keys ------------------------------------------------------------------------------------------------------------


def encode_key(key: Any, label: str) -> Any:
    """Return the JSON form of a key: a string, number, None, Enum member, or a tuple or frozenset of these.

    Raises:
        TypeError: it is anything else; the message starts with ``label``.
    """
    if isinstance(key, np.generic):
        key = key.item()
    if key is None or isinstance(key, (str, int, float)):  # Enums with these mixed in are equal to their values
        return key.value if isinstance(key, Enum) else key
    if isinstance(key, tuple):
        return {"tuple": [encode_key(item, label) for item in key]}
    if isinstance(key, frozenset):
        return {"frozenset": sorted((encode_key(item, label) for item in key), key=repr)}
    if isinstance(key, Enum) and key.name in type(key).__members__:
        return {"enum": [type(key).__module__, type(key).__qualname__, key.name]}
    raise TypeError(f"{label}: {key!r} is not a string, a number, an Enum, or a tuple or frozenset of these")


def decode_key(place: Place) -> Any:
    """Return the key that :func:`encode_key` encoded.

    Raises:
        ValueError: it is not a key, or a member of an Enum that is not imported. Nothing is imported.
    """
    if isinstance(place.value, dict) and len(place.value) == 1:
        ((kind, content),) = place.items()
        if kind in ("tuple", "frozenset"):
            items = [decode_key(item) for item in content.list()]
            return tuple(items) if kind == "tuple" else frozenset(items)
        if kind == "enum":
            return _member(content)
    if isinstance(place.value, (dict, list)):
        raise place.error("a key: a string, a number, a tuple, a frozenset or an Enum member")
    return place.value


def _member(place: Place) -> Enum:
    module, name, member = (item.text() for item in place.list(3))
    found = [one for one in _enums(Enum) if (one.__module__, one.__qualname__) == (module, name)]
    if not found or member not in found[-1].__members__:
        raise ValueError(f"{place.where} is {name}.{member} of the module {module}: import it first")
    return found[-1].__members__[member]


def _enums(parent: type[Enum]) -> Iterator[type[Enum]]:
    for cls in parent.__subclasses__():
        yield cls
        yield from _enums(cls)
