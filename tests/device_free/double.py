"""A double of CuPy for array code, since real arrays cannot compute without a device: NumPy inside, CuPy's behaviour.

As with CuPy, NumPy functions on its arrays dispatch to CuPy's. NumPy arrays as operands, implicit conversions and
assignments between host and device are refused, and so is work on a device other than the current one. Functions that
CuPy lacks do not exist, and every call must fit the signature of CuPy's own function. It is stricter in one respect:
reading a number (float(), bool(), int()), for which the host would wait for a GPU, is refused.
"""

import functools
import inspect
from types import ModuleType, SimpleNamespace
from typing import Any

import cupy
import numpy as np

_EXPLICIT = ("array", "asarray")  # the functions that take host arrays: explicit transfers


class ndarray:
    """An array on a device of the double."""

    __array_priority__ = 100
    __module__ = "cupy"
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, library: "Library", host: Any) -> None:
        self._library, self._host, self._device = library, host, library.current

    # --- where it lies -----------------------------------------------------------------------------------------------

    @property
    def device(self) -> Any:
        return SimpleNamespace(id=self._device)

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self._host.ctypes.data, device_id=self._device)

    @property
    def flags(self) -> Any:
        flags = self._host.flags
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous)

    @property
    def __cuda_array_interface__(self) -> Any:
        return self._host.__array_interface__

    # --- what CuPy's arrays can do -----------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        real, ours = getattr(cupy.ndarray, name), getattr(self._host, name)
        if not callable(ours):
            return self._view(ours) if isinstance(ours, np.ndarray) else ours

        def method(*args: Any, **kwargs: Any) -> Any:
            _signature(real).bind(self, *args, **kwargs)
            return self._library.call(ours, self, args, kwargs)

        return method

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        return np.array(self._host, order=order)  # type: ignore[call-overload]

    def set(self, arr: Any, stream: Any = None) -> None:
        self._host[...] = arr

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(one, (ndarray, np.ndarray, list)) for one in keys):
            return self._library.call(self._host.__getitem__, self, (key,), {})
        return self._view(self._host[keys if any(one is ... for one in keys) else (*keys, ...)])

    def _view(self, host: Any) -> "ndarray":
        """Return a view: nothing is computed, so the current device does not matter."""
        view = ndarray(self._library, np.asarray(host))
        view._device = self._device
        return view

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, np.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._library.call(self._host.__setitem__, self, (key, value), {})

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = getattr(self._library, ufunc.__name__)
        if "out" in kwargs:  # as CuPy unpacks it
            (kwargs["out"],) = kwargs["out"]
        return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        path = [*function.__module__.split(".")[1:], function.__name__]
        try:
            found = functools.reduce(getattr, path, self._library)
        except AttributeError:
            return NotImplemented
        return found(*args, **kwargs)

    # --- what is refused ---------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def _waits(self, *_: Any) -> Any:
        raise TypeError("reading a number from a device makes the host wait for it: stay in arrays")

    __float__ = __int__ = __bool__ = __index__ = __complex__ = _waits


def _operator(ufunc: str, swapped: bool = False, in_place: bool = False) -> Any:
    def method(self: ndarray, *others: Any) -> Any:
        operands = (*others, self) if swapped else (self, *others)
        return getattr(self._library, ufunc)(*operands, *([self] if in_place else []))

    return method


_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor",
}  # fmt: skip
_OTHERS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "neg": "negative", "abs": "absolute", "invert": "invert",
}  # fmt: skip
for _name, _ufunc in _BINARY.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_ufunc, swapped=True))
    setattr(ndarray, f"__i{_name}__", _operator(_ufunc, in_place=True))
for _name, _ufunc in _OTHERS.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))


class Library:
    """The module ``cupy`` or one of its submodules, with the names that NumPy has, too.

    Args:
        path: the names that lead from ``cupy`` to the module.
        root: the module ``cupy`` itself.
    """

    ndarray = ndarray
    devices: Any

    def __init__(self, path: tuple[str, ...] = (), root: "Library | None" = None) -> None:
        self._path, self._root = path, root or self

    @property
    def current(self) -> int:
        """The current device."""
        return int(self._root.devices.current)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        real, ours = (functools.reduce(getattr, (*self._path, name), module) for module in (cupy, np))
        if isinstance(real, ModuleType):
            return Library((*self._path, name), self._root)
        if real is ours or not callable(real):  # types and constants are NumPy's own
            return ours
        return self._root.function(real, ours, explicit=name in _EXPLICIT)

    def function(self, real: Any, ours: Any, *, explicit: bool = False) -> Any:
        """Return a NumPy function with the behaviour of CuPy's."""

        def call(*args: Any, **kwargs: Any) -> Any:
            _check_call(real, args, kwargs)
            return self.call(ours, None, args, kwargs, explicit=explicit)

        if hasattr(real, "at"):

            def at(array: ndarray, *args: Any) -> None:
                self.call(ours.at, None, (array, *args), {})

            call.at = at  # type: ignore[attr-defined]
        return call

    def asnumpy(self, a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> Any:
        return a.get(order=order)

    def call(self, function: Any, owner: Any, args: Any, kwargs: Any, *, explicit: bool = False) -> Any:
        """Call a NumPy function with the content of the double's arrays."""
        self._see(owner)
        args = [self.unwrapped(one, explicit) for one in args]
        with np.errstate(all="ignore"):  # a GPU raises no warnings
            return self.wrapped(function(*args, **{key: self.unwrapped(one) for key, one in kwargs.items()}))

    def unwrapped(self, value: Any, explicit: bool = False) -> Any:
        """Return what NumPy computes with in place of an operand."""
        if isinstance(value, ndarray):
            return self._see(value)._host
        if isinstance(value, np.ndarray) and not explicit:
            raise TypeError(f"Unsupported type {type(value)}")
        return type(value)(map(self.unwrapped, value)) if type(value) in (list, tuple) else value

    def wrapped(self, value: Any) -> Any:
        """Return a result; 0-d arrays stay arrays."""
        if isinstance(value, (np.ndarray, np.generic)):
            return ndarray(self, np.asarray(value))
        if isinstance(value, tuple):  # a named one, too, as of a decomposition
            return tuple(map(self.wrapped, value))
        return list(map(self.wrapped, value)) if type(value) is list else value

    def _see(self, array: Any) -> Any:
        if array is not None and array._device != self.current:
            raise ValueError(f"Array device must be same as the current device: {array._device} and {self.current}")
        return array


@functools.cache
def _signature(real: Any) -> inspect.Signature:
    """Return the signature of a CuPy function; compiled methods have it in the first line of their documentation."""
    try:
        return inspect.signature(real)
    except ValueError:
        text = real.__doc__.splitlines()[0].partition("(")[2].rpartition(")")[0]
        namespace: dict[str, Any] = {}
        exec(f"def method({text}): ...", namespace)
        return inspect.signature(namespace["method"])


def _check_call(real: Any, args: Any, kwargs: Any) -> None:
    if isinstance(real, cupy.ufunc):
        if not real.nin <= len(args) <= real.nargs or set(kwargs) - {"out", "dtype", "casting"}:
            raise TypeError(
                f"{real.name} takes {real.nin} arrays, out, dtype and casting, got {len(args)}, {[*kwargs]}"
            )
    else:
        _signature(real).bind(*args, **kwargs)
