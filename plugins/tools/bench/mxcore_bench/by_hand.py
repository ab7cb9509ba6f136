"""Optimizers written by hand with NumPy or CuPy: straight from the formula, and with ``out=`` for speed."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore_bench.calls import Caller, Prepare
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import Entrant, Sampler, Step, timed
from mxcore_bench.problem import LEARNING_RATE, Algorithm, Problem

__all__ = ["callers", "entrants", "with_out"]

BETA1, BETA2, EPSILON, MOMENTUM = 0.9, 0.999, 1e-8, 0.9
LAMB_EPSILON = 1e-6

Write = Callable[[Problem], Step]
Scalars = Callable[[int], Any]
"""Computes the numbers of an update from its count."""
InPlace = Callable[..., None]
"""Updates a weight, given these numbers, a scratch array of its size, the weight, the gradient and the slots, flat."""


def entrants(algorithm: Algorithm, device: Device = CPU) -> list[Entrant]:
    """Return the two ways of writing an optimizer."""
    threads = None if device.on_gpu else 1
    written = {f"{device.library} naive": _NAIVE[algorithm.name], with_out(device): _out(*_OUT[algorithm.name])}
    return [Entrant(family, _sampler(write), threads) for family, write in written.items()]


def callers(algorithm: Algorithm, device: Device = CPU) -> list[Caller]:
    """Return the faster of the two, called with one parameter at a time."""
    prepare = functools.partial(_one_by_one, *_OUT[algorithm.name])
    return [Caller(with_out(device), prepare, None if device.on_gpu else 1, lists=False)]


def with_out(device: Device) -> str:
    """Return the family that is written with ``out=``."""
    return f"{device.library} out="


def _sampler(write: Write) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        step = write(problem)
        converted = _through_masters(problem, step) if problem.mixed else step
        return timed(lambda _: converted, wait=problem.device.wait)

    return build


def _through_masters(problem: Problem, step: Step) -> Step:
    """Return a step in float32 between two conversions."""

    def converted() -> None:
        for full, grad in zip(problem.full_grads, problem.grads, strict=True):
            full[...] = grad
        step()
        for weight, master in zip(problem.weights, problem.masters, strict=True):
            weight[...] = master

    return converted


def _parameters(problem: Problem) -> Iterator[tuple[Array, ...]]:
    return zip(problem.masters, problem.full_grads, *problem.slots, strict=True)


def _corrected_moments(problem: Problem, t: int) -> Iterator[tuple[Array, ...]]:
    for w, g, m, v in _parameters(problem):
        m[...] = BETA1 * m + (1 - BETA1) * g
        v[...] = BETA2 * v + (1 - BETA2) * g**2
        yield w, m / (1 - BETA1**t), v / (1 - BETA2**t)


def _naive_adam(problem: Problem) -> Step:
    counter = itertools.count(1)

    def step() -> None:
        for w, mean, variance in _corrected_moments(problem, next(counter)):
            w[...] = w - LEARNING_RATE * mean / (np.sqrt(variance) + EPSILON)

    return step


def _naive_lamb(problem: Problem) -> Step:
    counter = itertools.count(1)

    def step() -> None:
        for w, mean, variance in _corrected_moments(problem, next(counter)):
            change = mean / (np.sqrt(variance) + LAMB_EPSILON)
            w[...] = w - LEARNING_RATE * _ratio(w, change) * change

    return step


def _ratio(weight: Array, change: Array) -> float:
    size, length = float(np.linalg.norm(weight)), float(np.linalg.norm(change))
    return size / length if size and length else 1.0


def _naive_momentum(problem: Problem) -> Step:
    def step() -> None:
        for w, g, v in _parameters(problem):
            v[...] = MOMENTUM * v - LEARNING_RATE * g
            w[...] = w + v

    return step


def _scratch(problem: Problem) -> Array:
    """Allocate scratch space for the largest parameter, flat."""
    return problem.device.xp.empty(max(array.size for array in problem.masters), np.float32)


def _flat(problem: Problem) -> list[tuple[Array, ...]]:
    return [tuple(array.reshape(-1) for array in arrays) for arrays in _parameters(problem)]


def _out(scalars: Scalars, update: InPlace) -> Write:
    """Return a step that updates all parameters in a loop."""

    def write(problem: Problem) -> Step:
        counter, parameters, scratch = itertools.count(1), _flat(problem), _scratch(problem)

        def step() -> None:
            numbers = scalars(next(counter))
            for weight, *rest in parameters:
                update(numbers, scratch[: weight.size], weight, *rest)

        return step

    return write


def _one_by_one(scalars: Scalars, update: InPlace, problem: Problem) -> Prepare:
    """Return a function of index, flat gradient and flat weight, which counts the updates of each parameter."""
    counts, slots, scratch = [0] * len(problem.weights), [*zip(*problem.slots, strict=True)], _scratch(problem)

    def call(index: int, grad: Array, weight: Array) -> None:
        counts[index] += 1
        update(scalars(counts[index]), scratch, weight, grad, *slots[index])

    return lambda index, grad, weight: functools.partial(call, index, grad, weight)


def _adam_rate(t: int) -> float:
    return float(LEARNING_RATE * (1 - BETA2**t) ** 0.5 / (1 - BETA1**t))


def _out_adam(rate: float, a: Array, w: Array, g: Array, m: Array, v: Array) -> None:
    np.multiply(g, 1 - BETA1, out=a)
    m *= BETA1
    m += a
    np.multiply(g, g, out=a)
    a *= 1 - BETA2
    v *= BETA2
    v += a
    np.sqrt(v, out=a)
    a += EPSILON
    np.divide(m, a, out=a)
    a *= rate
    w -= a


def _lamb_corrections(t: int) -> tuple[float, float]:
    return 1 - BETA1**t, float((1 - BETA2**t) ** 0.5)


def _out_lamb(corrections: tuple[float, float], a: Array, w: Array, g: Array, m: Array, v: Array) -> None:
    mean, root = corrections
    np.multiply(g, 1 - BETA1, out=a)
    m *= BETA1
    m += a
    np.multiply(g, g, out=a)
    a *= 1 - BETA2
    v *= BETA2
    v += a
    np.sqrt(v, out=a)
    a /= root
    a += LAMB_EPSILON
    np.divide(m, a, out=a)
    a /= mean
    a *= LEARNING_RATE * _ratio(w, a)
    w -= a


def _out_momentum(rate: float, a: Array, w: Array, g: Array, v: Array) -> None:
    np.multiply(g, rate, out=a)
    v *= MOMENTUM
    v -= a
    w += v


_NAIVE: dict[str, Write] = {"adam": _naive_adam, "lamb": _naive_lamb, "sgd": _naive_momentum}
_OUT: dict[str, tuple[Scalars, InPlace]] = {
    "adam": (_adam_rate, _out_adam),
    "lamb": (_lamb_corrections, _out_lamb),
    "sgd": (lambda _: LEARNING_RATE, _out_momentum),
}
