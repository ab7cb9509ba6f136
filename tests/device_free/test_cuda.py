"""Without a device, calls get as far as CUDA's own error, which is reported clearly."""

import re
from collections.abc import Callable
from typing import Any

import cupy
import numpy as np
import pytest
from commands import invoke
from device_free.on_cpu import CudaOnCpu, hosted

import mxcore as mx
from mxcore.backend import BackendError
from mxcore.backend.cuda import Cuda
from mxcore.kernel import commit

REFUSALS = (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    """The real class, with the values for which CuPy would need a device."""
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        monkeypatch.setattr(cupy.cuda.runtime, "getDevice", lambda: 0)
        monkeypatch.setattr(cupy.cuda, "get_current_stream", lambda: cupy.cuda.Stream.null)
        monkeypatch.setattr(
            cupy.cuda.compiler, "_get_arch_for_options_for_nvrtc", lambda arch=None: ("-arch=sm_80", "cubin")
        )
        return Cuda(cupy)
    pytest.skip("there is a device: see tests/gpu")


def _enter(cuda: Cuda) -> None:
    with cuda.on(0):
        pass


ASKED: dict[str, Callable[[Cuda], Any]] = {
    "on": _enter,
    "upload": lambda cuda: cuda.upload(np.ones(3, "f4"), hosted(np.zeros(3, "f4"))),
    "use": lambda cuda: commit([cuda.use(0)]),
    "kernel": lambda cuda: cuda.kernel('extern "C" __global__ void nothing() {}', "nothing"),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_every_question_reaches_cuda(ask: Callable[[Cuda], Any], real: Cuda) -> None:
    with pytest.raises(REFUSALS):
        ask(real)


def test_a_source_is_compiled_and_loaded_once_on_each_device(real: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[int, bytes]] = []
    current = [0]

    class Module:
        def load(self, binary: bytes) -> None:
            loaded.append((current[0], binary[:4]))

        def get_function(self, name: str) -> str:
            return name

    monkeypatch.setattr(cupy.cuda, "Module", Module)
    monkeypatch.setattr(cupy.cuda.runtime, "getDevice", lambda: current[0])
    source = 'extern "C" __global__ void nothing() {}'
    for current[0] in (0, 1, 0, 1):
        real.kernel(source, "nothing")
    assert loaded == [(0, b"\x7fELF"), (1, b"\x7fELF")]


def test_a_raw_kernel_cannot_be_told_to_keep_small_numbers(real: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason for compiling kernels ourselves: CuPy puts its own option last, and the last one counts."""
    used: list[tuple[str, ...]] = []

    class Told(Exception):
        pass

    def compiler(source: str, options: tuple[str, ...], *others: Any, **more: Any) -> Any:
        used.append(options)
        raise Told

    for name in ("_compile_using_nvrtc_no_warning", "compile_using_nvrtc", "compile_using_nvcc", "_preprocess"):
        monkeypatch.setattr(cupy.cuda.compiler, name, compiler, raising=False)
    kernels = cupy.cuda.compiler._compile_with_cache_cuda
    for backend in ("nvrtc", "nvcc"):
        with pytest.raises(Told):
            kernels("", ("--fmad=false", "--ftz=false"), "80", backend=backend, cache_in_memory=True)
    assert [options[-1] for options in used] == ["-ftz=true"] * 2


def test_the_current_stream_has_a_number(real: Cuda) -> None:
    assert real.stream() == 0


def test_a_kernel_that_does_not_compile_says_why(real: Cuda) -> None:
    with pytest.raises(cupy.cuda.compiler.CompileException, match='identifier "nonsense" is undefined'):
        real.kernel("__global__ void kernel() { nonsense; }", "kernel")


@pytest.mark.parametrize(
    ("devices", "message"),
    [(0, "there is no CUDA device: see what nvidia-smi lists"), (1, r"gpu\(1\) was asked for, but CUDA sees 1 device")],
)
def test_a_device_that_is_not_there_is_an_error(devices: int, message: str, cuda: CudaOnCpu) -> None:
    cuda.devices = devices
    with pytest.raises(BackendError, match=message):
        mx.gpu(1).array([1.0])


def test_the_command_says_in_one_line_that_there_is_no_driver(
    real: Cuda, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke(mx.catalogue.load("command", "train"), ["--device", "gpu"])
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: (a GPU needs an NVIDIA driver|a GPU was asked for, but there is no) .*\n", done.stderr)
    assert list(tmp_path.iterdir()) == []
