"""Whether arrays lie as they did, where no native driver can look. Where one can, see :mod:`mxcore.kernel.run.job`."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from mxcore.backend import Array, Backend
from mxcore.kernel.run.layout import layout_of

# Each reads all of an array in one go; the strides of one in C order follow from its shape.
_in_order = operator.attrgetter("dtype", "shape", "flags.carray")
_LOOKS = {
    "numpy": operator.attrgetter("dtype", "shape", "strides", "flags.carray"),
    "cupy": operator.attrgetter("dtype", "shape", "strides", "data.device_id"),
}
# What can be assigned to an array of CuPy; to one of NumPy, all of the above.
_ASSIGNABLE = {"cupy": operator.attrgetter("shape")}


class Inspector:
    """Knows how the arrays of a step lie, and holds none of them.

    >>> import numpy as np, mxcore as mx
    >>> weight, grad = np.ones(2), np.ones(2)
    >>> inspector = Inspector(mx.backend.get_backend("numpy"), [weight, grad])
    >>> inspector.remember([weight, grad])
    >>> inspector.look([weight, np.zeros(2)])
    [True, False]
    >>> inspector.look([weight, np.zeros(3)]) is None
    True

    Args:
        backend: the library of the arrays.
        arrays: all of them.
    """

    def __init__(self, backend: Backend, arrays: Sequence[Array]) -> None:
        in_order = backend.name == "numpy" and all(array.flags.carray for array in arrays)
        look: Callable[[Array], Any] = _in_order if in_order else _LOOKS.get(backend.name, layout_of)
        # What is looked at, with what is expected: of arrays that are new, and of those that were remembered.
        self._new = [(one, list(map(one, arrays))) for one in (type, look)]
        again = _ASSIGNABLE.get(backend.name, look)
        self._again = again, list(map(again, arrays))
        self._seen: list[Callable[[], Any]] = [lambda: None] * len(arrays)

    def look(self, arrays: Sequence[Array]) -> list[bool] | None:
        """Of each array, whether it is the object that was remembered in its place; all of them, or those in front.

        None where the type of one is not that of the first ones, or it does not lie as they did.
        """
        known = list(map(operator.is_, map(operator.call, self._seen), arrays))
        if all(known):
            look, expected = self._again
            return known if list(map(look, arrays)) == expected[: len(arrays)] else None
        new = list(map(operator.not_, known))
        looks = [(known, *self._again), *((new, *one) for one in self._new)]
        alike = (
            list(map(look, compress(arrays, which))) == list(compress(expected, which))
            for which, look, expected in looks
        )
        return known if all(alike) else None

    def remember(self, arrays: Sequence[Array]) -> None:
        """Take note of these, as long as they exist. NumPy moves none that something refers to weakly."""
        self._seen = list(map(weakref.ref, arrays))
