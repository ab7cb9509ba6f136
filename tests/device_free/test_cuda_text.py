"""The CUDA C of every rule, compiled for the CPU, gives the bits of the compiled rule."""

import ctypes
import itertools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.kernel import cuda
from mxcore.kernel.layout import address
from mxcore.kernel.norm import LANES
from mxcore.kernel.plan import FusedPlan

HERE = Path(__file__).parent


RULES = sorted(
    {
        record.name
        for record in mx.catalogue.records("optimizer")
        if mx.optimizer.registry.get(record.qualified_name).runs_rule()
    }
)
NUMBERS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38]


LAUNCHERS = """
extern "C" void run{stage}(unsigned blocks, const unsigned long long* addresses, const long long* chunks,
    const {number}* uniforms, const long long* rows, const {number}* norms, double* lanes,
    const unsigned long long* keys) {{
  launch(kernel{stage}, blocks, {lanes}u, addresses, chunks, uniforms, rows, norms, lanes, keys);
}}
"""
FINISH = """
extern "C" void finish(const double* lanes, double* partials, const long long* starts, {number}* norms,
    long long chunks, long long tensors, long long width, long long first, long long last) {{
  launch(add_lanes, unsigned(chunks * width / 32 + 1), 32u, lanes, partials, chunks * width);
  launch(add_chunks, unsigned(tensors / 32 + 1), 32u, (const double*)partials, starts, norms, tensors, width, first,
         last);
}}
"""


def compiled(plan: FusedPlan, folder: Path) -> Any:
    """The stages of a plan and what finishes norms, built by the C++ compiler without fused operations."""
    dtype, stages = plan.dtype.name, plan.traced.stages
    number = {"float32": "float", "float64": "double"}[dtype]
    parts = ['#include "cuda_on_cpu.h"', cuda.norms(dtype), FINISH.format(number=number)]
    for place, stage in enumerate(stages):
        parts.append(cuda.emit(plan.traced, stage, dtype, name=f"kernel{place}"))
        parts.append(LAUNCHERS.format(stage=place, number=number, lanes=LANES))
    text, library = folder / "rule.cpp", folder / "rule.so"
    text.write_text("\n".join(parts))
    flags = ["-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{HERE}"]
    subprocess.run(["g++", *flags, str(text), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


class OnCpu:
    """Runs a plan by its CUDA C, in place of the code that the plan has compiled."""

    def __init__(self, plan: FusedPlan, folder: Path) -> None:
        self.plan, self.library = plan, compiled(plan, folder)
        self.addresses = np.array([[address(flat.data) for flat in flats] for flats in plan.flats], np.uint64)
        self.starts = np.searchsorted(plan.chunks[:, 0], np.arange(len(plan.members) + 1))
        self.lanes = np.full((len(plan.chunks), len(plan.traced.norms), LANES), np.nan)

    def moved(self) -> None: ...

    def run(self, stage: int) -> None:
        plan, norms = self.plan, self.plan.norms
        arrays = (plan.rows, norms.values, self.lanes, plan.keys.table)
        tables = (address(self.addresses), address(plan.chunks), plan.uniforms.address, *map(address, arrays))
        stage %= len(plan.traced.stages)
        self.library[f"run{stage}"](len(plan.chunks), *map(ctypes.c_void_p, tables))
        if measured := plan.traced.stages[stage].norms:
            # The plan makes norms of its partial sums; that it does so from these must give what it would have.
            partials, values = np.full_like(norms.partials, np.nan), np.full_like(norms.values, np.nan)
            arrays = (self.lanes, partials, self.starts, values)
            addresses = [ctypes.c_void_p(address(array)) for array in arrays]
            numbers = (len(partials), len(values), partials.shape[1], measured.start, measured.stop)
            self.library.finish(*addresses, *map(ctypes.c_longlong, numbers))
            norms.partials[...] = partials
            norms.finish(measured)
            np.testing.assert_array_equal(values[:, measured], norms.values[:, measured])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", RULES)
def test_the_cuda_text_of_a_rule_gives_the_bits_of_the_compiled_rule(name: str, dtype: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sizes = (7, 40_000, 1)
    first = [np.concatenate([rng.normal(size=max(size - 7, 0)), NUMBERS])[:size].astype(dtype) for size in sizes]
    grads = [[rng.permutation(array).astype(dtype) for array in first] for _ in range(3)]
    results = []
    for on_cpu in (False, True):
        optimizer = mx.optimizer.create(name, learning_rate=0.1, clip_gradient=1.5)
        update, weights = mx.optimizer.get_updater(optimizer), [array.copy() for array in first]
        held = [array.copy() for array in first]
        states = [optimizer.create_state_multi_precision(index, weight) for index, weight in enumerate(weights)]
        update.states = dict(enumerate(states))
        step = optimizer.step(range(3), weights, held, states)
        plan = step.groups[0].plan
        assert isinstance(plan, FusedPlan)
        if on_cpu:
            plan.executor = OnCpu(plan, tmp_path)  # type: ignore[assignment]
        for new in grads:
            for buffer, array in zip(held, new, strict=True):
                buffer[...] = array
            step()
        kept = itertools.chain(*(state if isinstance(state, tuple) else (state,) for state in states))
        results.append([*weights, *(array for array in kept if array is not None)])
    for got, wanted in zip(*results, strict=True):
        np.testing.assert_array_equal(got, wanted)
