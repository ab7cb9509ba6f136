"""MXNet's NDArray: an array of NumPy or CuPy, with MXNet's attributes and operators, over the same memory."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mxcore.backend import Context, backend_of

_ELSEWHERE = "mxcore has no autograd: compute gradients with a Module, by hand, or with PyTorch or JAX"
_ARITHMETIC = ("add", "sub", "mul", "truediv", "mod", "pow", "floordiv", "matmul", "and", "or", "xor")
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


class NDArray:
    """An array as MXNet's code expects it. Functions of NumPy and of ``mx.nd`` take it like any other array.

    >>> import mxcore as mx
    >>> x = mx.nd.array([[1, 2], [3, 4]])
    >>> x.sum(), x.context, x[0, 1].asscalar()
    (
    [10.]
    <NDArray 1 @cpu(0)>, cpu(0), 2.0)
    >>> (x > 2).asnumpy()
    array([[0., 0.],
           [1., 1.]], dtype=float32)

    As in MXNet, there are no arrays of dimension 0: a reduction of everything, and an element, have the shape (1,); and
    a comparison gives 0 and 1 in the dtype of its operand. A slice is a view. Functions of
    ``mx.nd`` that take an array first are methods as well.
    """

    __slots__ = ()
    __array_priority__ = 1000.0
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    ndim: int
    size: int

    # --- where it lies -----------------------------------------------------------------------------------------------

    @property
    def context(self) -> Context:
        """The device that holds it; also ``ctx``."""
        backend = backend_of(self)
        return Context("cpu" if backend.name == "numpy" else "gpu", backend.device_of(self))

    ctx = context

    @property
    def stype(self) -> str:
        """The storage type, which is always ``"default"``: every array is dense."""
        return "default"

    def tostype(self, stype: str) -> Any:
        """Return the array itself, which is dense."""
        check_stype(stype)
        return self

    def asnumpy(self) -> Any:
        """Return a copy on the host, as a NumPy array."""
        return np.array(backend_of(self).to_host(bare(self)))

    def asscalar(self) -> Any:
        """Return the only element as a number of Python, in which arithmetic is in double precision, as in MXNet.

        Raises:
            ValueError: there is another number of elements.
        """
        if self.size != 1:
            raise ValueError(f"asscalar() needs an array with one element, got shape {self.shape}")
        return backend_of(self).to_host(bare(self)).reshape(-1)[0].item()

    def as_in_context(self, context: Context) -> Any:
        """Return the array on a device: itself, if it is there. Also ``as_in_ctx``."""
        return self if _same(self.context, context) else wrap(_moved(self, context))

    as_in_ctx = as_in_context

    def copyto(self, other: Any) -> Any:
        """Copy the values into another array, or to a device, and return the copy."""
        if isinstance(other, Context):
            return wrap(_moved(self, other))
        target = backend_of(other)
        values = bare(self) if target is backend_of(self) else backend_of(self).to_host(bare(self))
        target.fill(bare(other), values)
        return wrap(other)

    def astype(self, dtype: Any, copy: bool = True, **_: Any) -> Any:
        """Return the values in another dtype; without ``copy``, the array itself if it has that dtype."""
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return wrap(bare(self).astype(dtype))

    def copy(self, *_: Any, **__: Any) -> Any:
        """Return a copy."""
        return wrap(bare(self).copy())

    def detach(self) -> Any:
        """Return the array itself, since no gradient is ever recorded."""
        return self

    def wait_to_read(self) -> None:
        """Return at once: the host sees every value that it asks for."""

    @property
    def writable(self) -> bool:
        """Whether it may be written to."""
        return backend_of(self).is_writable(bare(self))

    @property
    def grad(self) -> None:
        """None: no gradient is attached."""
        return None

    def attach_grad(self, *_: Any, **__: Any) -> None:
        """Raise a NotImplementedError that says where gradients come from."""
        raise NotImplementedError(_ELSEWHERE)

    backward = attach_grad

    # --- Python's operators ------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        """Return a view; of one element, with the shape (1,)."""
        return wrap(bare(self)[_as_index(key, self.ndim)])

    def __setitem__(self, key: Any, value: Any) -> None:
        bare(self)[_as_index(key, self.ndim)] = bare(value)

    def __iter__(self) -> Iterator[NDArray]:
        """Iterate over the first axis."""
        return (self[place] for place in range(self.shape[0]))

    def __bool__(self) -> bool:
        """Return whether the only element is not 0.

        Raises:
            ValueError: there are several elements.
        """
        if self.size > 1:
            raise ValueError(f"an array of shape {self.shape} is neither true nor false: use `x is not None`")
        return self.size == 1 and bool(self.asscalar())

    def __float__(self) -> float:
        """Return the only element."""
        return float(self.asscalar())

    def __int__(self) -> int:
        """Return the only element, as an integer."""
        return int(self.asscalar())

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"\n{backend_of(self).to_host(bare(self))}\n<NDArray {shape} @{self.context}>"

    __str__ = __repr__

    def __neg__(self) -> Any:
        return wrap(-bare(self))

    def __abs__(self) -> Any:
        return wrap(abs(bare(self)))


def _binary(name: str, cast: bool) -> Callable[[Any, Any], Any]:
    function = getattr(operator, f"__{name}__")

    def apply(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented
        found = function(bare(self), bare(other))
        return wrap(found.astype(self.dtype) if cast else found)

    return apply


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    function = getattr(operator, f"__{name}__")
    return lambda self, other: wrap(function(bare(other), bare(self)))


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    function = getattr(operator, f"__i{name}__")

    def apply(self: Any, other: Any) -> Any:
        function(bare(self), bare(other))
        return self

    return apply


for _name in _ARITHMETIC:
    setattr(NDArray, f"__{_name}__", _binary(_name, cast=False))
    setattr(NDArray, f"__r{_name}__", _reflected(_name))
    setattr(NDArray, f"__i{_name}__", _in_place(_name))
for _name in _COMPARISONS:
    setattr(NDArray, f"__{_name}__", _binary(_name, cast=True))
NDArray.__hash__ = object.__hash__  # type: ignore[method-assign]  # by identity, as in MXNet


class HostArray(NDArray, np.ndarray):  # type: ignore[misc]
    """An NDArray in the memory of the host."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **keywords: Any) -> Any:
        """Let NumPy compute without the differences, and give the result MXNet's class."""
        if out is not None:
            keywords["out"] = tuple(map(bare, out))
        found = getattr(ufunc, method)(*map(bare, inputs), **keywords)
        if out is not None and len(out) == 1:
            return out[0]
        return wrap(found) if isinstance(found, np.ndarray) and method == "__call__" else found


class _Handed:
    """What is handed to a class is true, unless it is a single 0: code from before MXNet 1.0 asks ``if state:``."""

    __slots__ = ()
    size: int

    def __bool__(self) -> bool:
        return self.size > 1 or super().__bool__()  # type: ignore[misc]


class HandedArray(_Handed, HostArray):  # type: ignore[misc]
    """An NDArray that is handed to a class, in the memory of the host."""

    __slots__ = ()


class ReadableArray(np.ndarray[Any, Any]):
    """A NumPy array that also has those attributes and methods of an NDArray that NumPy's lack."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"an array has no attribute {name!r}")
        return getattr(wrap(self), name)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()


@functools.cache
def _class_of(kind: Any, handed: bool = False) -> Any:
    """Return the class of NDArrays over arrays of this type, on a device."""
    bases = (_Handed,) * handed + (NDArray, _library_of(kind))
    return type("DeviceArray", bases, {"__module__": __name__})


def _library_of(kind: Any) -> Any:
    return next(parent for parent in kind.__mro__ if parent.__name__ == "ndarray")


def hand(array: Any) -> Any:
    """Return an NDArray over the memory of an array, as it is handed to a class."""
    if isinstance(array, _Handed):
        return array
    if isinstance(array, np.ndarray):
        return array.view(HandedArray)
    return _over(_class_of(_library_of(array.__class__), handed=True), array)


def wrap(array: Any) -> Any:
    """Return an NDArray over the memory of an array or of a number; an NDArray itself.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros(2)
    >>> mx.nd.wrap(weight)[:] = 1
    >>> weight
    array([1., 1.])
    """
    if isinstance(array, NDArray):
        return array
    if isinstance(array, (np.generic, int, float, bool)):
        array = np.asarray(array)
    if not array.ndim:
        array = array.reshape(1)
    if isinstance(array, np.ndarray):
        return array.view(HostArray)
    return _over(_class_of(array.__class__), array)


def bare(value: Any) -> Any:
    """Return an array without MXNet's class, a number of NumPy as one of Python, and anything else as it is.

    >>> import mxcore as mx
    >>> type(mx.nd.bare(mx.nd.zeros(2))).__name__
    'ndarray'
    """
    if isinstance(value, HostArray):
        return value.view(np.ndarray)
    if isinstance(value, NDArray):
        return _over(_library_of(type(value)), value)
    return value.item() if isinstance(value, np.generic) else value


def _over(cls: Any, array: Any) -> Any:
    """Return an array of one of CuPy's classes over the memory of another."""
    return cls(array.shape, array.dtype, array.data, array.strides)


def deliver(result: Any, out: Any = None) -> Any:
    """Return a result as an NDArray, or write it into ``out`` and return that."""
    if out is None:
        return wrap(result)
    target = bare(out)
    if getattr(result, "shape", ()) == target.shape:
        target[...] = result
    else:
        target[...] = result.reshape(target.shape) if getattr(result, "size", 1) == target.size else result
    return out


def xp_of(*values: Any) -> Any:
    """Return the array functions of the library of the first value that is an array; by default, NumPy."""
    for value in values:
        if hasattr(value, "dtype") and not isinstance(value, (np.ndarray, np.generic)):
            return backend_of(value).xp
    return np


def check_stype(stype: Any) -> None:
    """Raise a ValueError unless a storage type is dense."""
    if stype not in (None, "default"):
        raise ValueError(f"stype must be 'default', got {stype!r}: there are no sparse arrays")


def _same(one: Context, other: Context) -> bool:
    return one.device_type == other.device_type and (one.device_type == "cpu" or one == other)


def _moved(array: Any, context: Context) -> Any:
    return context.backend.from_host(backend_of(array).to_host(bare(array)), context.device_id)


def _as_index(key: Any, ndim: int) -> Any:
    """Return an index for NumPy: arrays of floats as integers, and an axis of length 1 after an index for each axis."""
    keys = key if isinstance(key, tuple) else (key,)
    if len(keys) == ndim and all(isinstance(one, (int, np.integer)) for one in keys):
        return (*keys, None)
    plain = tuple(_integers(bare(one)) for one in keys)
    return plain if isinstance(key, tuple) else plain[0]


def _integers(key: Any) -> Any:
    return key.astype(np.intp) if getattr(getattr(key, "dtype", None), "kind", "") == "f" else key
