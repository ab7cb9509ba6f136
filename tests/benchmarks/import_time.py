"""How long ``import mxcore`` takes, as a ratio to ``import numpy``: ``python tests/benchmarks/import_time.py``.

Each round starts two fresh processes, one after the other; the figure is the median of the ratios of the rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 21
PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module: str) -> float:
    """The time that one import takes in a fresh process."""
    return float(subprocess.run([sys.executable, "-c", PROGRAM.format(module)], capture_output=True, check=True).stdout)


def main() -> None:
    """Measure and print."""
    seconds("numpy"), seconds("mxcore")  # compiled files and the disk's cache
    rounds = [(seconds("numpy"), seconds("mxcore")) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / numpy for numpy, ours in rounds)
    numpy, ours = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"import numpy {numpy * 1e3:.0f} ms, import mxcore {ours * 1e3:.0f} ms, ratio {ratio:.2f} (at most 1.5)")


if __name__ == "__main__":
    main()
