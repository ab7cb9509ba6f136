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

__all__ = ["Views", "has_memory", "in_stream", "may_be_lazy", "tensor_over", "view"]

_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_NAMES = {
    torch.float16: "f2", torch.float32: "f4", torch.float64: "f8", torch.complex64: "c8", torch.complex128: "c16",
    torch.bfloat16: "i2",
}  # fmt: skip
_PLACES = 256
"""At how many places a tensor is remembered."""


def has_memory(tensors: Iterable[torch.Tensor]) -> bool:
    """Return whether there are arrays over the memory of tensors: all on one device, and each in one piece."""
    tensors = list(tensors)
    if not all(tensor.data_ptr() or not tensor.numel() for tensor in tensors):
        return False
    devices = {tensor.device for tensor in tensors}
    kinds = {device.type for device in devices}
    return kinds == {"cpu"} or (kinds == {"cuda"} and len(devices) == 1 and find_spec("cupy") is not None)


class Views(dict[int, Array]):
    """Arrays over tensors that are all like one, by the address of their memory.

    An allocator hands out the same places again and again, so that each array is made once. It is valid as long as a
    tensor is there.

    Args:
        tensor: the tensor.

    Raises:
        TypeError: it has a dtype that NumPy has not, or is on a device that has no such arrays.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        if (kind := _NAMES.get(tensor.dtype)) is None:
            raise TypeError(f"parameters must be floating-point or complex numbers, got {tensor.dtype}")
        if tensor.device.type not in ("cpu", "cuda"):
            raise TypeError(f"no arrays share the memory of {tensor.device}: pass engine='operations'")
        self._dtype, self._device = np.dtype(f"<{kind}"), tensor.device
        self._is_bfloat16 = tensor.dtype == torch.bfloat16
        self._shape = tuple(tensor.shape)
        self._strides = tuple(stride * self._dtype.itemsize for stride in tensor.stride())

    def __missing__(self, address: int) -> Array:
        if not address and 0 not in self._shape:
            why = "it has been freed, or is in pieces, as a DTensor, which needs engine='operations'"
            raise RuntimeError(f"a tensor of shape {self._shape} has no memory of its own: {why}")
        if len(self) >= _PLACES:
            self.clear()
        array = self._on_device(address) if self._device.type == "cuda" else self._on_host(address)
        array = self[address] = array.view(_BFLOAT16) if self._is_bfloat16 else array
        return array

    def _on_host(self, address: int) -> Array:
        if 0 in self._shape:
            return np.empty(self._shape, self._dtype)
        return np.asarray(_Memory(address, self._shape, self._strides, self._dtype.str))

    def _on_device(self, address: int) -> Array:
        cupy = get_backend("cupy").xp

        reach = sum((length - 1) * stride for length, stride in zip(self._shape, self._strides, strict=True))
        memory = cupy.cuda.UnownedMemory(address, reach + self._dtype.itemsize, None, self._device.index)
        return cupy.ndarray(self._shape, self._dtype, cupy.cuda.MemoryPointer(memory, 0), self._strides)


class _Memory:
    """Memory of others, as the array interface describes it."""

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: str) -> None:
        self.__array_interface__ = {
            "data": (address, False), "shape": shape, "strides": strides, "typestr": kind, "version": 3,
        }  # fmt: skip


def view(tensor: torch.Tensor) -> Array:
    """Return an array over the memory of a tensor; see :class:`Views`."""
    return Views(tensor)[tensor.data_ptr()]


def may_be_lazy(tensor: torch.Tensor) -> bool:
    """Return whether a tensor with this layout may be a conjugate or the negative of one, which torch computes late.

    Of real tensors, only the imaginary part of another one can, which is not dense.
    """
    long = [stride for stride, length in zip(tensor.stride(), tensor.shape, strict=True) if length > 1]
    return tensor.is_complex() or 1 not in long


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
