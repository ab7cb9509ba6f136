"""Reductions over all parameters: what the plans of a step contribute, combined in the order of the call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array
from mxcore.kernel.rule.program import RuleError
from mxcore.kernel.rule.reduction import in_order
from mxcore.kernel.run.calls import Call, Steps

UNEVEN = 'a reduction with over="all" must be computed for every parameter, whatever its flags are'
"""What is wrong with a rule that has other reductions over all parameters for some of them."""


class Contribution(NamedTuple):
    """What the parameters of a plan contribute to a reduction over all of them."""

    name: str
    totals: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


class Folded(Protocol):
    """A plan as :class:`Fold` sees it."""

    over_all: bool
    """Whether its rule may have reductions over all parameters, or numbers that all of them share."""

    def contributions(self, stage: int) -> list[Contribution]:
        """Return what the parameters contribute to the reductions over all parameters that a stage measures."""

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """Set these reductions, given the total and the number of elements of each."""


class Fold:
    """Combines what plans have measured.

    Args:
        plans: the plans of a step.
        positions: the parameters of each plan, by their positions in the step.
    """

    def __init__(self, plans: Sequence[Folded], positions: Sequence[Sequence[int]]) -> None:
        self.plans, self.positions = plans, positions
        self.order = np.argsort(np.concatenate([np.asarray(places, np.int64) for places in positions]))

    def __call__(self, stage: int) -> None:
        """Set the reductions over all parameters that a stage has measured.

        Raises:
            RuleError: the rule has other reductions over all parameters for some of them.
        """
        parts = [plan.contributions(stage) for plan in self.plans]
        self.check([[one.name for one in part] for part in parts])
        totals = []
        for every in zip(*parts, strict=True):
            terms = np.concatenate([one.totals for one in every])[self.order]
            totals.append((float(in_order(every[0].name, terms)), sum(int(one.counts.sum()) for one in every)))
        if totals:
            for plan in self.plans:
                plan.fill(stage, totals)

    @staticmethod
    def check(names: Sequence[Sequence[str]]) -> None:
        """Check that all plans have the same reductions over all parameters."""
        if any(some != names[0] for some in names):
            raise RuleError(UNEVEN)


def calls_of(steps: Sequence[Steps | Iterable[Call]], fold: Callable[[int], None] | None) -> Iterable[Call]:
    """Run the measuring stages of several plans side by side, and return the calls that write.

    Args:
        steps: for each plan its step, or the calls if it measures nothing.
        fold: combines what a stage has measured of all parameters, if there is any such reduction.
    """
    found: list[Any] = list(steps)
    running = {number: one for number, one in enumerate(steps) if isinstance(one, Generator)}
    if not running:  # as is nearly always true of blocked NumPy
        return itertools.chain(*found)
    for stage in itertools.count():
        for number, plan in list(running.items()):
            try:
                next(plan)
            except StopIteration as done:
                found[number] = done.value
                del running[number]
        if not running:
            return itertools.chain(*found)
        if fold is not None:
            fold(stage)
    raise AssertionError  # never reached: each plan ends


def run_alone(plan: Any, handed_over: Sequence[Sequence[Array]]) -> Iterable[Call]:
    """Return the calls of a single plan."""
    fold = plan.fold([plan], [range(len(handed_over[0]))]) if plan.over_all else None
    return calls_of([plan.steps(handed_over)], fold)
