"""The ways to call an optimizer: one parameter at a time, alternating lists, new arrays in each call.

A :class:`Case` defines the calls; a :class:`Caller` defines how to call the optimizer of a library. Every caller
gets the same calls, so that the comparison is between libraries and not between loops.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from mxcore.backend import Array
from mxcore_bench.experiment import Entrant, Sampler, Step, timed
from mxcore_bench.problem import Problem
from mxcore_bench.workloads import Workload

__all__ = ["SHAPES", "USUAL", "Caller", "Case", "Prepare", "Shape", "called", "entrants", "workloads"]

Named = int | tuple[int, ...]
"""The parameters of a call: an index, or several for a call with lists."""
Prepare = Callable[[Any, Any, Any], Step]
"""A call with an index, a gradient and a weight, or with lists of them, ready to time."""

USUAL = (4, 1000)
"""The sizes of parameters for which the cost of a call matters most."""
_SIZES = (*USUAL, 10_000, 100_000)
# Larger cases are left out: like the large workloads, they would measure memory.
_MOST = 32_000_000

_LIST = 160
# A single parameter is called so often in a pass that the overhead of the pass is negligible.
_ALONE = (0,) * 16
# How many bytes of new arrays exist at a time: as many as fit into a second-level cache.
_AT_HAND = 256 * 1024
# thinc zeroes the gradient. After about 800 steps with zero gradients, Adam's mean becomes denormal, which is slow on
# processors; each parameter gets a new gradient long before.
_STEPS_AT_A_TIME = 256


def _itself(array: Array) -> Array:
    return array


def _view(array: Array) -> Array:
    return array.view()


def _copy(array: Array) -> Array:
    return array.copy()


@attrs.frozen
class Case:
    """The arguments with which an optimizer is called repeatedly.

    Args:
        name: its name in a table.
        calls: the parameters of each call in a pass.
        grad: creates the gradient of a call from that of the problem.
        weight: likewise for the weight.
    """

    name: str
    calls: tuple[Named, ...] = attrs.field(repr=False)
    grad: Callable[[Array], Array] = _itself
    weight: Callable[[Array], Array] = _itself

    @property
    def updates(self) -> tuple[int, ...]:
        """The parameters of a pass, one after the other, each as often as it is updated."""
        return tuple(index for named in self.calls for index in _indices(named))

    @property
    def parameters(self) -> int:
        """How many parameters are needed."""
        return 1 + max(self.updates)

    @property
    def same(self) -> bool:
        """Whether every pass uses the same objects."""
        return self.grad is _itself and self.weight is _itself

    def new_bytes(self, problem: Problem) -> int:
        """Return how much memory the new arrays of a pass take."""
        made = [
            arrays for make, arrays in ((self.grad, problem.grads), (self.weight, problem.weights)) if make is _copy
        ]
        return sum(arrays[index].nbytes for arrays in made for index in self.updates)


@attrs.frozen
class Shape:
    """Cases that are compared with each other, and with the same cases in other libraries.

    Args:
        name: its name on the command line, before the size.
        title: its name in a table.
        cases: the cases, starting with the one with which the others are compared.
    """

    name: str
    title: str
    cases: tuple[Case, ...] = attrs.field(repr=False)

    @property
    def parameters(self) -> int:
        """The total number of parameters."""
        return max(case.parameters for case in self.cases)


_FIRST, _SECOND, _BETWEEN = (tuple(range(start, start + _LIST)) for start in (0, _LIST, _LIST // 2))

SHAPES = (
    Shape(
        "one-by-one",
        "one by one",
        (Case("alone", _ALONE), *(Case(f"{count} in turn", tuple(range(count))) for count in (10, 160, 1280))),
    ),
    Shape(
        "lists",
        f"lists of {_LIST}",
        (
            Case("same list", (_FIRST, _FIRST)),
            Case("two in turn", (_FIRST, _SECOND)),
            Case("overlapping", (_FIRST, _BETWEEN)),
            Case("new gradients", (_FIRST, _FIRST), grad=_copy),
        ),
    ),
    Shape(
        "arrays",
        "one parameter",
        (
            Case("same arrays", _ALONE),
            Case("new gradient", _ALONE, grad=_copy),
            Case("new view", _ALONE, weight=_view),
            Case("other weight", _ALONE, weight=_copy),
        ),
    ),
)


def workloads() -> dict[str, tuple[Shape, Workload]]:
    """Return every shape in every size."""
    made = [_sized(shape, size) for shape, size in itertools.product(SHAPES, _SIZES)]
    return {workload.name: (shape, workload) for shape, workload in made}


def _sized(shape: Shape, size: int) -> tuple[Shape, Workload]:
    fitting = attrs.evolve(shape, cases=tuple(case for case in shape.cases if case.parameters * size <= _MOST))
    title = f"{shape.title}, {size} numbers each"
    return fitting, Workload(f"{shape.name}-{size}", title, ((size,),) * fitting.parameters, "calls")


@attrs.frozen
class Caller:
    """How an optimizer is called.

    Args:
        family: what it is, such as ``torch fused``.
        prepare: for a problem, returns the function that turns arguments into a call, or raises
            :class:`~mxcore_bench.experiment.LeftOutError`.
        threads: how many threads to use; None if it chooses itself.
        ready: called before each sample.
        lists: whether a call can update several parameters; otherwise, there is a call for each.
    """

    family: str
    prepare: Callable[[Problem], Prepare] = attrs.field(repr=False)
    threads: int | None = 1
    ready: Callable[[], object] = attrs.field(default=lambda: None, repr=False)
    lists: bool = True


def entrants(cases: Sequence[Case], callers: Sequence[Caller]) -> list[Entrant]:
    """Return every caller in every case."""
    return [Entrant(one.family, _sampler(case, one), one.threads, case.name) for one in callers for case in cases]


def _sampler(case: Case, caller: Caller) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        caller.ready()
        prepare = caller.prepare(problem)
        calls = case.calls if caller.lists else case.updates

        def setup(passes: int) -> Step:
            caller.ready()
            return _passes(called(case, calls, prepare, problem, passes))

        most = _STEPS_AT_A_TIME // max(Counter(case.updates).values())
        if new := case.new_bytes(problem):
            most = min(most, max(1, _AT_HAND // new))
        return timed(setup, updates=len(case.updates), at_most=most, wait=problem.device.wait)

    return build


def called(case: Case, calls: Sequence[Named], prepare: Prepare, problem: Problem, passes: int) -> list[list[Step]]:
    """Prepare the calls of this many passes, including the arrays that are new in each call."""

    def ready(named: Named) -> Step:
        grads = [case.grad(problem.grads[index]) for index in _indices(named)]
        weights = [case.weight(problem.weights[index]) for index in _indices(named)]
        return prepare(list(named), grads, weights) if isinstance(named, tuple) else prepare(named, *grads, *weights)

    if case.same:
        once = {named: ready(named) for named in calls}
        return [[once[named] for named in calls]] * passes
    return [[ready(named) for named in calls] for _ in range(passes)]


def _passes(passes: Sequence[Sequence[Step]]) -> Step:
    """Return a step that makes the calls of a pass."""
    following = iter(passes)

    def step() -> None:
        for call in next(following):
            call()

    return step


def _indices(named: Named) -> tuple[int, ...]:
    return named if isinstance(named, tuple) else (named,)
