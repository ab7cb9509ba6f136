"""The CUDA C of the random fills, compiled for the CPU, writes what NumPy writes."""

from typing import Any

import numpy as np
import pytest
from device_free.on_cpu import CudaOnCpu, hosted

from mxcore.kernel import commit
from mxcore.random import philox_cuda, philox_numpy
from mxcore.random.distributions import DISTRIBUTIONS, Distribution

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
    emitter.fill(distribution, out, start, key, parameters(distribution))
    return out


def arguments(distribution: Distribution, out: Any, *numbers: int) -> list[Any]:
    """Return the arguments of a kernel: its output, some numbers, the key and the parameters."""
    dtype = DTYPES[distribution.type]
    keys = [np.uint64(KEY & LOW), np.uint64(KEY >> 64)]
    return [hosted(out), *map(np.uint64, numbers), *keys, *map(dtype, parameters(distribution))]


@every_distribution
@pytest.mark.parametrize(("start", "size"), [(0, 1000), (13, 5), (31, 70), (2**40 + 17, 3333)])
def test_cuda_c_writes_what_numpy_writes(distribution: Distribution, start: int, size: int, cuda: CudaOnCpu) -> None:
    expected, out = written(philox_numpy, distribution, KEY, start, size), np.empty(size, DTYPES[distribution.type])
    stop = start + size
    threads = 8 * (-(-stop // distribution.group) - start // distribution.group)
    fill = cuda.kernel(philox_cuda.source(distribution), f"{distribution.name}_fill")
    commit([fill(-(-threads // 64), 64, arguments(distribution, out, start, stop))])
    assert out.tobytes() == expected.tobytes()


@every_distribution
def test_single_elements_are_those_of_the_stream(distribution: Distribution, cuda: CudaOnCpu) -> None:
    kind, name = philox_cuda.TYPES[distribution.type], distribution.name
    declared = "".join(f", {kind} {parameter}" for parameter in distribution.parameters)
    passed = "".join(f", {parameter}" for parameter in distribution.parameters)
    source = f"""{philox_cuda.source(distribution)}
typedef unsigned long long u64;
__global__ void single({kind} *out, u64 start, u64 key, u64 stream{declared}) {{
    out[threadIdx.x] = {name}(start + threadIdx.x, key, stream{passed});
}}"""
    out = np.empty(300, DTYPES[distribution.type])
    commit([cuda.kernel(source, "single")(1, out.size, arguments(distribution, out, 31))])
    assert out.tobytes() == written(philox_numpy, distribution, KEY, 31, out.size).tobytes()
