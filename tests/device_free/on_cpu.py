"""The stand-in for CUDA without a device: the only part of the path to GPUs that is not real."""

import contextlib
import ctypes
import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cupy
import numpy as np
from cupy.cuda import MemoryPointer, UnownedMemory

from mxcore.backend.cuda import Cuda, Kernel

HERE = Path(__file__).parent
# Without fused operations, as the real kernels are compiled.
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", f"-I{HERE}"]


class CudaOnCpu(Cuda):
    """Devices that use host memory, and kernels built by the C++ compiler.

    Args:
        xp: ``cupy``, or a double of it.
        folder: where compiled kernels go.
        devices: how many devices there are.
    """

    def __init__(self, xp: Any, folder: Path, devices: int = 2) -> None:
        super().__init__(xp)
        self.folder, self.devices, self.current, self.current_stream = folder, devices, 0, 0
        self.launched: list[tuple[int, str, int]] = []
        self.uploaded: list[int] = []  # bytes

    def allocate(self, size: int) -> Any:
        """Allocate memory of the current device for CuPy, filled with NaN."""
        memory = np.full(max(size, 1), 0xFF, np.uint8)
        return MemoryPointer(UnownedMemory(memory.ctypes.data, size, memory, self.current), 0)

    def _count(self) -> int:
        return self.devices

    def on(self, device: int) -> AbstractContextManager[Any]:
        return self._on(device)

    @contextlib.contextmanager
    def _on(self, device: int) -> Iterator[None]:
        former, self.current = self.current, device
        try:
            yield
        finally:
            self.current = former

    def use(self, device: int) -> tuple[Any, ...]:
        return (setattr, self, "current", device)

    def stream(self) -> int:
        return self.current_stream

    def upload(self, values: Any, array: Any) -> None:
        assert array.device.id == self.current
        assert (values.shape, values.dtype) == (array.shape, array.dtype)
        assert values.flags.c_contiguous
        self.uploaded.append(values.nbytes)
        ctypes.memmove(array.data.ptr, values.ctypes.data, values.nbytes)

    def download(self, array: Any) -> Any:
        assert array.device.id == self.current
        values = np.empty(array.shape, array.dtype)
        ctypes.memmove(values.ctypes.data, array.data.ptr, values.nbytes)
        return values

    def kernel(self, source: str, name: str) -> Kernel:
        entry = self._built(source, name)

        def launch(blocks: int, threads: int, arguments: Sequence[Any]) -> None:
            assert blocks >= 1
            arrays = [one for one in arguments if not isinstance(one, np.generic)]
            assert all(array.device.id == self.current for array in arrays)
            self.launched.append((self.current, name, blocks))
            values = [np.asarray(one if isinstance(one, np.generic) else one.data.ptr) for one in arguments]
            pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
            entry(ctypes.c_uint(blocks), ctypes.c_uint(threads), pointers)

        return lambda *arguments: (launch, *arguments)

    def _built(self, source: str, name: str) -> Any:
        text = f"""#include "cuda_on_cpu.h"
{source}
extern "C" void run(unsigned blocks, unsigned threads, void **arguments) {{
    launch<{name}>(blocks, threads, arguments);
}}
"""
        library = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.so"
        if not library.exists():
            library.with_suffix(".cpp").write_text(text)
            subprocess.run(["g++", *FLAGS, library.with_suffix(".cpp"), "-o", library], check=True)
        return ctypes.CDLL(str(library)).run


def hosted(array: Any, device: int = 0) -> Any:
    """Return a real CuPy array over the memory of a NumPy array."""
    memory = UnownedMemory(array.ctypes.data, array.nbytes, array, device)
    return cupy.ndarray(array.shape, array.dtype, MemoryPointer(memory, 0), strides=array.strides)


def on_device(array: Any, _: int) -> Any:
    """Return the place of arrays that all go to the first device."""
    return hosted(array)
