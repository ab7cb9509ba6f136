"""Time contestants in turns.

Machines are never quiet, so only measurements taken side by side are compared: every round takes a sample of each
contestant, in random order, and two contestants are compared by the median of their ratios per round. Slow phases of
the machine then affect both sides of a ratio.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from mxcore_bench.experiment import Entrant, Sampler

__all__ = ["SHORTEST_SAMPLE", "measure", "ratio"]

SHORTEST_SAMPLE = 0.004
"""The minimum time of a sample in seconds: about ten thousand times the resolution of the clock."""
FEWEST_ROUNDS = 3
# Worker threads of other contestants spin for a while in case of more work; let them go to sleep first.
_PAUSE = 0.002

Samples = dict[Entrant, list[float]]


def measure(
    samplers: Mapping[Entrant, Sampler], seconds: float, on_round: Callable[[float], object] = lambda _: None
) -> tuple[Samples, dict[Entrant, int]]:
    """Return the seconds per step of each contestant in each round, and how many steps its samples had.

    Args:
        samplers: the contestants.
        seconds: the time after which no round is started; there are at least three. Warming up, in which some compile
            for seconds, does not count.
        on_round: called after each round with the fraction of the time that has passed.
    """
    with _no_garbage_collection():
        repetitions = {entrant: _repetitions(sampler) for entrant, sampler in samplers.items()}
        samples: Samples = {entrant: [] for entrant in samplers}
        start, rounds = time.monotonic(), 0
        while rounds < FEWEST_ROUNDS or time.monotonic() - start < seconds:
            for entrant in random.sample(list(samplers), len(samplers)):
                time.sleep(_PAUSE)
                samples[entrant].append(samplers[entrant](repetitions[entrant]))
            rounds += 1
            on_round(min(1.0, (time.monotonic() - start) / max(seconds, 1e-9)))
    return samples, repetitions


def _repetitions(sampler: Sampler) -> int:
    """Return how many steps make a sample long enough, not counting the first steps, which may compile."""
    sampler(2)  # the second step may be the first with another gradient, which may compile again
    repetitions = 1
    enough = 1.25 * SHORTEST_SAMPLE  # the machine may be slower now than later
    while (took := sampler(repetitions) * repetitions) < enough:
        repetitions *= max(2, math.ceil(enough / max(took, 1e-7)))
    return repetitions


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def ratio(ours: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median of the ratios per round, which is not the ratio of the medians.

    >>> ratio([1, 2, 30], [1, 4, 10])
    1.0
    """
    return statistics.median(one / other for one, other in zip(ours, reference, strict=True))
