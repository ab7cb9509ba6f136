"""Weights, gradients and runs of an optimizer, the same in every process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

import mxcore as mx
from mxcore.optimizer import Optimizer, Updater
from mxcore.state import map_arrays
from mxcore.testing.subject import Subject, looks_at_all

__all__ = ["NAMES", "gradients", "leaves", "masters_missing", "numbers", "run", "start", "update", "values", "weights"]

Array = npt.NDArray[Any]
NAMES = {0: "fc_weight", 1: "fc_bias", 2: "norm_gamma"}
"""The names of the parameters, by index."""
_SHAPES = ((4, 3), (3,), (5,))


def numbers(*key: int, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
    """Return numbers with magnitudes between 0.5 and 1.5, whose squares float16 can represent."""
    rng = np.random.default_rng(key)
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape), dtype)


def weights(dtype: Any = "float64") -> list[Array]:
    """Return new weights, always with the same values: a matrix, a bias and a gamma."""
    return [numbers(0, index, shape=shape, dtype=dtype) for index, shape in enumerate(_SHAPES)]


def gradients(step: int, dtype: Any = "float64") -> list[Array]:
    """Return the gradients of a step, as read-only arrays."""
    found = [numbers(step, index, shape=shape, dtype=dtype) for index, shape in enumerate(_SHAPES)]
    for grad in found:
        grad.flags.writeable = False
    return found


def start(subject: Subject, **settings: Any) -> Updater[Optimizer]:
    """Return an updater of named parameters, with a fixed seed and a learning rate that shows within a few steps."""
    mx.random.seed(1)
    given = {"learning_rate": 0.05, **subject.settings, "param_idx2name": dict(NAMES), **settings}
    return mx.optimizer.get_updater(attrs.evolve(subject, settings=given).make())


def run(
    updater: Updater,
    steps: Iterable[int],
    params: list[Array] | None = None,
    change: Callable[[Array], Array] = lambda grad: grad,
) -> list[Array]:
    """Return the weights after some steps; ``change`` may replace gradients."""
    params = weights() if params is None else params
    with masters_missing():
        for step in steps:
            update(updater, list(map(change, gradients(step, params[0].dtype))), params)
    return params


def update(updater: Updater, grads: Sequence[Array], params: Sequence[Array], indices: Iterable[int] = NAMES) -> None:
    """Update parameters one after the other, or together if the optimizer looks at all of them."""
    if looks_at_all(updater.optimizer):
        updater(list(indices), list(grads), list(params))
        return
    for one in zip(indices, grads, params, strict=True):
        updater(*one)


@contextmanager
def masters_missing() -> Iterator[None]:
    """Allow half precision without masters, suppressing the warning that small updates are lost."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*without multi_precision", UserWarning)
        yield


def leaves(state: Any) -> list[Array]:
    """Return the arrays of a state."""
    found: list[Array] = []
    map_arrays(state, found.append)
    return found


def values(updater: Updater, params: Sequence[Array]) -> list[Array]:
    """Return the weights and all arrays of their states."""
    return [*params, *(leaf for index in range(len(params)) for leaf in leaves(updater.states.get(index)))]
