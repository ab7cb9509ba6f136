"""The ways in which people call an optimizer: one parameter at a time, lists in turn, arrays that are new each time.

A :class:`Case` says what the calls are about; a :class:`Caller` says how somebody's optimizer is called. Every caller
gets the same calls, so that a comparison is between libraries and not between loops.
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
"""A call with an index, a gradient and a weight, or with lists of them, ready to be timed."""

USUAL = (4, 1000)
"""How many numbers a parameter has, where what a call costs matters most."""
_SIZES = (*USUAL, 10_000, 100_000)
# Cases with more numbers than this are left out: they are about memory, as the large workloads are.
_MOST = 32_000_000

_LIST = 160
# A parameter alone is called so often in one pass that passing costs next to nothing for each call.
_ALONE = (0,) * 16
# So many bytes of new arrays are at hand at a time: as many as stay in a second-level cache.
_AT_HAND = 256 * 1024
# thinc zeroes the gradient. After some 800 steps without one Adam's mean is a denormal number, with which processors
# are slow; each parameter gets a gradient with values long before.
_STEPS_AT_A_TIME = 256


def _itself(array: Array) -> Array:
    return array


def _view(array: Array) -> Array:
    return array.view()


def _copy(array: Array) -> Array:
    return array.copy()


@attrs.frozen
class Case:
    """What an optimizer is called with, again and again.

    Args:
        name: its name in a table.
        calls: one pass: the parameters of each call.
        grad: makes the gradient of a call from that of the problem.
        weight: the same for the weight.
    """

    name: str
    calls: tuple[Named, ...] = attrs.field(repr=False)
    grad: Callable[[Array], Array] = _itself
    weight: Callable[[Array], Array] = _itself

    @property
    def updates(self) -> tuple[int, ...]:
        """The parameters of one pass, one after the other, each as often as it is updated."""
        return tuple(index for named in self.calls for index in _indices(named))

    @property
    def parameters(self) -> int:
        """How many parameters there must be."""
        return 1 + max(self.updates)

    @property
    def same(self) -> bool:
        """Whether every pass is about the same objects."""
        return self.grad is _itself and self.weight is _itself

    def new_bytes(self, problem: Problem) -> int:
        """How much memory the arrays of a pass take that were not there before."""
        made = [
            arrays for make, arrays in ((self.grad, problem.grads), (self.weight, problem.weights)) if make is _copy
        ]
        return sum(arrays[index].nbytes for arrays in made for index in self.updates)


@attrs.frozen
class Shape:
    """Cases that are compared with one another, and with the same cases of other libraries.

    Args:
        name: its name on the command line, before the size.
        title: its name in a table.
        cases: the cases, the one that the others are compared with first.
    """

    name: str
    title: str
    cases: tuple[Case, ...] = attrs.field(repr=False)

    @property
    def parameters(self) -> int:
        """How many parameters there are in all."""
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
    """Every shape in every size."""
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
        prepare: makes ready, for a problem, whatever turns arguments into a call; or raises
            :class:`~mxcore_bench.experiment.LeftOutError`.
        threads: how many threads it is told to use; None if it decides for itself.
        ready: what is done before each sample.
        lists: whether a call can be about several parameters; else there is one for each.
    """

    family: str
    prepare: Callable[[Problem], Prepare] = attrs.field(repr=False)
    threads: int | None = 1
    ready: Callable[[], object] = attrs.field(default=lambda: None, repr=False)
    lists: bool = True


def entrants(cases: Sequence[Case], callers: Sequence[Caller]) -> list[Entrant]:
    """Every caller in every case."""
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
    """The calls of so many passes, all ready: arrays that are new in a call are made here."""

    def ready(named: Named) -> Step:
        grads = [case.grad(problem.grads[index]) for index in _indices(named)]
        weights = [case.weight(problem.weights[index]) for index in _indices(named)]
        return prepare(list(named), grads, weights) if isinstance(named, tuple) else prepare(named, *grads, *weights)

    if case.same:
        once = {named: ready(named) for named in calls}
        return [[once[named] for named in calls]] * passes
    return [[ready(named) for named in calls] for _ in range(passes)]


def _passes(passes: Sequence[Sequence[Step]]) -> Step:
    """A step that makes the calls of one pass."""
    following = iter(passes)

    def step() -> None:
        for call in next(following):
            call()

    return step


def _indices(named: Named) -> tuple[int, ...]:
    return named if isinstance(named, tuple) else (named,)
