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
            known = _slots(levels(optimizer), state, numbers)
            value = evaluated(levels(optimizer), {**known, "weight": weight if master is None else master})
        if value.shape != weight.shape:
            label = optimizer.describe(index)
            raise ValueError(f"{label} has shape {weight.shape}, but its evaluation weight {value.shape}")
        return backend.copy(value, weight.dtype)


def has_evaluation(optimizer: Any) -> bool:
    """Return whether an optimizer, or one that it wraps, has evaluation weights of its own."""
    return any(type(level).evaluation is not None for level in levels(optimizer))


def evaluated(every: Sequence[Any], known: Mapping[str, Any], prefix: str = "") -> Any:
    """Apply the evaluation of each optimizer, from the innermost on.

    Args:
        every: an optimizer, the one that it wraps, and so on.
        known: the weight and all slots by name, those of what is wrapped with names that start with ``inner/``.
        prefix: that of the first optimizer's slots.
    """
    optimizer, *inside = every
    weight = evaluated(inside, known, prefix + INNER) if inside else known["weight"]
    function = type(optimizer).evaluation
    if function is None:
        return weight
    own = {"weight": weight, **{slot.name: known[prefix + slot.name] for slot in optimizer.own_slots()}}
    names = inspect.signature(function).parameters
    return function(**{name: own[name] if name in own else getattr(optimizer, name) for name in names})


def _slots(every: Sequence[Any], state: Any, numbers: Mapping[str, float], prefix: str = "") -> dict[str, Any]:
    """Return the slots of an optimizer and of what it wraps by name, from a state and host numbers."""
    optimizer, *inside = every
    state, inner = state if inside else (state, None)
    slots, arrays = optimizer.own_slots(), iter(arrays_of(state))
    known = {
        prefix + slot.name: numbers.get(prefix + slot.name, slot.init) if slot.on_host else next(arrays)
        for slot in slots
    }
    return {**known, **(_slots(inside, inner, numbers, prefix + INNER) if inside else {})}


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
