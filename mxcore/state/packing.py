"""Nested values and the keys of their dicts as JSON, and the arrays that they hold beside it; and back.

Files know C order alone. So the axes of every array are brought into the order in which they lie in memory, which the
JSON notes; and bfloat16, which NumPy does not know, is stored as uint16. Arrays come back with the values, dtype, shape
and order of axes in memory that they had.
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
"""The types of arrays that a file can hold, by NumPy's names, with those of the format."""


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
            names = [encode_key(name, where) for name in value]
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
        if stored.dtype.name not in DTYPES:
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


# --- keys ------------------------------------------------------------------------------------------------------------


def encode_key(key: Any, label: str) -> Any:
    """The JSON form of a key: text, a number, None, a member of an Enum, or a tuple or frozenset of these.

    Raises:
        TypeError: it is anything else; the message begins with ``label``.
    """
    if isinstance(key, np.generic):
        key = key.item()
    if key is None or isinstance(key, (str, int, float)):  # Enums of these are equal to their values
        return key.value if isinstance(key, Enum) else key
    if isinstance(key, tuple):
        return {"tuple": [encode_key(item, label) for item in key]}
    if isinstance(key, frozenset):
        return {"frozenset": sorted((encode_key(item, label) for item in key), key=repr)}
    if isinstance(key, Enum) and key.name in type(key).__members__:
        return {"enum": [type(key).__module__, type(key).__qualname__, key.name]}
    raise TypeError(f"{label}: {key!r} is neither text, a number nor an Enum, nor a tuple or frozenset of these")


def decode_key(place: Place) -> Any:
    """The key that :func:`encode_key` encoded.

    Raises:
        ValueError: it is none, or a member of an Enum that this program does not have. Nothing is imported.
    """
    if isinstance(place.value, dict) and len(place.value) == 1:
        ((kind, content),) = place.items()
        if kind in ("tuple", "frozenset"):
            items = [decode_key(item) for item in content.list()]
            return tuple(items) if kind == "tuple" else frozenset(items)
        if kind == "enum":
            return _member(content)
    if isinstance(place.value, (dict, list)):
        raise place.error("a key: text, a number, a tuple, a frozenset or a member of an Enum")
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
