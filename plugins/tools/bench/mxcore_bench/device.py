"""The device of an experiment's arrays: the host or a GPU."""

from __future__ import annotations

from typing import Any

import attrs

from mxcore.backend import Array, Context, cpu, gpu
from mxcore_bench import machine

__all__ = ["CPU", "DEVICES", "GPU", "Device"]


@attrs.frozen
class Device:
    """The device of an experiment.

    Args:
        name: its name on the command line.
        context: the device on which its arrays are created.
        library: the array library for hand-written optimizers.
        groups: the groups of workloads that run on it; None for all.
        dtypes: the dtypes of weights that run on it.
    """

    name: str
    context: Context
    library: str
    groups: tuple[str, ...] | None
    dtypes: tuple[str, ...]

    @property
    def on_gpu(self) -> bool:
        """Whether a call only starts work, which is done later."""
        return self.context.device_type == "gpu"

    @property
    def xp(self) -> Any:
        """The module of array functions."""
        return self.context.backend.xp

    def array(self, values: Array) -> Array:
        """Return a new array with the values of a host array, aligned to a cache line."""
        return self.context.array(values)

    def wait(self) -> None:
        """Wait for all work on the device, including that of other libraries."""
        if self.on_gpu:
            self.xp.cuda.Device(self.context.device_id).synchronize()

    def free_memory(self) -> int | None:
        """Return how many bytes are available, or None if the system does not tell."""
        if not self.on_gpu:
            return machine.available_memory()
        with self.context.backend.on(self.context.device_id):
            return int(self.xp.cuda.runtime.memGetInfo()[0])

    def describe(self) -> str | None:
        """Return the model of a GPU, or None for the host.

        Raises:
            BackendError: the device, its driver or its array library is missing; the message says which.
        """
        if not self.on_gpu:
            return None
        with self.context.backend.on(self.context.device_id):
            return str(self.xp.cuda.runtime.getDeviceProperties(self.context.device_id)["name"].decode())


CPU = Device("cpu", cpu(), "NumPy", None, ("float32", "bfloat16"))
# Initial values are drawn on the host, CuPy has no bfloat16, and the start of a process involves no device.
GPU = Device("gpu", gpu(), "CuPy", ("steps", "overhead", "calls"), ("float32",))
DEVICES = {device.name: device for device in (CPU, GPU)}
