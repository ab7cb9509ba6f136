"""Optimizers through ``mx.torch.Optimizer`` and their namesakes in pytorch_optimizer, on the parameters of ResNet-50.

``python tests/benchmarks/torch_peers.py [NAME …]``. One thread; the steps alternate, and printed are medians in
milliseconds and their ratio. Each has the defaults of its own library: what is compared is time, not results.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytorch_optimizer
import torch

import mxcore as mx

ROUNDS = 7
# Blocks of ResNet-50: how many, the channels that come in, those inside, and those that go out.
STAGES = ((3, 64, 64, 256), (4, 256, 128, 512), (6, 512, 256, 1024), (3, 1024, 512, 2048))


def resnet50() -> Iterator[tuple[int, ...]]:
    """Yield the shapes of the parameters of ResNet-50."""
    yield from ((64, 3, 7, 7), (64,), (64,))
    for count, first, inside, out in STAGES:
        for number in range(count):
            before = out if number else first
            convolutions = ((inside, before, 1, 1), (inside, inside, 3, 3), (out, inside, 1, 1))
            for shape in (*convolutions, *(() if number else ((out, before, 1, 1),))):
                yield from (shape, (shape[0],), (shape[0],))
    yield from ((1000, 2048), (1000,))


def parameters() -> list[torch.nn.Parameter]:
    """Return parameters with gradients."""
    torch.manual_seed(0)
    found = [torch.nn.Parameter(0.05 * torch.randn(shape)) for shape in resnet50()]
    for param in found:
        param.grad = 0.01 * torch.randn(param.shape)
    return found


def namesake(name: str) -> Any:
    """Return the class of pytorch_optimizer of a name, or None."""
    known = {one.lower(): one for one in pytorch_optimizer.get_supported_optimizers()}
    try:
        return pytorch_optimizer.load_optimizer(known[name]) if name in known else None
    except (ImportError, NotImplementedError, ValueError):
        return None


def grouped(name: str) -> Any:
    """Return parameters as the namesake wants them: those of Muon's kin are told which are matrices."""
    found = parameters()
    if not name.endswith("muon"):
        return found
    kinds = (True, False)
    return [{"params": [one for one in found if (one.ndim > 1) == kind], "use_muon": kind} for kind in kinds]


def medians(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """Return milliseconds per step."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 2):
        for step, taken in zip((ours, theirs), times, strict=True):
            begin = time.perf_counter()
            step()
            taken.append((time.perf_counter() - begin) * 1e3)
    one, other = (statistics.median(taken[2:]) for taken in times)
    return one, other


def main(names: list[str]) -> None:
    """Print a line for each optimizer that both have."""
    torch.set_num_threads(1)
    mx.set_num_threads(1)
    shapes = list(resnet50())
    print(f"ResNet-50: {len(shapes)} tensors, {sum(torch.Size(shape).numel() for shape in shapes) / 1e6:.1f} M numbers")
    for record in mx.catalogue.records("optimizer"):
        cls = namesake(record.name)
        if cls is None or (names and record.name not in names):
            continue
        try:
            theirs = cls(grouped(record.name))
            flat = {"flatten": True} if record.name.endswith("muon") else {}  # as its namesake takes convolutions
            ours = mx.torch.Optimizer(parameters(), record.name, **flat)
            one, other = medians(ours.step, theirs.step)
        except Exception as error:  # it needs a closure, a model, or arguments
            print(f"{record.name:18} {type(error).__name__}: {str(error).splitlines()[0]:.90}")
            continue
        kind = "rule" if ours.optimizer.rule else "matrices"
        print(f"{record.name:18} {one:9.1f} {other:9.1f} {one / other:7.2f} × {kind}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
