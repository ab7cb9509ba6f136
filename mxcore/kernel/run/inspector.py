"""Check that array layouts are unchanged, without a native driver. With one, see :mod:`mxcore.kernel.run.job`."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from mxcore.backend import Array, Backend
from mxcore.kernel.run.layout import layout_of

# Each reads everything about an array in one call; in C order, the shape implies the strides.
_in_order = operator.attrgetter("dtype", "shape", "flags.carray")
_LOOKS = {
    "numpy": operator.attrgetter("dtype", "shape", "strides", "flags.carray"),
    "cupy": operator.attrgetter("dtype", "shape", "strides", "data.device_id"),
}
# The attributes of a CuPy array that can be assigned; for NumPy, that is all of the above.
_ASSIGNABLE = {"cupy": operator.attrgetter("shape")}


class Inspector:
    """Knows the layouts of a step's arrays, without holding the arrays.

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
        arrays: all arrays of the step.
    """

    def __init__(self, backend: Backend, arrays: Sequence[Array]) -> None:
        in_order = backend.name == "numpy" and all(array.flags.carray for array in arrays)
        look: Callable[[Array], Any] = _in_order if in_order else _LOOKS.get(backend.name, layout_of)
        # What to check and the expected values, for new arrays and for remembered ones.
        self._new = [(one, list(map(one, arrays))) for one in (type, look)]
        again = _ASSIGNABLE.get(backend.name, look)
        self._again = again, list(map(again, arrays))
        self._seen: list[Callable[[], Any]] = [lambda: None] * len(arrays)

    def look(self, arrays: Sequence[Array]) -> list[bool] | None:
        """Return for each array whether it is the object remembered in its position; later arrays may be left out.

        None if the type or layout of any array is not the expected one.
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
        """Remember these arrays while they exist. NumPy does not move an array that has a weak reference."""
        self._seen = list(map(weakref.ref, arrays))
