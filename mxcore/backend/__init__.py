"""Array libraries behind one small interface, and the devices that they live on.

The library is found from the array's type, so nothing is imported that the caller has not imported already.

>>> import numpy as np, mxcore as mx
>>> mx.backend.backend_of(np.zeros(3)).name
'numpy'
>>> mx.cpu()
cpu(0)
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, cast

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.once import once

__all__ = [
    "LIBRARIES", "Array", "Backend", "BackendError", "Context", "Host", "backend_of", "cpu", "get_backend", "gpu",
    "on_device_of", "shared_backend",
]  # fmt: skip

Array: TypeAlias = Any
"""A NumPy or CuPy array. Both are used through the same methods, so neither is imported for the type."""

Host: TypeAlias = npt.NDArray[Any]
"""A NumPy array, where no other kind can occur."""

LIBRARIES = {"numpy": "NumpyBackend", "cupy": "CupyBackend"}
"""The array libraries that the core supports, with the backend class of each, in a module named after the library."""


class BackendError(RuntimeError):
    """An array library or its device cannot be used here; the message says what is missing and what to do."""


class Backend(Protocol):
    """What the core needs of an array library.

    >>> import mxcore as mx
    >>> numpy = mx.backend.get_backend("numpy")
    >>> numpy.full_like(numpy.xp.zeros(2), 7.0)
    array([7., 7.])
    """

    name: str

    @property
    def xp(self) -> Any:
        """The library's array functions, a module such as ``numpy``."""

    def device_of(self, array: Array) -> int:
        """Return the number of the device that holds ``array``."""

    def on(self, device: int) -> AbstractContextManager[Any]:
        """Make ``device`` the current one for a block."""

    def from_host(self, array: npt.ArrayLike, device: int = 0) -> Array:
        """Return a new array on ``device`` with the values, dtype and memory order of a host array."""

    def to_host(self, array: Array) -> Host:
        """Return the values of ``array`` as a NumPy array, without a copy if possible."""

    def full_like(self, array: Array, value: complex, dtype: Any = None) -> Array:
        """Return a new array with the shape, memory order, device and (unless given) dtype of ``array``."""

    def copy(self, array: Array, dtype: Any = None) -> Array:
        """Return a copy of ``array`` in the same memory order, in another dtype if one is given."""

    def fill(self, array: Array, values: Any) -> None:
        """Write values (a number, or an array of the host or of this library) into ``array``, cast to its dtype."""

    def assignment(self, array: Array, values: Array) -> list[tuple[Any, ...]]:
        """Return the calls that do what :meth:`fill` does, for values of this library, without making them.

        Each call is a function implemented entirely in C and its arguments. They may change the current device.
        """

    def is_writable(self, array: Array) -> bool:
        """Return whether ``array`` may be updated in place."""


@once
def get_backend(name: str) -> Backend:
    """Return the backend of an array library, by the library's import name.

    >>> import mxcore as mx
    >>> mx.backend.get_backend("numpy").xp.__name__
    'numpy'

    Raises:
        mxcore.catalogue.PluginError: no backend of that name is built in or installed.
    """
    if name not in LIBRARIES:
        from mxcore import catalogue

        return cast("Backend", catalogue.load("backend", name)())
    module = importlib.import_module(f"mxcore.backend.{name}")
    return cast("Backend", getattr(module, LIBRARIES[name])())


def backend_of(array: Array) -> Backend:
    """Return the backend that owns ``array``.

    >>> import numpy as np, mxcore as mx
    >>> mx.backend.backend_of(np.zeros(3)).name
    'numpy'
    >>> mx.backend.backend_of([0.0, 0.0])
    Traceback (most recent call last):
        ...
    TypeError: expected a NumPy or CuPy array, got builtins.list

    Raises:
        TypeError: ``array`` is masked, or is not an array of NumPy, CuPy or another library with an installed backend.
    """
    kind: Any = type(array)
    return _backend_of_type(kind)


def on_device_of(array: Array) -> AbstractContextManager[Any]:
    """Make the device that holds ``array`` the current one for a block, as CuPy requires for array expressions.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.ones(2)
    >>> with mx.backend.on_device_of(weight):
    ...     weight += 1
    >>> weight
    array([2., 2.])
    """
    backend = backend_of(array)
    return backend.on(backend.device_of(array))


@functools.cache
def _backend_of_type(kind: type) -> Backend:
    for parent in kind.__mro__:
        library = parent.__module__.partition(".")[0]
        if library == "numpy" and parent.__name__ == "MaskedArray":
            raise TypeError("expected an array without a mask, got a MaskedArray: pass array.filled(…) or array.data")
        if parent.__name__ == "ndarray" and library in LIBRARIES:
            return get_backend(library)
    from mxcore import catalogue

    library = kind.__module__.partition(".")[0]
    if any(record.name == library for record in catalogue.records("backend")):
        return get_backend(library)
    raise TypeError(f"expected a NumPy or CuPy array, got {kind.__module__}.{kind.__qualname__}")


def shared_backend(arrays: Iterable[tuple[str, Array]]) -> Backend:
    """Return the backend that all of these named arrays share.

    >>> import numpy as np, mxcore as mx
    >>> mx.backend.shared_backend([("the weight", np.ones(2)), ("the gradient", np.ones(2))]).name
    'numpy'
    >>> mx.backend.shared_backend([("the weight", np.ones(2)), ("the gradient", 1.0)])
    Traceback (most recent call last):
        ...
    TypeError: the gradient: expected a NumPy or CuPy array, got builtins.float

    Raises:
        TypeError: one is not an array, or two belong to different libraries; the message names them.
    """
    first: tuple[str, Backend] | None = None
    for label, array in arrays:
        try:
            backend = backend_of(array)
        except TypeError as error:
            raise TypeError(f"{label}: {error}") from None
        first = first or (label, backend)
        if backend is not first[1]:
            raise TypeError(
                f"{label} is a {backend.name} array, but {first[0]} is a {first[1].name} array: "
                "keep the weights, gradients and states of an optimizer in the same library"
            )
    if first is None:
        raise ValueError("no arrays given")
    return first[1]


@attrs.frozen(repr=False, slots=False)
class Context:
    """A device, named as in MXNet: ``cpu(0)``, ``gpu(1)``.

    >>> import mxcore as mx
    >>> device = mx.cpu()
    >>> device, device.device_type, device.array([1, 2])
    (cpu(0), 'cpu', array([1, 2]))
    """

    device_type: str
    device_id: int = 0

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    @property
    def backend(self) -> Backend:
        """The backend of this device's arrays."""
        return get_backend("cupy" if self.device_type == "gpu" else "numpy")

    def array(self, values: npt.ArrayLike) -> Array:
        """Return a new array on this device with the values of a host array."""
        return self.backend.from_host(np.asarray(values), self.device_id)


def cpu(device_id: int = 0) -> Context:
    """Return the host, whose arrays are NumPy's. The number is accepted for compatibility with MXNet and has no effect.

    >>> import mxcore as mx
    >>> mx.cpu()
    cpu(0)
    """
    return Context("cpu", device_id)


def gpu(device_id: int = 0) -> Context:
    """Return the CUDA device of that number, whose arrays are CuPy's. Nothing is imported or checked until it is used.

    >>> import mxcore as mx
    >>> mx.gpu(1)
    gpu(1)
    """
    return Context("gpu", device_id)
