"""Compare the time of random fills with torch's: ``python tests/benchmarks/random_fill.py``, where torch is installed.

Both fill a float32 array on one thread, in turns; the figure is the median of the ratios per round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

import mxcore as mx
from mxcore.random.fill import fill_normal, fill_uniform

ROUNDS = 25
SIZES = (1_000_000, 5_000_000, 25_000_000)


def seconds(function: Callable[[], object]) -> float:
    """Return the time of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def report(label: str, ours: Callable[[], object], theirs: Callable[[], object], size: int, bound: float) -> None:
    """Measure and print."""
    ours(), theirs()
    rounds = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    ratio = statistics.median(one / other for one, other in rounds)
    one, other = (1e9 * statistics.median(times) / size for times in zip(*rounds, strict=True))
    print(f"{label:22} {size:9,}: {one:.2f} ns, torch {other:.2f} ns, ratio {ratio:.2f} (at most {bound})")


def measure(size: int) -> None:
    """Measure and print both distributions, drawn directly and by an initializer."""
    array, tensor = np.empty(size, np.float32), torch.empty(size)
    report("fill_normal", lambda: fill_normal(array, 1), tensor.normal_, size, 1.0)
    report("fill_uniform", lambda: fill_uniform(array, 1), tensor.uniform_, size, 0.8)
    normal, uniform = mx.init.Normal(), mx.init.Uniform()
    report("initializer normal", lambda: normal("x_weight", array), tensor.normal_, size, 1.0)
    report("initializer uniform", lambda: uniform("x_weight", array), tensor.uniform_, size, 0.8)


def main() -> None:
    """Measure all sizes."""
    torch.set_num_threads(1)
    mx.set_num_threads(1)
    for size in SIZES:
        measure(size)


if __name__ == "__main__":
    main()
