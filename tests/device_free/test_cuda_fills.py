"""The CUDA C of the random fills, compiled for the CPU, writes what NumPy writes."""

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mxcore.kernel import philox_cuda, philox_numpy
from mxcore.kernel.distributions import DISTRIBUTIONS, Distribution

DTYPES = {"u32": np.uint32, "f32": np.float32, "f64": np.float64}
LOW = 2**64 - 1
KEY = 0x0123456789ABCDEF_FEDCBA9876543210

every_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)


def parameters(distribution: Distribution) -> tuple[float, ...]:
    dtype = DTYPES[distribution.type]
    values = {"low": -1.25, "width": 3.7, "top": 2.4, "loc": 0.3, "scale": 1.7}
    return tuple(float(dtype(values[name])) for name in distribution.parameters)


def written(emitter: Any, distribution: Distribution, key: int, start: int, size: int) -> Any:
    out = np.empty(size, DTYPES[distribution.type])
    emitter.fill(distribution, out, start, key & LOW, key >> 64, parameters(distribution))
    return out


def on_cpu(distribution: Distribution) -> str:
    """The CUDA C of a fill, and two functions to call: ``run_<name>(blocks, …)`` and ``one_<name>(i, …)``."""
    name, kind = distribution.name, philox_cuda.TYPES[distribution.type]
    declared = "unsigned long long key, unsigned long long stream"
    declared += "".join(f", {kind} {parameter}" for parameter in distribution.parameters)
    passed = ", ".join(["key", "stream", *distribution.parameters])
    return f"""{philox_cuda.source(distribution)}
extern "C" void run_{name}(unsigned blocks, {kind} *out, long long start, long long stop, {declared}) {{
    launch({name}_fill, blocks, 64u, out, start, stop, {passed});
}}
extern "C" {kind} one_{name}(long long i, {declared}) {{ return {name}(i, {passed}); }}
"""


@pytest.fixture(scope="module")
def cuda_on_cpu(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The CUDA C of all fills, compiled for the CPU."""
    text = "".join(map(on_cpu, DISTRIBUTIONS.values()))
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "fills.cpp").write_text(f'#include "{Path(__file__).parent / "cuda_on_cpu.h"}"\n{text}')
    flags = ["-O2", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, folder / "fills.cpp", "-o", folder / "fills.so"], check=True)
    return ctypes.CDLL(str(folder / "fills.so"))


@every_distribution
@pytest.mark.parametrize(("start", "size"), [(0, 1000), (13, 5), (31, 70), (2**40 + 17, 3333)])
def test_cuda_c_writes_what_numpy_writes(distribution: Distribution, start: int, size: int, cuda_on_cpu: Any) -> None:
    expected, out = written(philox_numpy, distribution, KEY, start, size), np.empty(size, DTYPES[distribution.type])
    kind = {"f32": ctypes.c_float, "f64": ctypes.c_double, "u32": ctypes.c_uint32}[distribution.type]
    key = [ctypes.c_uint64(KEY & LOW), ctypes.c_uint64(KEY >> 64), *map(kind, parameters(distribution))]
    stop = start + size
    threads = 8 * (-(-stop // distribution.group) - start // distribution.group)
    run = getattr(cuda_on_cpu, f"run_{distribution.name}")
    run(-(-threads // 64), ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(start), ctypes.c_int64(stop), *key)
    assert out.tobytes() == expected.tobytes()
    one = getattr(cuda_on_cpu, f"one_{distribution.name}")
    one.restype = kind
    assert [one(ctypes.c_int64(i), *key) for i in range(start, start + 5)] == expected[:5].tolist()
