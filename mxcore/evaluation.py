"""Evaluation weights: what to evaluate and deploy, where it is not the weights that are trained."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import numpy as np

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.kernel.rule.slot import INNER
from mxcore.nested import by_path
from mxcore.step import levels
from mxcore.step.protocol import Index, Run
from mxcore.step.states import arrays_of, split_master


class Evaluating:
    """What an updater can do with evaluation weights."""

    lock: Any

    def __init__(self) -> None:
        self.is_evaluating = False
        """Whether evaluation weights are in place of the weights, see :meth:`evaluating`."""

    def evaluating(self, weights: Any, indices: Sequence[Index] | None = None) -> AbstractContextManager[None]:
        """Put the evaluation weights in place of the weights for a block, and the weights back after it.

        Optimizers such as ``average`` train one set of weights and evaluate another. With any other optimizer, nothing
        changes. What you save in the block is the evaluation weights; a state of the updater is the same as outside.

        >>> import numpy as np, mxcore as mx
        >>> update, weight = mx.optimizer.get_updater(mx.optimizer.create("average(sgd)", beta=0.5)), np.zeros(1)
        >>> for _ in range(2):
        ...     update("w", np.array([-100.0]), weight)
        >>> with update.evaluating([weight], ["w"]):
        ...     print(weight)
        [1.5]
        >>> weight
        array([2.])

        Args:
            weights: the weights, which are changed in place: a list, a dict by index, or nested containers as for
                :meth:`update`.
            indices: what identifies the weights; by default their keys, positions or paths.

        Raises:
            RuntimeError: in the block, an update, or another block.
            ValueError: the state of a parameter belongs to a weight of another shape.
        """
        return _evaluating(cast("Run", self), weights, indices)

    def evaluation_weights(self, weights: Any, indices: Sequence[Index] | None = None) -> Any:
        """Return copies of the evaluation weights, in a list or, for a dict, in a dict; see :meth:`evaluating`."""
        given, run = _by_index(weights, indices), cast("Run", self)
        with self.lock:
            self.check_not_evaluating("no other weights")
            found = {index: _evaluation_weight(run, index, weight) for index, weight in given.items()}
        return found if isinstance(weights, Mapping) else list(found.values())

    def check_not_evaluating(self, what: str) -> None:
        """Raise a RuntimeError if evaluation weights are in place."""
        if self.is_evaluating:
            raise RuntimeError(f"{what} inside `with updater.evaluating(…)`: leave the block first")


def _by_index(weights: Any, indices: Sequence[Index] | None) -> dict[Index, Array]:
    """Return weights by what identifies them: the given indices, or their keys, positions or paths.

    Raises:
        ValueError: there are not as many indices as weights.
    """
    found = by_path(weights if isinstance(weights, Mapping) else list(weights))
    if indices is not None and len(indices) != len(found):
        raise ValueError(f"pass one index for each weight, got {len(indices)} for {len(found)} weights")
    return found if indices is None else dict(zip(indices, found.values(), strict=True))


def _evaluation_weight(updater: Run, index: Index, weight: Array) -> Array:
    """Return the evaluation weight of a parameter as a new array, with the dtype of the weight.

    Raises:
        ValueError: the state of this parameter belongs to a weight of another shape.
    """
    optimizer, backend = updater.optimizer.optimizer_of(index, weight), backend_of(weight)
    with on_device_of(weight), np.errstate(all="ignore"):
        value = weight
        if index in updater.states and has_evaluation(optimizer):
            master, state = split_master(updater.states[index], optimizer.has_master(weight))
            numbers = {**updater.tally.host_numbers.get(index, {}), **updater.tally.model_numbers}
            value = _evaluated(levels(optimizer), weight if master is None else master, state, numbers, "")
        if value.shape != weight.shape:
            label = optimizer.describe(index)
            raise ValueError(f"{label} has shape {weight.shape}, but its evaluation weight {value.shape}")
        return backend.copy(value, weight.dtype)


def has_evaluation(optimizer: Any) -> bool:
    """Return whether an optimizer, or one that it wraps, has evaluation weights of its own."""
    return any(type(level).evaluation is not None for level in levels(optimizer))


def _evaluated(every: Sequence[Any], weight: Array, state: Any, numbers: Mapping[str, float], prefix: str) -> Array:
    """Apply the evaluation of each optimizer, from the innermost on."""
    optimizer, *inside = every
    if inside:
        state, inner = state
        weight = _evaluated(inside, weight, inner, numbers, prefix + INNER)
    function = type(optimizer).evaluation
    if function is None:
        return weight
    slots = optimizer.own_slots()
    known: dict[str, Any] = {slot.name: numbers.get(prefix + slot.name, slot.init) for slot in slots if slot.on_host}
    known |= zip([slot.name for slot in slots if not slot.on_host], arrays_of(state), strict=True)
    known["weight"] = weight
    names = inspect.signature(function).parameters
    result: Array = function(**{name: known[name] if name in known else getattr(optimizer, name) for name in names})
    return result


@contextmanager
def _evaluating(updater: Run, weights: Any, indices: Sequence[Index] | None) -> Iterator[None]:
    """Put the evaluation weights in place of the weights for a block; see :meth:`mxcore.updater.Updater.evaluating`."""
    given = _by_index(weights, indices)
    with updater.lock:
        updater.check_not_evaluating("already")
        optimizer = updater.optimizer
        given = {index: one for index, one in given.items() if has_evaluation(optimizer.optimizer_of(index, one))}
        values = [_evaluation_weight(updater, index, weight) for index, weight in given.items()]
        kept = [backend_of(weight).copy(weight) for weight in given.values()]
        updater.is_evaluating = True
        _fill(given.values(), values)
    try:
        yield
    finally:
        with updater.lock:
            _fill(given.values(), kept)
            updater.is_evaluating = False


def _fill(weights: Any, values: Sequence[Array]) -> None:
    for weight, value in zip(weights, values, strict=True):
        with on_device_of(weight):
            backend_of(weight).fill(weight, value)
