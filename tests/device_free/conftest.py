"""Tests of the path to GPUs on a machine without one; they need g++ and the dependency group ``gpu-proof``."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cupy
import pytest
from device_free.double import Library
from device_free.on_cpu import CudaOnCpu

import mxcore as mx
from mxcore.backend.cupy import CupyBackend


@pytest.fixture(scope="session", autouse=True)
def _compiler() -> None:
    if shutil.which("g++") is None:
        pytest.fail("the tests below tests/device_free compile kernels for the CPU: install g++")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of compiled kernels."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def using(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[CudaOnCpu], None]]:
    """Make the backend use a stand-in for CUDA and a module in place of CuPy; memory comes from the stand-in."""
    backend = mx.gpu().backend
    assert isinstance(backend, CupyBackend)
    with contextlib.ExitStack() as stack:

        def use(stand_in: CudaOnCpu) -> None:
            monkeypatch.setitem(backend.__dict__, "xp", stand_in.xp)
            monkeypatch.setitem(backend.__dict__, "cuda", stand_in)
            stack.enter_context(cupy.cuda.using_allocator(stand_in.allocate))

        yield use


@pytest.fixture
def cuda(folder: Path, using: Callable[[CudaOnCpu], None]) -> CudaOnCpu:
    """Real CuPy, with its arrays and its allocator in the memory of the host, and kernels that run on the CPU."""
    stand_in = CudaOnCpu(cupy, folder)
    using(stand_in)
    return stand_in


@pytest.fixture
def double(folder: Path, using: Callable[[CudaOnCpu], None]) -> Library:
    """A double of CuPy, which computes with NumPy inside, on two devices."""
    library = Library()
    library.devices = CudaOnCpu(library, folder)
    using(library.devices)
    return library
