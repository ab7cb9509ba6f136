"""Slots that are kept for each of several workers, which compute gradients of weights that others change meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mxcore.backend import Array, backend_of
from mxcore.step import depth_of, traits_of
from mxcore.step.protocol import Index, Kept, Updatable, Worker
from mxcore.step.states import by_slot, packed_by_slot, split_master

__all__ = ["check_worker", "of_worker", "per_worker", "pulled"]


def of_worker(optimizer: Updatable, worker: Worker, index: Index, weight: Array, state: Any, kept: Kept) -> Any:
    """Return a state in which the slots of a worker are copies of what is kept for it.

    They are copies, since an update does not change them: they are written when the worker pulls.

    Args:
        optimizer: the optimizer.
        worker: the worker.
        index: the parameter.
        weight: its weight.
        state: its state.
        kept: what is kept of the parameter, by worker.

    Raises:
        ValueError: the worker has not pulled the parameter.
    """
    if worker not in kept:
        raise ValueError(
            f"{optimizer.describe(index)}: worker {worker!r} has not pulled it; when a worker takes weights, call "
            "updater.pulled(worker, index, weight)"
        )
    has_master = optimizer.has_master(weight)
    master, inner = split_master(state, has_master)
    names = [slot.name for slot in optimizer.state_slots() if not slot.on_host]
    slots = by_slot(inner, names, depth_of(optimizer)) or {}
    copies = {name: backend_of(array).copy(array) for name, array in kept[worker].items()}
    own = packed_by_slot({**slots, **copies}, depth_of(optimizer))
    return (master, own) if has_master else own


def pulled(optimizer: Updatable, weight: Array, state: Any) -> Mapping[str, Array]:
    """Return what to keep for a worker that takes a weight, by slot."""
    exact = state[0] if optimizer.has_master(weight) else weight
    return {slot.name: backend_of(exact).copy(exact) for slot in per_worker(optimizer)}


def per_worker(optimizer: Updatable) -> Sequence[Any]:
    """Return the slots that are kept for each worker; none of array code."""
    slots = optimizer.state_slots() if traits_of(optimizer).runs_rule else ()
    return [slot for slot in slots if slot.per == "worker"]


def check_worker(optimizer: Updatable, worker: object) -> None:
    """Check that an optimizer distinguishes workers, and that this may be one.

    Raises:
        ValueError: it does not.
        TypeError: the worker is neither an integer nor a string.
    """
    if not per_worker(optimizer):
        raise ValueError(f"{type(optimizer).__name__} does not distinguish workers: leave out worker={worker!r}")
    if isinstance(worker, bool) or not isinstance(worker, (int, str)):
        raise TypeError(f"worker must be an integer or a string, got {worker!r}")
