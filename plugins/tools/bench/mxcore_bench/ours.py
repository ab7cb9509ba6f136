"""The contestants of mxcore: each emitter, on one or several threads, and the ways to call an updater."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mxcore as mx
from mxcore import kernel
from mxcore.backend import Array
from mxcore.optimizer import Optimizer, Updater
from mxcore_bench.calls import Caller, Prepare
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import Entrant, LeftOutError, Sampler, Setup, Step, timed
from mxcore_bench.problem import LEARNING_RATE, Algorithm, Problem

__all__ = [
    "EMITTERS", "callers", "choose", "emitters", "entrants", "fills", "limits", "missing", "restored", "runs_on",
]  # fmt: skip

Call = Callable[[Updater[Optimizer], Problem], Setup]


EMITTERS = ("llvm", "numpy")
"""The emitters for the host, fastest first."""
_GPU_EMITTER = "cuda"


def missing(emitter: str) -> str | None:
    """Return why an emitter cannot be used here."""
    if emitter == "llvm" and not importlib.util.find_spec("llvmlite"):
        return "llvmlite is not installed"
    return None


def choose(emitter: str, threads: int | None) -> None:
    """Use an emitter for everything compiled from now on, and this many threads for every step.

    Arrays on a GPU have their own emitter: with it, or without a number of threads, nothing changes.

    Raises:
        LeftOutError: the emitter is not available here.
    """
    if emitter == _GPU_EMITTER or threads is None:
        return
    if why := missing(emitter):
        raise LeftOutError(why)
    kernel.use(emitter)
    mx.set_num_threads(threads)


@contextmanager
def restored() -> Iterator[None]:
    """Restore emitter and threads afterwards."""
    emitter, threads = kernel.in_use(), mx.get_num_threads()
    try:
        yield
    finally:
        choose(emitter, threads)


def _listed(updater: Updater[Optimizer], problem: Problem) -> Setup:
    """``updater(indices, grads, weights)``, the same arrays every time."""
    indices, grads, weights = list(range(len(problem.weights))), problem.grads, problem.weights
    return lambda _: lambda: updater(indices, grads, weights)


def _bound(updater: Updater[Optimizer], problem: Problem) -> Setup:
    """``step = updater.bind(weights, grads)``, then ``step()``."""
    step = updater.bind(problem.weights, problem.grads)
    return lambda _: step


def _fresh(updater: Updater[Optimizer], problem: Problem) -> Setup:
    """Return the list call with gradients that are new objects in every step, as frameworks provide them."""
    indices, weights = list(range(len(problem.weights))), problem.weights

    def setup(calls: int) -> Callable[[], None]:
        # Views: this measures recognising new arrays, not access to other memory.
        grads = iter([[grad.view() for grad in problem.grads] for _ in range(calls)])
        return lambda: updater(indices, next(grads), weights)

    return setup


_CALLS: dict[str, Call] = {"": _listed, " bound": _bound, " fresh": _fresh}


def entrants(algorithm: Algorithm, threads: Sequence[int], *, every_call: bool, device: Device = CPU) -> list[Entrant]:
    """Return every emitter with its possible numbers of threads and, with ``every_call``, every way to call it."""
    calls = _CALLS if every_call and algorithm.fused else {"": _listed}
    return [
        Entrant(f"mxcore {emitter}{name}", _sampler(algorithm, call, emitter, count), count)
        for emitter in emitters(device, algorithm)
        for name, call in calls.items()
        for count in runs_on(emitter, threads)
    ]


def limits(algorithm: Algorithm, threads: Sequence[int], device: Device = CPU) -> list[Entrant]:
    """Return the same traffic with next to no arithmetic, with the best emitter and the shortest way to call it."""
    if algorithm.traffic is None:
        return []
    emitter = next(one for one in emitters(device) if not missing(one))
    return [
        Entrant("limit", _sampler(algorithm, _bound, emitter, count, limit=True), count)
        for count in runs_on(emitter, threads)
    ]


def callers(algorithm: Algorithm, threads: int, device: Device = CPU) -> list[Caller]:
    """Return every emitter through an updater, and the fastest one also through the optimizer itself."""
    first, *rest = emitters(device, algorithm)
    ways = (("", first, _through_updater), (" direct", first, _direct), *(("", one, _through_updater) for one in rest))
    return [
        Caller(f"mxcore {emitter}{name}", functools.partial(way, algorithm), count, _chooses(emitter, count))
        for name, emitter, way in ways
        for count in runs_on(emitter, (threads,))
    ]


def _chooses(emitter: str, threads: int | None) -> Callable[[], None]:
    return lambda: choose(emitter, threads)


def _through_updater(algorithm: Algorithm, problem: Problem) -> Prepare:
    """``updater(index, grad, weight)``, where each may be a list."""
    updater = _updater(algorithm, problem, limit=False)
    return lambda index, grad, weight: functools.partial(updater, index, grad, weight)


def _direct(algorithm: Algorithm, problem: Problem) -> Prepare:
    """``optimizer.update(index, weight, grad, state)``, and ``update_multi_precision`` with lists."""
    updater = _updater(algorithm, problem, limit=False)
    optimizer, states = updater.optimizer, updater.states

    def prepare(index: Any, grad: Any, weight: Any) -> Step:
        if isinstance(index, list):
            listed = [states[one] for one in index]
            return functools.partial(optimizer.update_multi_precision, index, weight, grad, listed)
        return functools.partial(optimizer.update, index, weight, grad, states[index])

    return prepare


def _sampler(
    algorithm: Algorithm, call: Call, emitter: str, threads: int | None, *, limit: bool = False
) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        choose(emitter, threads)
        setup = call(_updater(algorithm, problem, limit=limit), problem)

        def chosen(calls: int) -> Callable[[], object]:
            choose(emitter, threads)
            return setup(calls)

        return timed(chosen, wait=problem.device.wait)

    return build


def _updater(algorithm: Algorithm, problem: Problem, *, limit: bool) -> Updater[Optimizer]:
    """Return an updater that keeps its state in the arrays of the problem, if they fit."""
    options: dict[str, Any] = {"learning_rate": LEARNING_RATE, "multi_precision": problem.mixed}
    if limit and algorithm.traffic:
        optimizer: Optimizer = algorithm.traffic(**options)
    else:
        optimizer = mx.optimizer.create(algorithm.name, **options, **algorithm.options)
    updater = mx.optimizer.get_updater(optimizer)
    updater.states.update(problem.states())
    if algorithm.ours_alone:
        for index, weight in enumerate(problem.weights):
            updater.states[index] = optimizer.create_state_multi_precision(index, weight)
    return updater


def fills(kind: str, threads: Sequence[int]) -> list[Entrant]:
    """Return fills of an array with the initializer ``normal`` or ``uniform``, for every emitter."""
    return [
        Entrant(f"mxcore {emitter}", _filler(kind, emitter, count), count)
        for emitter in EMITTERS
        for count in runs_on(emitter, threads)
    ]


def emitters(device: Device, algorithm: Algorithm | None = None) -> Sequence[str]:
    """Return the emitters for a device, fastest first."""
    if algorithm and not algorithm.fused:
        return ("numpy",)  # array code uses no emitter: the last one stands in for it
    return (_GPU_EMITTER,) if device.on_gpu else EMITTERS


def runs_on(emitter: str, threads: Sequence[int]) -> Sequence[int | None]:
    """Return the numbers of threads that make a difference: blocked NumPy uses one, and a GPU chooses itself."""
    return {"llvm": threads, _GPU_EMITTER: (None,)}.get(emitter, (1,))


def _filler(kind: str, emitter: str, threads: int | None) -> Callable[[Array], Sampler]:
    def build(array: Array) -> Sampler:
        initializer = mx.init.create(kind)

        def setup(_: int) -> Callable[[], object]:
            choose(emitter, threads)
            return lambda: initializer("weight", array)

        choose(emitter, threads)
        return timed(setup)

    return build
