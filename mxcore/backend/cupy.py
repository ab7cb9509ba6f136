"""The CuPy backend: arrays in the memory of CUDA devices.

CuPy is imported when the first of its arrays, or ``mx.gpu()``, is used. This module has been written against CuPy's
documented interface and has not run on a device yet.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array, BackendError
from mxcore.kernel import Member, Plan, Program
from mxcore.kernel.direct import DirectPlan

_INSTALL = "pip install 'mxcore[cupy13]' (CUDA 13) or 'mxcore[cupy12]' (CUDA 12)"


class CupyBackend:
    """See :class:`mxcore.backend.Backend`."""

    name = "cupy"

    @functools.cached_property
    def xp(self) -> Any:
        try:
            return importlib.import_module("cupy")
        except ImportError as error:
            raise BackendError(f"a GPU needs CuPy, which cannot be imported ({error}): {_INSTALL}") from error

    def device_of(self, array: Array) -> int:
        return int(array.device.id)

    def on(self, device: int) -> AbstractContextManager[Any]:
        count = self._device_count()
        if not 0 <= device < count:
            raise BackendError(f"gpu({device}) was asked for, but CUDA sees {count} device(s)")
        context: AbstractContextManager[Any] = self.xp.cuda.Device(device)
        return context

    def _device_count(self) -> int:
        try:
            return int(self.xp.cuda.runtime.getDeviceCount())
        except self.xp.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"CuPy is installed but finds no usable CUDA device or driver: {error}") from error

    def from_host(self, array: npt.ArrayLike, device: int = 0) -> Array:
        with self.on(device):
            return self.xp.array(np.asarray(array), order="K")

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        return np.asarray(self.xp.asnumpy(array, order="A"))

    def full_like(self, array: Array, value: float, dtype: Any = None) -> Array:
        with self.on(self.device_of(array)):
            return self.xp.full_like(array, value, dtype=dtype)

    def copy(self, array: Array, dtype: Any = None) -> Array:
        with self.on(self.device_of(array)):
            return self.xp.array(array, dtype=dtype, order="K")

    def fill(self, array: Array, values: Any) -> None:
        with self.on(self.device_of(array)):
            array[...] = self.xp.asarray(values, dtype=array.dtype)

    def is_writable(self, array: Array) -> bool:
        return True  # CuPy has no read-only arrays

    def plan(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> Plan:
        return DirectPlan(self, program, static, members)
