"""The library of an array is found without importing any, and backends do what they promise."""

import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.backend import BackendError, Context, backend_of, get_backend, shared_backend


def test_subclasses_of_an_array_are_of_its_library() -> None:
    class Tagged(np.ndarray):
        pass

    assert backend_of(np.zeros(2).view(Tagged)).name == "numpy"


@pytest.mark.parametrize("value", [[1.0], 1.0, np.float32(1), None, "text"])
def test_what_is_no_array_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a NumPy or CuPy array, got (builtins|numpy)\."):
        backend_of(value)


def test_mixing_libraries_is_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    ndarray = type("ndarray", (), {"__module__": "cupy"})  # all that detection looks at
    with pytest.raises(TypeError, match="the gradient is a cupy array, but the weight is a numpy array"):
        shared_backend([("the weight", np.zeros(2)), ("the gradient", ndarray())])
    assert "cupy" not in sys.modules


def test_a_foreign_array_type_of_the_same_name_is_refused() -> None:
    ndarray = type("ndarray", (), {"__module__": "elsewhere"})
    with pytest.raises(TypeError, match=r"got elsewhere\.ndarray"):
        backend_of(ndarray())


def test_contexts_are_values() -> None:
    assert mx.cpu() == Context("cpu", 0)
    assert (repr(mx.cpu()), repr(mx.gpu(1))) == ("cpu(0)", "gpu(1)")
    assert mx.cpu().backend is get_backend("numpy")
    assert mx.cpu().array([1, 2]).tolist() == [1, 2]


@pytest.fixture
def no_cupy_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Make the backend look for CuPy as if for the first time."""
    for name in ("xp", "cuda"):
        monkeypatch.delitem(mx.gpu().backend.__dict__, name, raising=False)
    with monkeypatch.context() as patch:
        yield patch
    for name in ("xp", "cuda"):
        mx.gpu().backend.__dict__.pop(name, None)


def test_a_gpu_without_cupy_says_what_to_install(no_cupy_yet: pytest.MonkeyPatch) -> None:
    no_cupy_yet.setitem(sys.modules, "cupy", None)
    installing = f"a GPU needs CuPy.*: for CUDA 13 {re.escape(mx.catalogue.how_to_install('mxcore[cupy13]'))}"
    with pytest.raises(BackendError, match=installing):
        mx.gpu().array([1.0])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (35, r"a GPU needs an NVIDIA driver that CuPy can use: install or update it \(cudaError\)"),
        (100, "there is no CUDA device: see what nvidia-smi lists"),
    ],
)
def test_a_gpu_without_a_driver_or_a_device_says_so(status: int, message: str, no_cupy_yet: pytest.MonkeyPatch) -> None:
    class CUDARuntimeError(RuntimeError):
        def __init__(self) -> None:
            super().__init__("cudaError")
            self.status = status

    def count() -> int:
        raise CUDARuntimeError

    runtime = types.SimpleNamespace(CUDARuntimeError=CUDARuntimeError, getDeviceCount=count)
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime, Device=None))
    no_cupy_yet.setitem(mx.gpu().backend.__dict__, "xp", cupy)
    with pytest.raises(BackendError, match=message):
        mx.gpu().array([1.0])
    runtime.getDeviceCount = lambda: 1  # type: ignore[assignment]
    with pytest.raises(BackendError, match=r"gpu\(1\) was asked for, but CUDA sees 1 device"):
        mx.gpu(1).array([1.0])


@pytest.mark.parametrize("order", ["C", "F"])
def test_new_arrays_keep_the_order_in_memory_and_begin_where_a_cache_line_does(order: Any) -> None:
    backend, array = mx.cpu().backend, np.ones((2, 3), np.float16, order=order)
    for made in (backend.copy(array), backend.full_like(array, 2), backend.from_host(array)):
        assert made.strides == array.strides
        assert made.dtype == np.float16
        assert made.ctypes.data % 64 == 0
        assert not np.shares_memory(made, array)
    assert backend.copy(array, np.float32).dtype == np.float32


def test_an_unknown_backend_is_a_plugin_error() -> None:
    with pytest.raises(mx.catalogue.UnknownNameError, match="cannot find backend 'torch'"):
        get_backend("torch")
