"""Arrays as they are handed to users: NumPy's or CuPy's, which have the methods of MXNet's NDArray as well."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of

__all__ = ["Readable", "concatenated", "plain", "readable"]


class Readable:
    """Gives an array of NumPy or CuPy those attributes and methods of an NDArray that it lacks, such as ``asnumpy``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"an array has no attribute {name!r}")
        import mxcore_nd

        return getattr(mxcore_nd.wrap(plain(self)), name)

    def __repr__(self) -> str:
        return repr(plain(self))

    def __reduce__(self) -> Any:
        return plain(self).__reduce__()


class HostArray(Readable, np.ndarray):
    """A NumPy array with the methods of an NDArray.

    Its sums have no axes, but are arrays, so that they have these methods, too; otherwise they behave as numbers.
    """

    __slots__ = ()

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.item(), digits)

    def __hash__(self) -> int:  # type: ignore[override]
        if self.ndim:
            raise TypeError("an array with axes is not hashable")
        return hash(self.item())


@functools.cache
def _classes(kind: Any) -> tuple[Any, Any]:
    """Return the array class of a device's library, and the class of readable arrays over it."""
    library = next(parent for parent in kind.__mro__ if parent.__name__ == "ndarray")
    return library, type("DeviceArray", (Readable, library), {"__module__": __name__})


def plain(array: Any) -> Any:
    """Return the same array of NumPy or CuPy, without methods of other classes."""
    if isinstance(array, np.ndarray):
        return array.view(np.ndarray)
    library = _classes(array.__class__)[0]
    return array if type(array) is library else library(array.shape, array.dtype, array.data, array.strides)


def readable(array: Array) -> Array:
    """Return the same array with the methods of an NDArray; its memory is shared, and its arithmetic is unchanged.

    >>> import numpy as np
    >>> x = readable(np.array([[1.0, 2.0]]))
    >>> x * 2, x.asnumpy(), x.context
    (array([[2., 4.]]), array([[1., 2.]]), cpu(0))
    """
    if isinstance(array, Readable):
        return array
    if isinstance(array, np.ndarray):
        return array.view(HostArray)
    try:
        return _classes(array.__class__)[1](array.shape, array.dtype, array.data, array.strides)
    except TypeError:  # another library's arrays are not made from memory: they stay as they are
        return array


def concatenated(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Join arrays of one device.

    >>> import numpy as np
    >>> concatenated([np.ones(1), np.zeros(2)])
    array([1., 0., 0.])
    """
    backend = backend_of(arrays[0])
    with backend.on(backend.device_of(arrays[0])):
        return readable(backend.xp.concatenate(list(arrays), axis=axis))
