"""The updater: an optimizer together with the state of every parameter that it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mxcore.backend import Array, backend_of, shared_backend

if TYPE_CHECKING:
    from mxcore.optimizer import Index, Optimizer, Worker

__all__ = ["Updater", "get_updater", "in_lists"]

_FLOATING = ("float16", "bfloat16", "float32", "float64")


def in_lists(*arguments: Any) -> tuple[list[Any], ...]:
    """Parallel lists from arguments that are all single, or all lists.

    Raises:
        ValueError: some are lists and others are not, or their lengths differ.
    """
    if not isinstance(arguments[0], (list, tuple)):
        return tuple([argument] for argument in arguments)
    lists = [list(argument) if isinstance(argument, (list, tuple)) else None for argument in arguments]
    lengths = [None if one is None else len(one) for one in lists]
    if len(set(lengths)) != 1:
        raise ValueError(f"lists of parameters must go together and have equal lengths, got {lengths}")
    return tuple(one for one in lists if one is not None)


class Updater:
    """Calls an optimizer, and keeps the state that it needs between calls.

    ``updater(index, grad, weight)`` updates ``weight`` in place and counts the update. The index is any integer or
    text that stays with the parameter. With lists of all three, everything is checked before anything changes, and
    all parameters are updated in one call of the optimizer.

    An optimizer may tell apart the workers that compute gradients of one set of weights side by side (DCASGD does):
    ``updater(index, grad, weight, worker=k)`` says whose gradient it is. What is kept for each of them stands in
    ``worker_states``, by index and worker, and is saved with the states.

    Args:
        optimizer: the optimizer; it can be exchanged for another one later.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.states: dict[Index, Any] = {}
        self.states_synced: dict[Index, bool] = {}
        self.worker_states: dict[Index, dict[Worker, Any]] = {}

    @property
    def aggregate_updates(self) -> bool:
        """Whether the optimizer itself asks for several parameters at a time."""
        return self.optimizer.aggregate_num > 0

    def __call__(self, index: Any, grad: Any, weight: Any, *, worker: Worker | None = None) -> None:
        """Update ``weight`` from ``grad``, or lists of weights from lists of gradients, in place.

        Args:
            index: what identifies the parameter, or a list.
            grad: the gradient, or a list.
            weight: the weight, or a list.
            worker: who computed the gradients, for an optimizer that tells workers apart.

        Raises:
            TypeError: an argument is no array, they belong to different libraries, or their dtypes differ.
            ValueError: shapes differ, a weight is read-only, an index or an array is given twice, or ``worker`` is
                given and the optimizer has no use for it.
        """
        indices, grads, weights = in_lists(index, grad, weight)
        if not indices:
            return
        indices = [one.decode() if isinstance(one, bytes) else one for one in indices]
        self._check(indices, grads, weights)
        if worker is not None:
            self._check_worker(worker)
        from mxcore import hooks  # pluggy is imported by the first use, not by `import mxcore`

        hooks.call("mxcore_before_step", updater=self, indices=indices, weights=weights, grads=grads)
        states = [self._state(one, array) for one, array in zip(indices, weights, strict=True)]
        self._update(indices, weights, grads, states, worker)
        hooks.call("mxcore_after_step", updater=self, indices=indices, weights=weights, grads=grads)

    def _update(
        self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any], worker: Worker | None
    ) -> None:
        from mxcore.optimizer import Optimizer

        if worker is not None:
            kept = [self.worker_states.setdefault(index, {}) for index in indices]
            self.optimizer.update_from_worker(worker, indices, weights, grads, states, kept)
            return
        # A class with an update_multi_precision of its own was written for MXNet, which calls it one by one.
        if type(self.optimizer).update_multi_precision is Optimizer.update_multi_precision:
            self.optimizer.update_multi_precision(indices, weights, grads, states)
            return
        for one in zip(indices, weights, grads, states, strict=True):
            self.optimizer.update_multi_precision(*one)

    def _state(self, index: Index, weight: Array) -> Any:
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
            self.states_synced[index] = True
        elif not self.states_synced.get(index, True):
            for kept in (self.states, self.worker_states):
                if index in kept:
                    kept[index] = self.sync_state_context(kept[index], weight)
            self.states_synced[index] = True
        return self.states[index]

    def sync_state_context(self, state: Any, weight: Array) -> Any:
        """A state that was loaded on the host, with its arrays moved to where ``weight`` is."""
        from mxcore.state import map_arrays

        backend = backend_of(weight)
        return map_arrays(state, lambda array: backend.from_host(array, backend.device_of(weight)))

    def _check(self, indices: Sequence[Index], grads: Sequence[Array], weights: Sequence[Array]) -> None:
        if len(set(indices)) != len(indices):
            raise ValueError(f"each parameter can be updated once per call, got the indices {list(indices)}")
        if len({id(weight) for weight in weights}) != len(weights):
            raise ValueError(f"one weight array was given for several of the indices {list(indices)}")
        labels = [self._label(index) for index in indices]
        shared_backend(
            (f"the {role} of {label}", array)
            for label, *pair in zip(labels, weights, grads, strict=True)
            for role, array in zip(("weight", "gradient"), pair, strict=True)
        )
        for label, weight, grad in zip(labels, weights, grads, strict=True):
            _check_pair(label, weight, grad)

    def _check_worker(self, worker: Worker) -> None:
        from mxcore.optimizer import Optimizer

        if type(self.optimizer).update_from_worker is Optimizer.update_from_worker:
            raise ValueError(
                f"{type(self.optimizer).__name__} does not tell workers apart: leave out worker={worker!r}"
            )
        if isinstance(worker, bool) or not isinstance(worker, (int, str)):
            raise TypeError(f"worker must be an integer or text, got {worker!r}")

    def _label(self, index: Index) -> str:
        return f"parameter {getattr(self.optimizer, 'idx2name', {}).get(index, index)!r}"

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """Everything needed to go on, as the bytes of one safetensors file; see :func:`mxcore.save_state`.

        Args:
            dump_optimizer: let :meth:`set_states` restore the optimizer, with its hyper-parameters, as well.
        """
        from mxcore import state

        return state.dump(self, dump_optimizer=dump_optimizer)

    def set_states(self, states: bytes) -> None:
        """Go back to what :meth:`get_states` returned.

        Raises:
            ValueError: it does not fit this updater; the message lists all that does not, and nothing has changed.
        """
        from mxcore import state

        state.restore(self, states)


def _check_pair(label: str, weight: Array, grad: Array) -> None:
    if weight.dtype.name not in _FLOATING:
        raise TypeError(f"{label}: the weight must be one of {', '.join(_FLOATING)}, got {weight.dtype}")
    if grad.dtype != weight.dtype:
        raise TypeError(f"{label}: the gradient is {grad.dtype}, the weight {weight.dtype}: give both the same dtype")
    if grad.shape != weight.shape:
        raise ValueError(f"{label}: the gradient has shape {grad.shape}, the weight {weight.shape}")
    if not backend_of(weight).is_writable(weight):
        raise ValueError(f"{label}: the weight is read-only, so that it cannot be updated in place: pass a copy")


def get_updater(optimizer: Optimizer) -> Updater:
    """An updater for ``optimizer``, with no state yet.

    Raises:
        TypeError: ``optimizer`` is no optimizer.
    """
    from mxcore.optimizer import Optimizer

    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"get_updater takes an Optimizer, such as mx.optimizer.create('sgd'), got {optimizer!r}")
    return Updater(optimizer)
