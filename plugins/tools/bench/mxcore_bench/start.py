"""The time to the first step: the import, and what the first call compiles and looks up.

NumPy's own import does not count, since a program with arrays needs it anyway.

This can be timed only once per process, so every sample is a separate process that times itself.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping

from mxcore_bench import ours
from mxcore_bench.experiment import Entrant, LeftOutError, Sampler
from mxcore_bench.workloads import WORKLOADS

__all__ = ["AFTER_NUMPY", "first_steps", "imports"]

AFTER_NUMPY = "import mxcore after numpy"

_IMPORT = "import time{}; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"

_OURS = """
import time, numpy as np
weights = [np.ones(shape, np.float32) for shape in {shapes}]
start = time.perf_counter()
import mxcore as mx
updater = mx.optimizer.get_updater(mx.optimizer.create("adam"))
updater(list(range(len(weights))), weights, [weight.copy() for weight in weights])
print(time.perf_counter() - start)
"""

_TORCH = """
import time, numpy as np
start = time.perf_counter()
import torch
weights = [torch.nn.Parameter(torch.ones(shape)) for shape in {shapes}]
for weight in weights:
    weight.grad = torch.ones_like(weight)
torch.optim.Adam(weights, fused=True).step()
print(time.perf_counter() - start)
"""


def imports() -> list[Entrant]:
    """Return ``import mxcore``, which imports NumPy; the same with NumPy already imported; NumPy; and torch."""
    alone = [
        Entrant(f"import {name}", _sampler(_IMPORT.format("", name), name)) for name in ("mxcore", "numpy", "torch")
    ]
    return [Entrant(AFTER_NUMPY, _sampler(_IMPORT.format(", numpy", "mxcore"))), *alone]


def first_steps() -> list[Entrant]:
    """Return the first step of Adam on the MLP, including the import."""
    shapes = WORKLOADS["mlp"].shapes
    program = _OURS.format(shapes=shapes)
    own = [Entrant(f"mxcore {one}", _sampler(program, emitter=one)) for one in ours.EMITTERS]
    return [*own, Entrant("torch fused", _sampler(_TORCH.format(shapes=shapes), requires="torch"))]


def _sampler(program: str, requires: str = "numpy", emitter: str | None = None) -> Callable[[object], Sampler]:
    def build(_: object) -> Sampler:
        if not importlib.util.find_spec(requires):
            raise LeftOutError(f"{requires} is not installed")
        if emitter and (why := ours.missing(emitter)):
            raise LeftOutError(why)
        # As in an installation, bytecode files exist: only the very first process has to compile them.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"MXCORE_KERNEL": emitter} if emitter else {}
        _try(program, environment)
        return lambda processes: statistics.fmean(_seconds(program, environment) for _ in range(processes))

    return build


def _try(program: str, environment: Mapping[str, str]) -> None:
    """Check before the rounds whether a program runs at all, since what it imports may be broken."""
    try:
        _seconds(program, environment)
    except subprocess.CalledProcessError as error:
        raise LeftOutError(error.stderr.strip().rpartition("\n")[2]) from error


def _seconds(program: str, environment: Mapping[str, str]) -> float:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True, env=environment
    )
    return float(done.stdout)
