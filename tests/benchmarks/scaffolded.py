"""Is a scaffolded optimizer as fast as a built-in one? ``python tests/benchmarks/scaffolded.py [SECONDS]``.

The scaffolded optimizer, quasi-hyperbolic momentum, has the loads and stores of SGD with momentum: the gradient is
read, the weight and one slot are read and written. The two take turns on the same arrays, as in ``mxcore bench``.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
from click.testing import CliRunner
from mxcore_bench import machine, ours
from mxcore_bench.experiment import Experiment, Reference
from mxcore_bench.problem import ALGORITHMS, Algorithm
from mxcore_bench.results import run
from mxcore_bench.suite import suite
from mxcore_bench.table import print_result

import mxcore as mx
from mxcore.commands.cli import main as command


def scaffolded() -> Algorithm:
    """Create a project, register its optimizer, and describe its memory traffic."""
    with tempfile.TemporaryDirectory() as folder:
        result = CliRunner().invoke(command, ["new", "optimizer", "swift", "--out", folder])
        if result.exit_code:
            sys.exit(result.output)
        sys.path.insert(0, str(Path(folder) / "mxcore-optimizer-swift"))
        mx.optimizer.register(importlib.import_module("mxcore_optimizer_swift").Swift)
        del sys.path[0]
    return attrs.evolve(ALGORITHMS["sgd"], name="swift", title="scaffolded", options={})


def experiment(workload: str, algorithms: Sequence[Algorithm], threads: Sequence[int]) -> Experiment:
    """Compare algorithms with the traffic of SGD with momentum on a workload; the first is the reference."""
    (built_in,) = suite([workload], ["sgd"], ["float32"], threads)
    entrants = [
        attrs.evolve(entrant, family=f"{algorithm.name}, {entrant.family}")
        for algorithm in algorithms
        for entrant in ours.entrants(algorithm, threads, every_call=False)
        if "llvm" in entrant.family
    ]
    reference = Reference(algorithms[0].name, f"{algorithms[0].name}, mxcore llvm")
    return attrs.evolve(built_in, entrants=tuple(entrants), references=(reference,), optimizer=None)


def main(seconds: str = "10") -> None:
    """Print the ratios on ResNet-50 and on one large tensor."""
    print(machine.line(machine.describe()))
    algorithms = ALGORITHMS["sgd"], scaffolded()
    with ours.restored():
        for workload in ("resnet50", "one"):
            print_result(run(experiment(workload, algorithms, (1, 2)), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
