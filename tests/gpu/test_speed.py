"""Compare the fused launch with a device-to-device copy, the limit of memory. Figures are printed, not tested."""

from typing import Any

import numpy as np
import pytest
from rule_runs import assert_same_bits

import mxcore as mx
from mxcore.backend import Context

ELEMENTS = 25_600_000
ROUNDS = 30
CLIPPED = "adam, clipped"
# Bytes for each element: what every stage reads and writes.
MOVED = {"sgd": 12, "adam": 28, "lamb": 44, "average(adam)": 36, "cautious(adam)": 56, CLIPPED: 32}


def median_ms(xp: Any, work: Any) -> float:
    """Return the median time of some work on the device."""
    times = []
    for _ in range(ROUNDS):
        begin, end = xp.cuda.Event(), xp.cuda.Event()
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(xp.cuda.get_elapsed_time(begin, end))
    return float(np.median(times))


@pytest.mark.parametrize("name", MOVED)
def test_a_step_of_many_parameters(name: str, gpu: Context, xp: Any, capsys: pytest.CaptureFixture[str]) -> None:
    host = np.random.default_rng(1).normal(size=(160, ELEMENTS // 160)).astype("f4")
    weights, grads = ([gpu.array(row) for row in host] for _ in range(2))
    few = len(host) if name == CLIPPED else 2
    some, theirs = ([row.copy() for row in host[:few]] for _ in range(2))
    step, on_host = (bound(name, *arrays) for arrays in ((weights, grads), (some, theirs)))
    step()
    on_host()
    assert_same_bits([gpu.backend.to_host(weight) for weight in weights[:few]], some)
    source = xp.zeros(ELEMENTS * MOVED[name] // 2, xp.uint8)  # a copy reads it and writes as much
    target = xp.empty_like(source)
    fused, copied = median_ms(xp, step), median_ms(xp, lambda: target.__setitem__(..., source))
    with capsys.disabled():
        print(f"\n{name}, {ELEMENTS:,} parameters: {fused:.3f} ms; a copy of as much memory: {copied:.3f} ms")


def bound(name: str, weights: Any, grads: Any) -> Any:
    """Return a step over fixed arrays."""
    name, _, clipped = name.partition(", ")
    optimizer = mx.optimizer.create(name, learning_rate=0.01, clip_global_norm=1.0 if clipped else None)
    return mx.optimizer.get_updater(optimizer).bind(weights, grads)
