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
from mxcore.kernel.plan import FusedPlan

HERE = Path(__file__).parent


def is_fused(name: str) -> bool:
    """Whether an optimizer is a rule that runs in one pass over the elements."""
    optimizer = mx.optimizer.create(name)
    if not optimizer.runs_rule():
        return False
    weight, grad = np.ones(2), np.ones(2)
    step = optimizer.step([0], [weight], [grad], [optimizer.create_state(0, weight)])
    return isinstance(step.groups[0].plan, FusedPlan)


RULES = [name for name in sorted({record.name for record in mx.catalogue.records("optimizer")}) if is_fused(name)]
NUMBERS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38]


def compiled(source: str, number: str, folder: Path) -> Any:
    """A function that launches a kernel, built by the C++ compiler without fused operations."""
    launcher = (
        'extern "C" void run(unsigned blocks, const unsigned long long* a, const long long* c, '
        f"const {number}* u, const long long* r) {{ launch(kernel, blocks, 32u, a, c, u, r); }}"
    )
    text, library = folder / "rule.cpp", folder / "rule.so"
    text.write_text(f'#include "cuda_on_cpu.h"\n{source}\n{launcher}\n')
    flags = ["-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{HERE}"]
    subprocess.run(["g++", *flags, str(text), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library)).run


class OnCpu:
    """Runs a plan by its CUDA C, in place of the code that the plan has compiled."""

    def __init__(self, plan: FusedPlan, folder: Path) -> None:
        number = {"float32": "float", "float64": "double"}[plan.dtype.name]
        self.plan = plan
        self.function = compiled(cuda.emit(plan.traced, plan.dtype.name), number, folder)
        self.addresses = np.array([[address(flat.data) for flat in flats] for flats in plan.flats], np.uint64)

    def moved(self) -> None: ...

    def run(self) -> None:
        tables = (
            address(self.addresses),
            address(self.plan.chunks),
            self.plan.uniforms.address,
            address(self.plan.rows),
        )
        self.function(len(self.plan.chunks), *map(ctypes.c_void_p, tables))


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
