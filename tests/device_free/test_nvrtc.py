"""NVIDIA's compiler compiles every kernel for real devices; no registers are spilled, no operations are fused."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy
import numpy as np
import pytest
from device_free.on_cpu import CudaOnCpu, on_device
from rule_runs import after_three_steps, every_dtype, every_rule

from mxcore.backend.cuda import OPTIONS, Cuda
from mxcore.random import philox_cuda
from mxcore.random.distributions import DISTRIBUTIONS

ARCHITECTURES = ["80", "90"]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
NOTHING_SPILLED = "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Set the target of CuPy's compiler without a device: ``("sm_80", "cubin")``, ``("compute_80", "ptx")``."""

    def choose(architecture: str, kind: str) -> None:
        answer = f"-arch={architecture}", kind
        monkeypatch.setattr(cupy.cuda.compiler, "_get_arch_for_options_for_nvrtc", lambda arch=None: answer)

    return choose


def resources(source: str, architecture: str, target: Any) -> set[str]:
    """Return the assembler's report on the memory of each function in a source, compiled for a device."""
    log = io.StringIO()
    target(f"sm_{architecture}", "cubin")
    options = (*OPTIONS, "--ptxas-options=-v")
    binary, _ = cupy.cuda.compiler.compile_using_nvrtc(source, options, log_stream=log)
    assert binary[:4] == b"\x7fELF"
    return set(re.findall(r"\d+ bytes stack frame.*", log.getvalue()))


def rounded(ptx: bytes) -> set[str]:
    """Return the operations that have several rounding variants, with the variant that the compiler chose."""
    return set(re.findall(rb"\b((?:add|sub|mul|sqrt|div|fma|mad|rcp|rsqrt)\.[a-z.]*)f(?:32|64)", ptx))


EXACT = {b"add.rn.", b"sub.rn.", b"mul.rn.", b"div.rn.", b"sqrt.rn."}


class Recorder(CudaOnCpu):
    """Records the kernels that the backend requests, and runs none."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sources: dict[str, str] = {}

    def kernel(self, source: str, name: str) -> Any:
        self.sources[source] = name
        return lambda blocks, threads, arguments: (len, arguments)


@pytest.fixture
def recorder(folder: Path, using: Any) -> Recorder:
    """Real CuPy, up to the compilation of kernels."""
    recorder = Recorder(cupy, folder)
    using(recorder)
    return recorder


@pytest.mark.sampled(3)
@every_architecture
@every_dtype
@every_rule
def test_a_rule_compiles_and_keeps_everything_in_registers(
    name: str, arguments: Any, dtype: Any, architecture: str, recorder: Recorder, target: Any
) -> None:
    after_three_steps(name, arguments, dtype, on_device)
    assert recorder.sources
    for source in recorder.sources:
        assert resources(source, architecture, target) == {NOTHING_SPILLED}


@pytest.mark.sampled(2)
@every_dtype
@every_rule
def test_every_operation_is_rounded_by_itself_and_small_numbers_stay(
    name: str, arguments: Any, dtype: Any, recorder: Recorder, target: Any
) -> None:
    plans = after_three_steps(name, arguments, dtype, on_device).plans
    target("compute_80", "ptx")
    found = {operation for source in recorder.sources for operation in rounded(recorder.binary(source))}
    assert found <= EXACT
    computed = {node.op for plan in plans for stage in plan.traced.stages for node in stage.order}
    assert {name for op, name in {"divide": b"div.rn.", "sqrt": b"sqrt.rn."}.items() if op in computed} <= found


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_functions_of_rules_compile(dtype: str, recorder: Recorder, target: Any) -> None:
    after_three_steps("functions", {}, np.dtype(dtype), on_device)
    target("sm_80", "cubin")
    assert [recorder.binary(source)[:4] for source in recorder.sources] == [b"\x7fELF"]


@every_architecture
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_random_fills_compile(name: str, architecture: str, target: Any) -> None:
    assert resources(philox_cuda.source(DISTRIBUTIONS[name]), architecture, target) == {NOTHING_SPILLED}


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ((), b"fma.rn."),
        (("--use_fast_math",), b"div.approx.ftz."),
        ((*OPTIONS, "-ftz=true"), b"mul.rn.ftz."),  # as CuPy's RawKernel would, whatever it is given
    ],
)
def test_other_ways_to_compile_would_be_seen(options: tuple[str, ...], seen: bytes, target: Any) -> None:
    source = 'extern "C" __global__ void kernel(float* a) { a[0] = a[0] * a[1] + a[4] + a[2] / sqrtf(a[3]); }'
    target("compute_80", "ptx")
    ptx, _ = cupy.cuda.compiler.compile_using_nvrtc(source, options)
    assert seen in rounded(ptx)
    assert not rounded(ptx) <= EXACT
    assert rounded(Cuda(cupy).binary(source)) <= EXACT


def test_spilling_would_be_seen(target: Any) -> None:
    indexed = "float b[64]; for (int k = 0; k < 64; ++k) b[a[k] > 0 ? k : 0] = a[k]; a[0] = b[i];"
    source = f'extern "C" __global__ void kernel(float* a, int i) {{ {indexed} }}'
    assert resources(source, "80", target) != {NOTHING_SPILLED}
