"""A step of Adam through ``mx.torch.Optimizer``, torch and DeepSpeed.

``python tests/benchmarks/torch_step.py [SECONDS]`` runs each case for this long, all but the last three on one thread.
It measures as ``mxcore bench`` does: the contestants take turns, a sample repeats the step for at least 4 ms, and
ratios are the medians of those of the rounds. In the cases of a training loop, what is timed is the step alone, after a
backward pass that has used the caches and has put gradients anywhere.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mxcore_bench.experiment import Entrant, Sampler, timed
from mxcore_bench.timing import measure, ratio

import mxcore as mx

Shapes = Sequence[tuple[int, ...]]
Make = Callable[..., Any]
_BLOCKS = [s for _ in range(16) for s in ((256, 64, 1, 1), (256,), (256,), (128, 128, 3, 3), (128,), (128,),
                                          (512, 128, 1, 1), (512,), (512,))]  # fmt: skip
MANY: Shapes = [(64, 3, 7, 7), (64,), (64,), *_BLOCKS, (2048, 1000), (1000,), *[(512, 512, 3, 3)] * 4]
CASES: dict[str, Shapes] = {
    "MLP": ((784, 32), (32,), (32, 10), (10,)),
    f"{len(MANY)} tensors": MANY,
    "one tensor": ((25_000_000,),),
}
BATCH = 32


class Empty(torch.optim.Optimizer):
    """An optimizer that does nothing: what torch's own hooks cost."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Do nothing."""


def contestants() -> dict[str, Make]:
    """Return what makes each optimizer from parameters. DeepSpeed takes part if it is installed."""
    found: dict[str, Make] = {
        "torch fused": lambda params: torch.optim.Adam(params, lr=1e-3, fused=True),
        "torch foreach": lambda params: torch.optim.Adam(params, lr=1e-3, foreach=True),
        "mxcore": lambda params: mx.torch.Optimizer(params, "adam", lr=1e-3),
    }
    try:
        from deepspeed.ops.adam import DeepSpeedCPUAdam
    except ImportError:
        return found
    return {**found, "DeepSpeed": lambda params: DeepSpeedCPUAdam(params, lr=1e-3, adamw_mode=False)}


# --- steps -----------------------------------------------------------------------------------------------------------


def parameters(shapes: Shapes, dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    """Return parameters with gradients."""
    torch.manual_seed(0)
    found = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in shapes]
    for param in found:
        param.grad = torch.randn(param.shape).to(dtype)
    return found


def steps(shapes: Shapes) -> dict[str, Sampler]:
    """Return steps with gradients that stay where they are, or are elsewhere in each step."""
    made = {name: make(parameters(shapes)).step for name, make in contestants().items()}
    made |= {"mxcore, other gradients": moving(shapes), "an empty step": Empty(parameters(shapes)).step}
    return {name: timed(lambda _, step=step: step) for name, step in made.items()}  # type: ignore[misc]


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


def in_bfloat16(shapes: Shapes) -> dict[str, Sampler]:
    """Return steps of bfloat16 weights with float32 masters: torch's usual recipe, and ours."""
    params, masters = parameters(shapes, torch.bfloat16), parameters(shapes)
    adam = torch.optim.Adam(masters, lr=1e-3, fused=True)

    def recipe() -> None:
        for param, master in zip(params, masters, strict=True):
            assert param.grad is not None
            master.grad = param.grad.float()
        adam.step()
        with torch.no_grad():
            for param, master in zip(params, masters, strict=True):
                param.copy_(master)

    ours = mx.torch.Optimizer(parameters(shapes, torch.bfloat16), "adam", lr=1e-3, multi_precision=True)
    return {"torch fused": timed(lambda _: recipe), "mxcore": timed(lambda _: ours.step)}


# --- training loops --------------------------------------------------------------------------------------------------


def in_loops(width: int = 32, *, schedule: bool = False, set_to_none: bool = True) -> dict[str, Sampler]:
    """Return the steps of an MLP that is trained.

    Args:
        width: the width of its hidden layer.
        schedule: whether a scheduler of torch changes the learning rate after each step.
        set_to_none: whether each backward pass allocates the gradients.
    """
    return {name: in_loop(make, width, schedule, set_to_none) for name, make in contestants().items()}


def in_loop(make: Make, width: int, schedule: bool, set_to_none: bool) -> Sampler:
    """Return the step of one optimizer in such a loop."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(784, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
    images, digits = torch.randn(BATCH, 784), torch.randint(0, 10, (BATCH,))
    optimizer = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10**6) if schedule else None

    def sample(repetitions: int) -> float:
        taken = []
        for _ in range(repetitions):
            optimizer.zero_grad(set_to_none)
            torch.nn.functional.cross_entropy(model(images), digits).backward()
            begin = time.perf_counter()
            optimizer.step()
            taken.append(time.perf_counter() - begin)
            if scheduler is not None:
                scheduler.step()
        return statistics.median(taken)

    return sample


def report(title: str, samplers: Mapping[str, Sampler], seconds: float) -> None:
    """Measure, and print medians and ratios."""
    entrants = {Entrant(name, lambda _, found=one: found): one for name, one in samplers.items()}
    samples, _ = measure(entrants, seconds)
    named = {one.name: times for one, times in samples.items()}
    references = [name for name in ("torch fused", "DeepSpeed") if name in named]
    print(f"\n{title:26}{'median':>12}" + "".join(f"{'× ' + name:>16}" for name in references))
    for name, times in named.items():
        ratios = "".join(f"{ratio(times, named[other]):16.3f}" for other in references)
        print(f"  {name:24}{statistics.median(times) * 1e6:9.1f} µs{ratios}", flush=True)


def main(seconds: float = 8.0) -> None:
    """Print all cases."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    mx.set_num_threads(1)
    for title, shapes in CASES.items():
        report(f"{title}, {sum(map(math.prod, shapes)) / 1e6:.2f} M", steps(shapes), seconds)
    for title, shapes in list(CASES.items())[1:]:
        report(f"{title}, bfloat16", in_bfloat16(shapes), seconds)
    report("MLP in a training loop", in_loops(), seconds)
    report("… with a schedule", in_loops(schedule=True), seconds)
    report("… with gradients that stay", in_loops(set_to_none=False), seconds)
    torch.set_num_threads(threads)
    mx.set_num_threads(threads)
    for width in (32, 256, 1024):
        report(f"{threads} threads, width {width}", in_loops(width), seconds)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
