"""The project's performance targets: bounds that ``mxcore bench --check`` checks on a machine.

They were set on two cores with AVX2, and are not a test: on a loaded machine, or another one, some may be missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from mxcore_bench.results import Result, Row
from mxcore_bench.start import AFTER_NUMPY

__all__ = ["TARGETS", "Target", "Verdict", "check"]


@attrs.frozen
class Target:
    """A bound on a figure of a family of contestants.

    A family may run on several numbers of threads. Each must meet the bound; against the best of torch, and in seconds,
    only the one with the most threads, which is the default.

    Args:
        workload: the name of the workload.
        family: the family that must meet it.
        figure: the name of a reference whose ratio is bounded, or ``seconds`` for the median time of a step.
        at_most: the bound.
        optimizer: the optimizer, if there is one.
        dtype: the dtype of the weights, if there are any.
        case: the case of the family, if these differ within an experiment.
    """

    workload: str
    family: str
    figure: str
    at_most: float
    optimizer: str | None = None
    dtype: str | None = None
    case: str = ""

    def _rows(self, results: Iterable[Result]) -> list[Row]:
        """Return the figures of the family."""
        wanted = (self.workload, self.optimizer, self.dtype)
        found = (
            result.rows
            for result in results
            if (result.experiment.workload, result.experiment.optimizer, result.experiment.dtype) == wanted
        )
        return [row for rows in found for row in rows if (row.family, row.case) == (self.family, self.case)]

    def measured(self, results: Iterable[Result]) -> float | None:
        """Return the figure to compare, or None if it was not measured."""
        rows = self._rows(results)
        if self.figure in ("best torch", "seconds"):
            rows = [row for row in rows if (row.threads or 0) == max(one.threads or 0 for one in rows)]
        figures = [row.median_s if self.figure == "seconds" else row.ratios.get(self.figure) for row in rows]
        return max((figure for figure in figures if figure is not None), default=None)


_LLVM, _BOUND, _FRESH, _NUMPY = "mxcore llvm", "mxcore llvm bound", "mxcore llvm fresh", "mxcore numpy"
_DIRECT, _OUT = "mxcore llvm direct", "NumPy out="

# workload, family, figure, and the bounds for Adam and for SGD with momentum, in float32
_STEPS = (
    *((name, _LLVM, "limit", 1.10, 1.10) for name in ("resnet50", "one", "gpt2")),
    *((name, _NUMPY, "limit", 4.5, 2.2) for name in ("resnet50", "one", "gpt2")),
    ("resnet50", _LLVM, "torch", 0.95, 0.95),
    ("one", _LLVM, "torch", 1.0, 1.0),
    ("gpt2", _LLVM, "torch", 1.0, 1.0),
    ("mlp", _LLVM, "best torch", 0.17, 0.27),
    ("mlp", _BOUND, "best torch", 0.13, 0.18),
    ("thousand", _LLVM, "best torch", 0.08, 0.14),
)
# Adam alone, through an updater and directly: workload, case, figure and bound
_CALLS = (
    ("one-by-one-1000", "160 in turn", "alone", 1.3),
    ("one-by-one-1000", "1280 in turn", "alone", 1.5),
    *(("one-by-one-1000", f"{count} in turn", "thinc", 0.9) for count in (160, 1280)),
    *(("one-by-one-1000", f"{count} in turn", _OUT, 0.45) for count in (160, 1280)),
    *((f"lists-{size}", "two in turn", "same list", 1.2) for size in (4, 1000)),
    *((f"lists-{size}", "overlapping", "same list", 3.0) for size in (4, 1000)),
    *(("arrays-4", "new gradient", figure, 0.7) for figure in ("thinc", _OUT)),
    *(("arrays-1000", "new gradient", figure, bound) for figure, bound in (("thinc", 0.5), (_OUT, 0.7))),
    *((f"arrays-{size}", "new view", "same arrays", 1.5) for size in (4, 1000)),
    *((f"arrays-{size}", "other weight", "same arrays", 2.0) for size in (4, 1000)),
)
# Adam alone: how many tensors, and the microseconds of a list call and of a bound step
_OVERHEAD = ((4, 8, 4), (161, 30, 8), (1000, 150, 25))

TARGETS = (
    *(
        Target(name, family, figure, bound, optimizer, "float32")
        for name, family, figure, *bounds in _STEPS
        for optimizer, bound in zip(("adam", "sgd"), bounds, strict=True)
    ),
    *(
        Target(name, _LLVM, "torch", 0.65, optimizer, "bfloat16")
        for name in ("resnet50", "one", "gpt2")
        for optimizer in ("adam", "sgd")
    ),
    *(
        Target(f"tiny-{tensors}", family, "seconds", bound * 1e-6, "adam", "float32")
        for tensors, *bounds in _OVERHEAD
        for family, bound in zip((_LLVM, _BOUND), bounds, strict=True)
    ),
    *(
        Target(name, family, figure, bound, "adam", "float32", case)
        for name, case, figure, bound in _CALLS
        for family in (_LLVM, _DIRECT)
    ),
    *(Target(name, _NUMPY, _OUT, 1.0, "adam", "float32") for name in ("mlp", "thousand")),
    Target("lists-1000", _NUMPY, "same list", 1.2, "adam", "float32", "new gradients"),
    *(Target(name, _LLVM, "limit", 2.0, "lamb", "float32") for name in ("resnet50", "one", "gpt2")),
    *(Target(f"tiny-{tensors}", _FRESH, "best torch", 0.5, "adam", "float32") for tensors, *_ in _OVERHEAD),
    *(Target(f"normal-{size}", _LLVM, "torch", 1.0, None, "float32") for size in ("1m", "25m")),
    *(Target(f"uniform-{size}", _LLVM, "torch", 0.8, None, "float32") for size in ("1m", "25m")),
    Target("import", AFTER_NUMPY, "numpy", 0.35),
    Target("first-step", _LLVM, "seconds", 0.25, "adam"),
)


@attrs.frozen
class Verdict:
    """A target and its measurement; ``met`` is None if there is none."""

    target: Target
    measured: float | None

    @property
    def met(self) -> bool | None:
        """Whether the bound holds."""
        return None if self.measured is None else self.measured <= self.target.at_most


def check(results: Sequence[Result]) -> list[Verdict]:
    """Return the verdict on each target."""
    return [Verdict(target, target.measured(results)) for target in TARGETS]
