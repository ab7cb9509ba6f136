"""What a learning-rate finder changes, and puts back."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from mxcore.backend import backend_of, on_device_of
from mxcore.gate import Gate
from mxcore.nested import by_path
from mxcore.optimizer import Updater
from mxcore.step import levels

__all__ = ["swept"]


@attrs.define(slots=False)  # what copies it for groups asks for its `vars`
class _Sweep:
    """A schedule whose rate is assigned before each update; groups with rates of their own keep them."""

    base_lr: float

    def __call__(self, num_update: int) -> float:
        return self.base_lr


@contextlib.contextmanager
def swept(updater: Updater[Any], weights: Any) -> Iterator[Callable[[float], None]]:
    """Give a function that sets the learning rate for a block, and put everything back as it was after it.

    Args:
        updater: the updater.
        weights: the weights.

    Raises:
        TypeError, ValueError: a weight is no array, or read-only; or the state cannot be saved. Nothing has changed.
    """
    arrays = _arrays(weights)
    optimizer = levels(updater.optimizer)[-1]
    with updater.lock:
        state = updater.get_states()
        copies = [backend_of(array).copy(array) for array in arrays]
        own = {"lr_scheduler": optimizer.lr_scheduler, "lr": optimizer.lr}
        # What has been accumulated stays where it is, with the weights that it belongs to.
        gate, updater.gate = updater.gate, Gate()
        sweep = _Sweep(0.0)
        optimizer.lr_scheduler = sweep
    try:
        yield lambda rate: setattr(sweep, "base_lr", rate)
    finally:
        with updater.lock, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "taken from the file")  # by what the user's step has assigned
            for name, value in own.items():  # a rate of None is valid only with a schedule
                setattr(optimizer, name, value)
            updater.set_states(state)
            updater.gate = gate
            for array, copied in zip(arrays, copies, strict=True):
                with on_device_of(array):
                    backend_of(array).fill(array, copied)


def _arrays(weights: Any) -> list[Any]:
    """Return the weights in containers, or a single one.

    Raises:
        TypeError: one is no array.
        ValueError: one is read-only.
    """
    contained = weights if isinstance(weights, (Mapping, list, tuple)) else {"weights": weights}
    found = {path: leaf for path, leaf in by_path(contained).items() if leaf is not None}
    for path, array in found.items():
        try:
            backend = backend_of(array)
        except TypeError as error:
            raise TypeError(f"weights must be arrays that can be restored, but {path!r} is not: {error}") from None
        if not backend.is_writable(array):
            raise ValueError(f"weights must be arrays that can be restored, but {path!r} is read-only")
    return list(found.values())
