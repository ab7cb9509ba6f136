"""Read pickles of MXNet without unpickling them: nothing in a file is imported, called or executed.

The opcodes of the pickle are followed one by one. They can make numbers, strings, bytes, tuples, lists, dicts, arrays,
and records of the attributes of MXNet's optimizers and schedules. Everything else is an error that names it. No memory
is allocated for a length that the file claims but does not have.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs
import numpy as np

from mxcore_nd.files import read_raw

__all__ = ["Held", "Record", "looks_like", "parse"]

_MODULES = ("mxnet.optimizer", "mxnet.lr_scheduler")
_ARRAYS = ("mxnet.ndarray", "mxnet.numpy")
_NUMPY = re.compile(r"numpy(\.core|\._core)?(\.multiarray)?")
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
"""The opcodes whose argument is a value."""
_MAKE: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict, "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}  # fmt: skip
_PUT, _GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}


@attrs.define(eq=False)
class Record:
    """The attributes of an optimizer or a schedule, and the name of its class."""

    name: str
    attributes: dict[Any, Any] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Held:
    """An array; None until its content has been read."""

    value: Any = None


@attrs.define(eq=False)
class _Dtype:
    code: str
    order: str = "<"

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order.replace("|", "<") + self.code)


@attrs.frozen
class _Known:
    """Something that a pickle may name: a class or a function, which is not called."""

    kind: str
    name: str


def looks_like(data: bytes) -> bool:
    """Return whether bytes may be a pickle."""
    return data[-1:] == b"." and (data[:1] in (b"(", b"}") or (data[:1] == b"\x80" and data[1] <= 5))


def parse(data: bytes, source: str, classes: Collection[str] = ()) -> Any:
    """Return what a pickle holds.

    Args:
        data: the bytes of the pickle.
        source: the file, for messages.
        classes: the names of further classes whose attributes may be read, whatever their module.

    Raises:
        ValueError: it is damaged, or has something else than arrays, numbers, strings and settings.
    """
    try:
        return _Machine(classes).run(data)
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise ValueError(f"{source} is not a state of MXNet that can be read, or is damaged: {error!s:.200}") from None


class _Machine:
    """The stack machine of pickles."""

    def __init__(self, classes: Collection[str]) -> None:
        self.classes = classes
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[Any, Any] = {}

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            if name == "STOP":
                if self.marks or len(self.stack) != 1:
                    raise ValueError("it does not end with one value")
                return self.stack[0]
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _MAKE:
                self.stack.append(_MAKE[name]())
            elif name == "MARK":
                self.marks.append(len(self.stack))
            elif not self._remembered(name, argument):
                self._combine(name, argument)
        raise ValueError("it has no end")

    def _remembered(self, name: str, argument: Any) -> bool:
        """Follow an opcode that remembers a value or recalls one, or has no effect; return whether it is one."""
        if name in _PUT:
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in _GET:
            self.stack.append(self.memo[argument])
        return name in _PUT or name in _GET or name in ("MEMOIZE", "PROTO", "FRAME")

    def _combine(self, name: str, argument: Any) -> None:
        """Follow an opcode that makes a value of others, or changes one."""
        match name:
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self._take(int(name[-1]))))
            case "TUPLE" | "LIST":
                self.stack.append((tuple if name == "TUPLE" else list)(self._marked()))
            case "DICT":
                self.stack.append(_into({}, self._marked()))
            case "SETITEM" | "SETITEMS":
                items = self._take(2) if name == "SETITEM" else self._marked()
                _into(_one(self.stack[-1], dict), items)
            case "APPEND" | "APPENDS":
                found = self._take(1) if name == "APPEND" else self._marked()
                _one(self.stack[-1], list).extend(found)
            case "GLOBAL" | "STACK_GLOBAL":
                names = argument.split(" ", 1) if name == "GLOBAL" else self._take(2)
                self.stack.append(self._known(*(_one(one, str) for one in names)))
            case "REDUCE" | "NEWOBJ":
                function, arguments = self._take(2)
                self.stack.append(_made(_one(function, _Known), _one(arguments, tuple)))
            case "BUILD":
                (state,) = self._take(1)
                _build(self.stack[-1], state)
            case _:
                raise ValueError(f"it has the opcode {name}")

    def _take(self, count: int) -> list[Any]:
        if count > len(self.stack) - (self.marks[-1] if self.marks else 0):
            raise ValueError("it takes more values than there are")
        found = self.stack[-count:]
        del self.stack[-count:]
        return found

    def _marked(self) -> list[Any]:
        """Take the values behind the last mark."""
        begin = self.marks.pop()
        found = self.stack[begin:]
        del self.stack[begin:]
        return found

    def _known(self, module: str, name: str) -> _Known:
        root = module.replace("__builtin__", "builtins").replace("copy_reg", "copyreg")
        if (root, name) in (("builtins", "bytearray"), ("builtins", "object"), ("_codecs", "encode")):
            return _Known(name, name)
        if (root, name) in (("copyreg", "_reconstructor"), ("collections", "OrderedDict")):
            return _Known(name, name)
        if _NUMPY.fullmatch(root) and name in ("_reconstruct", "ndarray", "dtype", "scalar"):
            return _Known(f"numpy.{name}", name)
        if root.startswith(_ARRAYS) and name in ("NDArray", "ndarray", "RowSparseNDArray", "CSRNDArray"):
            return _Known("array", name)
        if root.startswith(_MODULES) or name in self.classes:
            return _Known("record", name)
        raise ValueError(
            f"it names {module:.60}.{name:.60}, but only arrays, numbers, strings, and the settings of MXNet's "
            "optimizers and schedules are read"
        )


def _one(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__} is expected where it has a {type(value).__name__}")
    return value


def _into(table: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2 or not all(isinstance(key, (str, int, bytes)) for key in items[::2]):
        raise ValueError("a dict has a key that is neither a string nor a number")
    table.update(zip(items[::2], items[1::2], strict=True))
    return table


def _made(known: _Known, arguments: tuple[Any, ...]) -> Any:
    """Return what calling a known class or function would make."""
    match known.kind, arguments:
        case "bytearray", ():
            return b""
        case "bytearray", (bytes() | bytearray() as content,):
            return bytes(content)
        case (("bytearray" | "encode"), (str() as text, str())):
            return text.encode("latin-1")
        case "OrderedDict", ():
            return {}
        case "_reconstructor", (_Known(kind="record", name=name), _Known(kind="object"), None):
            return Record(name)
        case "record", ():
            return Record(known.name)
        case ("array", _) | ("numpy._reconstruct", _):
            return Held()
        case "numpy.dtype", (str() as code, *_) if re.fullmatch("[biuf][1248]", code):
            return _Dtype(code)
        case "numpy.scalar", (_Dtype() as dtype, bytes() as content):
            return _values(dtype, (), content).item()
    raise ValueError(f"{known.name} has arguments that are not MXNet's")


def _build(value: Any, state: Any) -> None:
    """Set the state of a value that has just been made."""
    match value, state:
        case Record(), dict():
            value.attributes.update(state)
        case Held(value=None), {"handle": bytes() | bytearray() as content}:
            value.value = read_raw(content, "an array in it")
        case Held(value=None), {"handle": None}:
            value.value = np.zeros(0, np.float32)
        case Held(value=None), (int(), tuple() as shape, _Dtype() as dtype, is_fortran, bytes() as content):
            order = shape[::-1] if is_fortran else shape
            value.value = _values(dtype, order, content)
            value.value = value.value.T if is_fortran else value.value
        case _Dtype(), (int(), "<" | ">" | "|" as order, *_):
            value.order = order
        case _:
            raise ValueError(f"it sets the state of a {type(value).__name__} to something that is not MXNet's")


def _values(dtype: _Dtype, shape: tuple[Any, ...], content: bytes) -> Any:
    found = np.frombuffer(content, dtype.numpy())
    if not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) != found.size:
        raise ValueError(f"an array of another shape has {found.size} values")
    return found.astype(found.dtype.newbyteorder("=")).reshape(shape)
