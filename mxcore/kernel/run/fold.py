"""Reductions over all parameters: what the plans of a step contribute, combined in the order of the call."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mxcore.backend import Array, Host
from mxcore.kernel.rule.program import RuleError
from mxcore.kernel.rule.reduction import total
from mxcore.kernel.run.calls import Call, Steps

UNEVEN = 'a reduction with over="all" must be computed for every parameter, whatever its flags are'
"""What is wrong with a rule that has other reductions over all parameters for some of them."""


class Contribution(NamedTuple):
    """What parameters contribute to a reduction over all of them.

    >>> import numpy as np
    >>> Contribution("norm", totals=np.array([9.0, 16.0]), counts=np.array([1, 3])).counts.sum()
    np.int64(4)
    """

    name: str
    """The kind of reduction, such as ``"norm"``."""
    totals: Host
    """For each parameter, its sum or maximum; for a norm, the sum of squares; in float64."""
    counts: Host
    """For each parameter, the number of elements."""


class Part(NamedTuple):
    """What parts of parameters contribute to a reduction.

    >>> import numpy as np
    >>> Part("norm", "parameter", [np.array([9.0, 16.0])]).over
    'parameter'
    """

    name: str
    """The kind of reduction, such as ``"norm"``."""
    over: str
    """What it covers: ``"parameter"`` or ``"all"``."""
    blocks: Sequence[Host]
    """For each part, in the order of the call, what each of its blocks of 4096 elements contributes, in float64."""


Folding = Callable[[Sequence[Contribution]], Sequence[tuple[float, int]]]
"""Takes what the parameters of a call contribute to each reduction; returns the totals and the numbers of elements."""


def folded(contributions: Sequence[Contribution]) -> list[tuple[float, int]]:
    """Combine what parameters contribute to each reduction, from the first one to the last.

    >>> import numpy as np
    >>> folded([Contribution("norm", np.array([9.0, 16.0]), np.array([1, 3]))])
    [(25.0, 4)]
    """
    return [(total(one.name, one.totals), int(one.counts.sum())) for one in contributions]


_folding = contextvars.ContextVar[Folding]("folding", default=folded)


@contextlib.contextmanager
def folding(function: Folding) -> Iterator[None]:
    """Let a function combine reductions over all parameters in the block, for a model of which others have a part.

    The function is called before anything is written, once for each pass of a rule that has such reductions, with what
    the parameters of the call contribute, in their order. Every process that has a part of the model calls its updater,
    exchanges these numbers and returns the same totals. If they are combined in the order of the parameters, the result
    has the bits of one call with all of them.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0, clip_global_norm=1.0))
    >>> weight = np.zeros(1)
    >>> def with_theirs(contributions):
    ...     (squares,) = contributions
    ...     return [(squares.totals.sum() + 4.0**2, squares.counts.sum() + 1)]
    >>> with mx.kernel.folding(with_theirs):
    ...     update("mine", np.array([3.0]), weight)
    >>> weight.round(2)
    array([-0.6])

    Args:
        function: takes the contributions to each reduction, and returns their totals and numbers of elements, as
            :func:`folded` does for the parameters of a call alone.
    """
    token = _folding.set(function)
    try:
        yield
    finally:
        _folding.reset(token)


Dividing = Callable[[Sequence[Part]], Sequence[tuple[Any, Any]]]
"""Takes what parts of parameters contribute to each reduction; returns totals and numbers of elements: one of each, or
arrays of them, one for each part of the call, for a reduction over a parameter."""
_dividing = contextvars.ContextVar[Dividing | None]("dividing", default=None)


@contextlib.contextmanager
def dividing(function: Dividing) -> Iterator[None]:
    """Let a function combine all reductions in the block, for parameters of which others have a part.

    The parameters of the call are vectors, each a part of a parameter that begins at a multiple of 4096 elements,
    counted in C order. If the function combines what all blocks of a parameter contribute, one after the other, and
    then the parameters, the result has the bits of one call with whole parameters. As with :func:`folding`, it is
    called before anything is written.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("lars", learning_rate=1.0, eta=1.0))
    >>> def alone(parts):
    ...     return [(np.array([blocks.sum() for blocks in part.blocks]), np.array([2])) for part in parts]
    >>> weight = np.array([3.0, 4.0])
    >>> with mx.kernel.dividing(alone):
    ...     update("w", np.array([0.0, 1.0]), weight)
    >>> weight
    array([ 3., -1.])

    Args:
        function: takes the contributions to each reduction, and returns their totals and numbers of elements.

    Raises:
        RuleError: the rule has reductions over rows, or uses ``size``.
    """
    token = _dividing.set(function)
    try:
        yield
    finally:
        _dividing.reset(token)


def folds_elsewhere() -> bool:
    """Return whether something else combines the reductions of a call."""
    return _folding.get() is not folded or _dividing.get() is not None


class Folded(Protocol):
    """A plan as :class:`Fold` sees it."""

    over_all: bool
    """Whether its rule may have reductions over all parameters, or numbers that all of them share."""

    def contributions(self, stage: int) -> list[Contribution]:
        """Return what the parameters contribute to the reductions over all parameters that a stage measures."""

    def fold_alone(self, stage: int) -> None:
        """Set them if the plan has all parameters, and nothing else has a part of the model."""

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """Set these reductions, given the total and the number of elements of each."""

    def by_block(self, stage: int) -> list[Part]:
        """Return what the blocks of each parameter contribute to all reductions that a stage measures."""

    def fill_each(self, stage: int, values: Sequence[Any]) -> None:
        """Set these reductions, given totals and numbers of elements."""


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
        if len(self.plans) == 1 and not folds_elsewhere():
            self.plans[0].fold_alone(stage)
            return
        if (function := _dividing.get()) is not None:
            self._divide(stage, function)
            return
        parts = [plan.contributions(stage) for plan in self.plans]
        self.check([[one.name for one in part] for part in parts])
        if found := [self._joined(every) for every in zip(*parts, strict=True)]:
            totals = [(float(total), int(count)) for total, count in _folding.get()(found)]
            for plan in self.plans:
                plan.fill(stage, totals)

    def _divide(self, stage: int, function: Dividing) -> None:
        every = [plan.by_block(stage) for plan in self.plans]
        self.check([[f"{part.name} over {part.over}" for part in parts] for parts in every])
        joined = []
        for parts in zip(*every, strict=True):
            blocks = [block for part in parts for block in part.blocks]
            joined.append(Part(parts[0].name, parts[0].over, [blocks[place] for place in self.order]))
        values = function(joined) if joined else []
        for plan, places in zip(self.plans, self.positions, strict=True):
            own = [tuple(one[list(places)] if np.ndim(one) else one for one in value) for value in values]
            plan.fill_each(stage, own)

    def _joined(self, parts: Sequence[Contribution]) -> Contribution:
        """Put together what all plans contribute to a reduction, in the order of the call."""
        totals, counts = (np.concatenate(each)[self.order] for each in list(zip(*parts, strict=True))[1:])
        return Contribution(parts[0].name, totals, counts)

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
