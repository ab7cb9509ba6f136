"""The NumPy backend: arrays in the memory of the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array
from mxcore.kernel import Member, Plan, Program
from mxcore.kernel.direct import DirectPlan


class NumpyBackend:
    """See :class:`mxcore.backend.Backend`."""

    name = "numpy"
    xp = np

    def device_of(self, array: Array) -> int:
        return 0

    def on(self, device: int) -> AbstractContextManager[Any]:
        return nullcontext()

    def from_host(self, array: npt.ArrayLike, device: int = 0) -> Array:
        return np.array(array, order="K")

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        return np.asarray(array)

    def full_like(self, array: Array, value: float, dtype: Any = None) -> Array:
        return np.full_like(array, value, dtype=dtype, subok=False)

    def copy(self, array: Array, dtype: Any = None) -> Array:
        return np.array(array, dtype=dtype, order="K")

    def fill(self, array: Array, values: Any) -> None:
        array[...] = values

    def is_writable(self, array: Array) -> bool:
        return bool(array.flags.writeable)

    def plan(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> Plan:
        if not members[0].computes_in_place:
            return DirectPlan(self, program, static, members)
        # With their emitters: for the first update, not for the import.
        from mxcore.kernel.plan import FusedPlan

        return FusedPlan(program, static, members)
