"""The CuPy backend: arrays in the memory of CUDA devices.

CuPy is imported when the first CuPy array, or ``mx.gpu()``, is used. Work runs on the device that holds the arrays,
in its current stream; memory comes from CuPy's pool.
"""

from __future__ import annotations

import functools
import importlib
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore import catalogue
from mxcore.backend import Array, BackendError, Host
from mxcore.backend.cuda import Cuda


class CupyBackend:
    """See :class:`mxcore.backend.Backend`."""

    name = "cupy"

    @functools.cached_property
    def xp(self) -> Any:
        try:
            return importlib.import_module("cupy")
        except ImportError as error:
            how = catalogue.how_to_install("mxcore[cupy13]")
            what = f"a GPU needs CuPy, which cannot be imported ({error})"
            raise BackendError(f"{what}: for CUDA 13 {how}; for CUDA 12 the same with cupy12") from error

    @functools.cached_property
    def cuda(self) -> Cuda:
        """Everything that needs CUDA itself."""
        return Cuda(self.xp)

    def device_of(self, array: Array) -> int:
        return int(array.device.id)

    def on(self, device: int) -> AbstractContextManager[Any]:
        self.cuda.check(device)
        return self.cuda.on(device)

    def from_host(self, array: npt.ArrayLike, device: int = 0) -> Array:
        with self.on(device):
            return self.xp.array(np.asarray(array), order="K")

    def to_host(self, array: Array) -> Host:
        with self.on(self.device_of(array)):
            return np.asarray(self.xp.asnumpy(array, order="A"))

    def full_like(self, array: Array, value: complex, dtype: Any = None) -> Array:
        with self.on(self.device_of(array)):
            return self.xp.full_like(array, value, dtype=dtype)

    def copy(self, array: Array, dtype: Any = None) -> Array:
        with self.on(self.device_of(array)):
            return self.xp.array(array, dtype=dtype, order="K")

    def fill(self, array: Array, values: Any) -> None:
        with self.on(self.device_of(array)):
            array[...] = self.xp.asarray(values, dtype=array.dtype)

    def assignment(self, array: Array, values: Array) -> list[tuple[Any, ...]]:
        device = self.device_of(array)
        with self.on(device):
            converted = self.xp.asarray(values, dtype=array.dtype)
        return [self.cuda.use(device), (array.__setitem__, ..., converted)]

    def is_writable(self, array: Array) -> bool:
        return True  # CuPy has no read-only arrays
