"""A step of Adam through ``mx.torch.Optimizer`` and through torch: ``python tests/benchmarks/torch_step.py``.

Each round makes one step with each optimizer, in turn, on one thread. Printed are the medians of all rounds, and their
ratios to torch's fused step. DeepSpeed's CPU Adam takes part if it is installed.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

import mxcore as mx

Shapes = Sequence[tuple[int, ...]]
_BLOCKS = [s for _ in range(16) for s in ((256, 64, 1, 1), (256,), (256,), (128, 128, 3, 3), (128,), (128,),
                                          (512, 128, 1, 1), (512,), (512,))]  # fmt: skip
MANY: Shapes = [(64, 3, 7, 7), (64,), (64,), *_BLOCKS, (2048, 1000), (1000,), *[(512, 512, 3, 3)] * 4]
CASES: dict[str, tuple[Shapes, int]] = {
    "MLP, 4 tensors": (((784, 32), (32,), (32, 10), (10,)), 2000),
    f"{len(MANY)} tensors": (MANY, 60),
    "one tensor": ([(25_000_000,)], 25),
}


def parameters(shapes: Shapes, dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    """Return parameters with gradients."""
    torch.manual_seed(0)
    found = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in shapes]
    for param in found:
        param.grad = torch.randn(param.shape).to(dtype)
    return found


class Empty(torch.optim.Optimizer):
    """An optimizer that does nothing: what torch's own hooks cost."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Do nothing."""


def entrants(shapes: Shapes) -> dict[str, Callable[[], Any]]:
    """Return the steps to compare."""
    found = {
        "torch fused": torch.optim.Adam(parameters(shapes), lr=1e-3, fused=True).step,
        "torch foreach": torch.optim.Adam(parameters(shapes), lr=1e-3, foreach=True).step,
        "mxcore": mx.torch.Optimizer(parameters(shapes), "adam", lr=1e-3).step,
        "mxcore, new gradients": moving(shapes),
        "an empty step": Empty(parameters(shapes)).step,
    }
    try:
        from deepspeed.ops.adam import DeepSpeedCPUAdam
    except ImportError:
        return found
    return {**found, "deepspeed": DeepSpeedCPUAdam(parameters(shapes), lr=1e-3).step}


def moving(shapes: Shapes) -> Callable[[], None]:
    """Return a step whose gradients are elsewhere each time; moving them is part of the time."""
    params = parameters(shapes)
    optimizer = mx.torch.Optimizer(params, "adam", lr=1e-3)
    grads = [[param.grad, param.grad.clone()] for param in params if param.grad is not None]

    def step() -> None:
        for param, pair in zip(params, grads, strict=True):
            pair.reverse()
            param.grad = pair[0]
        optimizer.step()

    return step


def in_bfloat16(shapes: Shapes) -> dict[str, Callable[[], Any]]:
    """Return steps of bfloat16 weights that have masters: by ours, and by torch's usual recipe."""
    params, half = parameters(shapes, torch.bfloat16), parameters(shapes, torch.bfloat16)
    masters = [torch.nn.Parameter(param.detach().float()) for param in params]
    adam = torch.optim.Adam(masters, lr=1e-3, fused=True)

    def recipe() -> None:
        for param, master in zip(params, masters, strict=True):
            assert param.grad is not None
            master.grad = param.grad.float()
        adam.step()
        with torch.no_grad():
            for param, master in zip(params, masters, strict=True):
                param.copy_(master)

    return {
        "torch fused": recipe,
        "mxcore": mx.torch.Optimizer(half, "adam", lr=1e-3, multi_precision=True).step,
    }


def medians(steps: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return microseconds per step."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            times[name].append((time.perf_counter() - begin) * 1e6)
    return {name: statistics.median(taken[5:]) for name, taken in times.items()}


def report(title: str, found: dict[str, float]) -> None:
    """Print medians and ratios."""
    print(title)
    for name, taken in found.items():
        print(f"  {name:22} {taken:12.1f} us {taken / found['torch fused']:8.3f} ×")


if __name__ == "__main__":
    torch.set_num_threads(1)
    mx.set_num_threads(1)
    for label, (shapes, rounds) in CASES.items():
        size = sum(map(math.prod, shapes)) / 1e6
        report(f"{label}, {size:.2f} M numbers", medians(entrants(shapes), rounds))
    report("one tensor of 25 M in bfloat16 with a master", medians(in_bfloat16([(25_000_000,)]), 25))
    report(f"{len(MANY)} tensors in bfloat16 with masters", medians(in_bfloat16(MANY), 40))
