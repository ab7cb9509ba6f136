"""NVIDIA's compiler makes code for real devices of every kernel; nothing spills, no operations are fused."""

import re
from pathlib import Path
from typing import Any

import cupy
import pytest
from cupy.cuda import nvrtc
from device_free.on_cpu import CudaOnCpu, on_device
from rule_runs import after_three_steps, every_dtype, every_rule

from mxcore.backend.cuda import OPTIONS
from mxcore.kernel import philox_cuda
from mxcore.kernel.distributions import DISTRIBUTIONS

every_architecture = pytest.mark.parametrize("architecture", ["80", "90"])
NOTHING_SPILLED = "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"


def compiled(source: str, *options: str) -> Any:
    """A program of NVRTC."""
    program = nvrtc.createProgram(source, "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, options)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    return program


def resources(source: str, architecture: str) -> list[str]:
    """What the assembler says about the memory of each function of a source, in code for a device."""
    program = compiled(source, *OPTIONS, f"-arch=sm_{architecture}", "--ptxas-options=-v")
    assert nvrtc.getCUBIN(program)[:4] == b"\x7fELF"
    return re.findall(r"\d+ bytes stack frame.*", nvrtc.getProgramLog(program))


def rounded(source: str, options: tuple[str, ...] = OPTIONS) -> set[str]:
    """The operations of a kernel that could be inexact in several ways, with the way that the compiler has chosen."""
    ptx = nvrtc.getPTX(compiled(source, *options, "-arch=compute_80"))
    text = ptx.decode() if isinstance(ptx, bytes) else ptx
    return set(re.findall(r"\b((?:sqrt|div|fma|mad|rcp|rsqrt)\.[a-z.]*)\.f(?:32|64)", text))


class Recorder(CudaOnCpu):
    """Takes note of the kernels that the backend asks for, and runs none."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sources: dict[str, str] = {}

    def kernel(self, source: str, name: str) -> Any:
        self.sources[source] = name
        return lambda blocks, threads, arguments: None


@pytest.fixture
def recorder(folder: Path, using: Any) -> Recorder:
    """Real CuPy, up to the compilation of kernels."""
    recorder = Recorder(cupy, folder)
    using(recorder)
    return recorder


@every_architecture
@every_dtype
@every_rule
def test_a_rule_compiles_and_keeps_everything_in_registers(
    name: str, arguments: Any, dtype: Any, architecture: str, recorder: Recorder
) -> None:
    after_three_steps(name, arguments, dtype, on_device)
    assert recorder.sources
    for source in recorder.sources:
        assert set(resources(source, architecture)) == {NOTHING_SPILLED}


@every_dtype
@every_rule
def test_roots_and_quotients_are_rounded_to_nearest_and_nothing_is_fused(
    name: str, arguments: Any, dtype: Any, recorder: Recorder
) -> None:
    (plan,) = after_three_steps(name, arguments, dtype, on_device).plans
    found = {operation for source in recorder.sources for operation in rounded(source)}
    assert found <= {"sqrt.rn", "div.rn"}
    computed = {node.op for stage in plan.traced.stages for node in stage.order}
    assert {name for op, name in {"divide": "div.rn", "sqrt": "sqrt.rn"}.items() if op in computed} <= found


@every_architecture
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_random_fills_compile(name: str, architecture: str) -> None:
    assert set(resources(philox_cuda.source(DISTRIBUTIONS[name]), architecture)) == {NOTHING_SPILLED}


def test_fused_and_approximate_operations_would_be_seen() -> None:
    source = 'extern "C" __global__ void kernel(float* a) { a[0] = a[0] * a[1] + a[4] + a[2] / sqrtf(a[3]); }'
    assert rounded(source) == {"div.rn", "sqrt.rn"}
    assert rounded(source, ()) >= {"fma.rn"}
    assert "div.approx.ftz" in rounded(source, ("--use_fast_math",))


def test_spilling_would_be_seen() -> None:
    indexed = "float b[64]; for (int k = 0; k < 64; ++k) b[a[k] > 0 ? k : 0] = a[k]; a[0] = b[i];"
    assert resources(f'extern "C" __global__ void kernel(float* a, int i) {{ {indexed} }}', "80") != [NOTHING_SPILLED]
