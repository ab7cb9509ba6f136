"""Whether arrays lie as they did, where no native driver can look. Where one can, see :mod:`mxcore.kernel.run.job`."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from mxcore.backend import Array, Backend
from mxcore.kernel.run.layout import layout_of

# Each reads all of an array in one go; the strides of one in C order follow from its shape.
_in_order = operator.attrgetter("dtype", "shape", "flags.carray")
_LOOKS = {
    "numpy": operator.attrgetter("dtype", "shape", "strides", "flags.carray"),
    "cupy": operator.attrgetter("dtype", "shape", "strides", "data.device_id"),
}


class Inspector:
    """Knows how the arrays of a step lie, and holds none of them.

    >>> import numpy as np, mxcore as mx
    >>> weight, grad = np.ones(2), np.ones(2)
    >>> inspector = Inspector(mx.backend.get_backend("numpy"), [weight, grad])
    >>> inspector.lie_alike([weight, np.zeros(2)]), inspector.lie_alike([weight, np.zeros(3)])
    (True, False)

    Args:
        backend: the library of the arrays.
        arrays: all of them.
    """

    def __init__(self, backend: Backend, arrays: Sequence[Array]) -> None:
        in_order = backend.name == "numpy" and all(array.flags.carray for array in arrays)
        self._look: Callable[[Array], Any] = _in_order if in_order else _LOOKS.get(backend.name, layout_of)
        self._types = list(map(type, arrays))
        self._expected = list(map(self._look, arrays))
        self._seen: list[Callable[[], Any]] = [lambda: None] * len(arrays)

    def lie_alike(self, arrays: Sequence[Any]) -> bool:
        """Whether these are arrays of the same types that lie as the first ones did; all of them, or those in front."""
        count = len(arrays)
        return (
            list(map(type, arrays)) == self._types[:count] and list(map(self._look, arrays)) == self._expected[:count]
        )

    def known(self, arrays: Sequence[Array]) -> list[bool]:
        """Of each array, whether it is the object that was remembered in its place."""
        return list(map(operator.is_, map(operator.call, self._seen), arrays))

    def remember(self, arrays: Sequence[Array]) -> None:
        """Take note of these, as long as they exist. NumPy moves none that something refers to weakly."""
        self._seen = list(map(weakref.ref, arrays))
