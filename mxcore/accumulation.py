"""Gradient accumulation: several calls make one update, with the mean of their gradients.

The mean is itself a rule, so that adding is one pass that is checked, counted and interrupted like any update.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.catalogue.registry import registry_for
from mxcore.declarations import hyperparameter, hyperparameters
from mxcore.kernel import Slot
from mxcore.step import Runner, Tally
from mxcore.step.arguments import HALF
from mxcore.step.protocol import Index
from mxcore.step.states import Arrays
from mxcore.validators import integer
from mxcore.watched import Watched

__all__ = ["Accumulation"]


@functools.cache
def _mean() -> Any:
    """Return the rule, as an optimizer; made on first use, because optimizers are built on updaters."""
    base: Any = registry_for("optimizer").base

    @hyperparameters
    class Mean(base):  # type: ignore[misc]
        """Sums gradients in place of weights, and divides by their number once there are enough."""

        calls: int = hyperparameter(1, integer(at_least=1))
        slots = (Slot("complete", shape=()),)

        @staticmethod
        def rule(weight: Any, grad: Any, complete: Any, *, t: Any, calls: Any) -> Any:
            total = np.where(t == 1, grad, weight + grad)
            complete = t >= calls
            return total * np.where(complete, 1 / t, 1), np.where(complete, 1, 0)

    return Mean


class Accumulation:
    """The gradients of calls since the last update, summed for each parameter."""

    def __init__(self) -> None:
        self._mean: Any = None
        self._runner, self._tally, self._states = Runner(), Tally(), Watched[Index, None]()
        self.sums: dict[Index, Array] = {}
        """The sum of each parameter, or the mean if it is complete, in float32 for half precision."""
        self.late: set[Index] = set()
        """The parameters whose update is due, but has not been made."""
        self.weights: dict[Index, Array] = {}
        """The weights of the calls since the last update."""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_mean": None}

    def calls(self, index: Index) -> int:
        """Return how many gradients a parameter's sum has."""
        return self._tally.table.get(index, 0)

    @property
    def open(self) -> list[Index]:
        """The parameters with gradients that are not used yet."""
        return [*self._tally.table]

    def is_complete(self, index: Index) -> bool:
        """Return whether an update is due, with the mean in the place of the sum."""
        return index in self._tally.table and bool(self._tally.host_numbers.get(index, {}).get("complete"))

    def add_again(self, indices: list[Index], grads: Arrays, weights: Arrays, calls: int) -> bool:
        """Add the gradients of a call if it is like an earlier one; otherwise do nothing and return False."""
        mean = self._mean
        if mean is None or mean.calls != calls or self.late:
            return False
        try:
            sums = [self.sums[index] for index in indices]
        except KeyError:
            return False
        if not self._runner.run_again(mean, self._tally, indices, sums, grads, self._states):
            return False
        self.weights.update(zip(indices, weights, strict=True))
        return True

    def add(self, indices: list[Index], grads: Arrays, weights: Arrays, calls: int) -> None:
        """Add the gradients of one of ``calls`` calls."""
        if self._mean is None:
            self._mean = _mean()(calls)
        elif self._mean.calls != calls:
            self._mean.calls = calls
        full = list(map(_in_full, grads))
        for index, grad in zip(indices, full, strict=True):
            self._follow(index, grad)
            if index not in self.sums or self.sums[index].shape != grad.shape:
                with on_device_of(grad):
                    self.sums[index] = backend_of(grad).full_like(grad, 0.0)
                self._states[index] = None
        sums = [self.sums[index] for index in indices]
        self._runner.run(self._mean, self._tally, indices, sums, full, self._states)
        self.weights.update(zip(indices, weights, strict=True))

    def _follow(self, index: Index, grad: Array) -> None:
        """Move a sum that was loaded on the host to the device of the gradients."""
        backend = backend_of(grad)
        if index in self.sums and backend_of(self.sums[index]) is not backend:
            self.sums[index] = backend.from_host(self.sums[index], backend.device_of(grad))

    def due(self, indices: list[Index], weights: Arrays) -> tuple[list[Index], Arrays]:
        """Return those of these parameters that have all their gradients, with their weights."""
        numbers = self._tally.host_numbers
        complete = [bool(numbers[index]["complete"]) for index in indices]
        if not any(complete):
            return [], []
        found = [index for index, is_due in zip(indices, complete, strict=True) if is_due]
        self.late.update(found)
        return found, [weight for weight, is_due in zip(weights, complete, strict=True) if is_due]

    def complete(self, indices: Iterable[Index]) -> None:
        """Make the sums means, before all calls have come."""
        for index in indices:
            if not self.is_complete(index):
                total = self.sums[index]
                with on_device_of(total):
                    backend_of(total).fill(total, total * total.dtype.type(1 / self.calls(index)))
                self._tally.host_numbers[index] = {"complete": 1.0}
                self.late.add(index)

    def means(self, indices: Sequence[Index], weights: Sequence[Array]) -> Arrays:
        """Return the means of these parameters, in the dtype of their weights."""
        return [_like(weight, self.sums[index]) for index, weight in zip(indices, weights, strict=True)]

    def clear(self, indices: Iterable[Index]) -> None:
        """Start over with these parameters."""
        for index in indices:
            self._tally.table.pop(index, None)
            self.weights.pop(index, None)
        self.late.difference_update(indices)

    def restore(self, sums: dict[Index, tuple[int, bool, Array]]) -> None:
        """Take over the sums of a saved run: how many gradients each has, and whether it is complete."""
        self._tally = Tally()
        self.sums, self.weights, self.late = {}, {}, set()
        for index, (calls, is_complete, total) in sums.items():
            self.sums[index], self._states[index] = total, None
            self._tally.table[index] = calls
            self._tally.host_numbers[index] = {"complete": float(is_complete)}
            if is_complete:
                self.late.add(index)


def _in_full(grad: Array) -> Array:
    return backend_of(grad).copy(grad, np.float32) if grad.dtype.name in HALF else grad


def _like(weight: Array, mean: Array) -> Array:
    return mean if mean.dtype == weight.dtype else backend_of(mean).copy(mean, weight.dtype)
