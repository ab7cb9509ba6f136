"""NumPy and CuPy arrays over the memory of tensors, which do not keep that memory alive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any

import ml_dtypes
import numpy as np
import torch

from mxcore.backend import Array, get_backend

__all__ = ["has_memory", "in_stream", "tensor_over", "view"]

_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_NAMES = {
    torch.float16: "f2", torch.float32: "f4", torch.float64: "f8", torch.complex64: "c8", torch.complex128: "c16",
    torch.bfloat16: "i2",
}  # fmt: skip


def has_memory(tensors: Iterable[torch.Tensor]) -> bool:
    """Return whether there are arrays over the memory of tensors, which are all on one device."""
    devices = {tensor.device for tensor in tensors}
    kinds = {device.type for device in devices}
    return kinds == {"cpu"} or (kinds == {"cuda"} and len(devices) == 1 and find_spec("cupy") is not None)


class _Memory:
    """Memory of others, as the array interface describes it."""

    def __init__(self, tensor: torch.Tensor, kind: str) -> None:
        strides = tuple(stride * tensor.element_size() for stride in tensor.stride())
        self.__array_interface__ = {
            "data": (tensor.data_ptr(), False), "shape": tuple(tensor.shape), "strides": strides, "typestr": f"<{kind}",
            "version": 3,
        }  # fmt: skip


def view(tensor: torch.Tensor) -> Array:
    """Return an array over the memory of a tensor, valid as long as the tensor keeps it.

    Raises:
        TypeError: the tensor has a dtype that NumPy has not, or is on a device that has no such arrays.
    """
    if (kind := _NAMES.get(tensor.dtype)) is None:
        raise TypeError(f"parameters must be floating-point or complex numbers, got {tensor.dtype}")
    if tensor.device.type == "cuda":
        array = _on_device(tensor, kind)
    elif tensor.device.type == "cpu":
        array = np.asarray(_Memory(tensor, kind)) if tensor.numel() else np.empty(tuple(tensor.shape), f"<{kind}")
    else:
        raise TypeError(f"no arrays share the memory of {tensor.device}: pass engine='operations'")
    return array.view(_BFLOAT16) if tensor.dtype == torch.bfloat16 else array


def _on_device(tensor: torch.Tensor, kind: str) -> Array:
    cupy = get_backend("cupy").xp

    size = tensor.untyped_storage().nbytes()
    memory = cupy.cuda.UnownedMemory(tensor.data_ptr(), size, None, tensor.device.index)
    strides = tuple(stride * tensor.element_size() for stride in tensor.stride())
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray(tuple(tensor.shape), np.dtype(f"<{kind}"), pointer, strides)


def in_stream(device: torch.device) -> AbstractContextManager[Any]:
    """Make CuPy use torch's current stream in a block; nothing for the CPU."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    cupy = get_backend("cupy").xp

    stream: AbstractContextManager[Any] = cupy.cuda.ExternalStream(
        torch.cuda.current_stream(device).cuda_stream, device.index
    )
    return stream


def tensor_over(array: Array) -> torch.Tensor:
    """Return a tensor over the memory of an array, and keep it alive."""
    if not isinstance(array, np.ndarray):
        return torch.utils.dlpack.from_dlpack(array)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)
