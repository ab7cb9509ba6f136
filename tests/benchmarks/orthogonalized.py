"""How long Muon's orthogonalization takes beside its products: ``python tests/benchmarks/orthogonalized.py [SECONDS]``.

Both take turns on stacks of matrices of some shapes. The products are those of five iterations with bare
``numpy.matmul``: S = X Xᵀ, S S, and their combination times X.
"""

from __future__ import annotations

import sys

import numpy as np
from mxcore_bench import machine
from mxcore_bench.experiment import Entrant, timed
from mxcore_bench.timing import measure, ratio
from mxcore_matrices import orthogonalize

COEFFICIENTS = (3.4445, -4.775, 2.0315)
SHAPES = ((4, 256, 256), (4, 512, 512), (8, 256, 1024), (2, 1024, 1024))
STEPS = 5


def compare(shape: tuple[int, ...], seconds: float) -> float:
    """Return the time of the orthogonalization in multiples of that of its products: the median of all rounds."""
    given = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    given /= np.linalg.norm(given, axis=(1, 2), keepdims=True)

    def products() -> None:
        for _ in range(STEPS):
            square = np.matmul(given, given.swapaxes(1, 2))
            np.matmul(np.matmul(square, square), given)

    def ours() -> None:
        orthogonalize(given.copy(), STEPS, COEFFICIENTS)

    samplers = {
        Entrant(one.__name__, lambda _: 0): timed(lambda _, one=one: one)  # type: ignore[misc, arg-type]
        for one in (products, ours)
    }
    samples, _ = measure(samplers, seconds)
    reference, own = samples.values()
    return ratio(own, reference)


def main(seconds: str = "5") -> None:
    """Print the ratio for each shape."""
    print(machine.line(machine.describe()))
    for shape in SHAPES:
        print(f"{shape}: {compare(shape, float(seconds)):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
