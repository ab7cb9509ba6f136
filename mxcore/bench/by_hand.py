"""Optimizers as people write them with NumPy: from the formula, and with ``out=`` once that is too slow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from mxcore.backend import Array
from mxcore.bench.experiment import Entrant, Sampler, Step, timed
from mxcore.bench.problem import LEARNING_RATE, Algorithm, Problem

__all__ = ["entrants"]

BETA1, BETA2, EPSILON, MOMENTUM = 0.9, 0.999, 1e-8, 0.9
LAMB_EPSILON = 1e-6

Write = Callable[[Problem], Step]


def entrants(algorithm: Algorithm) -> list[Entrant]:
    """The two ways of writing it."""
    naive, out = _WRITTEN[algorithm.name]
    return [Entrant("NumPy naive", _sampler(naive), 1), Entrant("NumPy out=", _sampler(out), 1)]


def _sampler(write: Write) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        step = write(problem)
        whole = _through_masters(problem, step) if problem.mixed else step
        return timed(lambda _: whole)

    return build


def _through_masters(problem: Problem, step: Step) -> Step:
    """A step in float32 between two conversions."""

    def whole() -> None:
        for full, grad in zip(problem.full_grads, problem.grads, strict=True):
            full[...] = grad
        step()
        for weight, master in zip(problem.weights, problem.masters, strict=True):
            weight[...] = master

    return whole


def _parameters(problem: Problem) -> Iterator[tuple[Array, ...]]:
    return zip(problem.masters, problem.full_grads, *problem.slots, strict=True)


def _naive_adam(problem: Problem) -> Step:
    counter = itertools.count(1)

    def step() -> None:
        t = next(counter)
        for w, g, m, v in _parameters(problem):
            m[...] = BETA1 * m + (1 - BETA1) * g
            v[...] = BETA2 * v + (1 - BETA2) * g**2
            mean, variance = m / (1 - BETA1**t), v / (1 - BETA2**t)
            w[...] = w - LEARNING_RATE * mean / (np.sqrt(variance) + EPSILON)

    return step


def _naive_lamb(problem: Problem) -> Step:
    counter = itertools.count(1)

    def step() -> None:
        t = next(counter)
        for w, g, m, v in _parameters(problem):
            m[...] = BETA1 * m + (1 - BETA1) * g
            v[...] = BETA2 * v + (1 - BETA2) * g**2
            mean, variance = m / (1 - BETA1**t), v / (1 - BETA2**t)
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
    """Room for the largest parameter, flat."""
    return np.empty(max(array.size for array in problem.masters), np.float32)


def _flat(problem: Problem) -> list[tuple[Array, ...]]:
    return [tuple(array.reshape(-1) for array in arrays) for arrays in _parameters(problem)]


def _out_adam(problem: Problem) -> Step:
    counter, parameters, scratch = itertools.count(1), _flat(problem), _scratch(problem)

    def step() -> None:
        t = next(counter)
        rate = LEARNING_RATE * (1 - BETA2**t) ** 0.5 / (1 - BETA1**t)
        for w, g, m, v in parameters:
            a = scratch[: w.size]
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

    return step


def _out_lamb(problem: Problem) -> Step:
    counter, parameters, scratch = itertools.count(1), _flat(problem), _scratch(problem)

    def step() -> None:
        t = next(counter)
        root = (1 - BETA2**t) ** 0.5
        for w, g, m, v in parameters:
            a = scratch[: w.size]
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
            a /= 1 - BETA1**t
            a *= LEARNING_RATE * _ratio(w, a)
            w -= a

    return step


def _out_momentum(problem: Problem) -> Step:
    parameters, scratch = _flat(problem), _scratch(problem)

    def step() -> None:
        for w, g, v in parameters:
            a = scratch[: w.size]
            np.multiply(g, LEARNING_RATE, out=a)
            v *= MOMENTUM
            v -= a
            w += v

    return step


_WRITTEN: dict[str, tuple[Write, Write]] = {
    "adam": (_naive_adam, _out_adam),
    "lamb": (_naive_lamb, _out_lamb),
    "sgd": (_naive_momentum, _out_momentum),
}
