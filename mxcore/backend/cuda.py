"""Everything that needs CUDA itself: devices, the current stream, copies from the host, and kernels.

On a machine without a device only this is missing, so tests can replace it and exercise everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from mxcore.backend import Array, BackendError, Host

Kernel = Callable[[int, int, Sequence[Any]], tuple[Any, ...]]
"""``kernel(blocks, threads, arguments)``: the call, entirely in C, that launches it in the current stream.

Arrays among the arguments are passed as addresses."""

_NO_DEVICE = 100  # cudaErrorNoDevice
OPTIONS = ("--fmad=false", "--ftz=false")
"""Round each operation separately and keep subnormal numbers, so that every emitter gives the same bits."""


class Cuda:
    """CUDA through CuPy.

    Args:
        xp: the module ``cupy``.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self._modules: dict[tuple[int, str], Any] = {}

    def check(self, device: int) -> None:
        """Check that a device of that number exists.

        Raises:
            BackendError: there is no such device, or no driver; the message says which.
        """
        count = self._count()
        if not count:
            raise BackendError(
                "a GPU was asked for, but there is no CUDA device: see what nvidia-smi lists, and CUDA_VISIBLE_DEVICES"
            )
        if not 0 <= device < count:
            raise BackendError(f"gpu({device}) was asked for, but CUDA sees {count} device(s), from gpu(0)")

    def _count(self) -> int:
        runtime = self.xp.cuda.runtime
        try:
            return int(runtime.getDeviceCount())
        except runtime.CUDARuntimeError as error:
            if error.status == _NO_DEVICE:
                return 0
            raise BackendError(
                f"a GPU needs an NVIDIA driver that CuPy can use: install or update it ({error})"
            ) from error

    def on(self, device: int) -> AbstractContextManager[Any]:
        """Make a device the current one for a block."""
        context: AbstractContextManager[Any] = self.xp.cuda.Device(device)
        return context

    def use(self, device: int) -> tuple[Any, ...]:
        """Return the call, entirely in C, that makes a device the current one from then on."""
        return (self.xp.cuda.Device(device).use,)

    def stream(self) -> int:
        """Return the current stream of the current device."""
        return int(self.xp.cuda.get_current_stream().ptr)

    def upload(self, values: Host, array: Array) -> None:
        """Copy from the host, in the current stream; ``values`` may be changed as soon as this returns."""
        array.set(values, stream=self.xp.cuda.get_current_stream())

    def download(self, array: Array) -> Host:
        """Copy to the host, after everything in the current stream has been done."""
        values: Host = array.get(stream=self.xp.cuda.get_current_stream())
        return values

    def kernel(self, source: str, name: str) -> Kernel:
        """Compile a kernel from CUDA C for the current device."""
        key = int(self.xp.cuda.runtime.getDevice()), source
        if key not in self._modules:
            self._modules[key] = self.xp.cuda.Module()
            self._modules[key].load(self.binary(source))
        function = self._modules[key].get_function(name)

        def launch(blocks: int, threads: int, arguments: Sequence[Any]) -> tuple[Any, ...]:
            return (function, (blocks,), (threads,), tuple(arguments))

        return launch

    def binary(self, source: str) -> bytes:
        """Compile CUDA C to machine code for the current device.

        A ``RawKernel`` would not do: CuPy compiles those with ``-ftz=true``, which flushes subnormal numbers to 0.
        """
        code: bytes = self.xp.cuda.compiler.compile_using_nvrtc(source, OPTIONS)[0]
        return code
