"""The updater: an optimizer together with the state of every parameter that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.checks import check_call, in_lists
from mxcore.step import Step
from mxcore.watched import Watched

if TYPE_CHECKING:
    from mxcore.optimizer import Index, Optimizer, Worker

__all__ = ["Updater", "get_updater"]


class Updater:
    """Calls an optimizer, and keeps the state that it needs between calls.

    ``updater(index, grad, weight)`` updates ``weight`` in place and counts the update. The index is any integer or
    text that stays with the parameter. With lists of all three, everything is checked before anything changes, and
    all parameters are updated in one call of the optimizer.

    An optimizer may tell apart the workers that compute gradients of one set of weights side by side (DCASGD does):
    ``updater(index, grad, weight, worker=k)`` says whose gradient it is. What is kept for each of them stands in
    ``worker_states``, by index and worker, and is saved with the states.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.Updater(mx.optimizer.SGD(learning_rate=0.5, momentum=0.9))
    >>> weight, bias = np.array([1.0, 2.0]), np.array([0.5])
    >>> update(["weight", "bias"], [np.ones(2), np.ones(1)], [weight, bias])
    >>> weight, bias
    (array([0.5, 1.5]), array([0.]))
    >>> update.states["bias"]
    array([-0.5])

    Args:
        optimizer: the optimizer; it can be exchanged for another one later.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.states: dict[Index, Any] = Watched()
        self.states_synced: dict[Index, bool] = {}
        self.worker_states: dict[Index, dict[Worker, Any]] = {}
        from mxcore import hooks  # pluggy is imported with the first updater, not by `import mxcore`

        self._before, self._after = hooks.caller("mxcore_before_step"), hooks.caller("mxcore_after_step")

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
        step = None if worker is not None else self._same_step(indices, weights, grads)
        if step is None:
            indices = [one.decode() if isinstance(one, bytes) else one for one in indices]
            check_call([self._label(index) for index in indices], indices, weights, grads)
            if worker is not None:
                self._check_worker(worker)
        if self._before.implemented:
            self._before(updater=self, indices=indices, weights=weights, grads=grads)
        if step is None:
            states = [self._state(one, array) for one, array in zip(indices, weights, strict=True)]
            self._update(indices, weights, grads, states, worker)
        else:
            step.run()
        if self._after.implemented:
            self._after(updater=self, indices=indices, weights=weights, grads=grads)

    def bind(
        self, weights: Sequence[Array], grads: Sequence[Array], indices: Sequence[Index] | None = None
    ) -> Callable[[], None]:
        """A function that updates ``weights`` from what ``grads`` then hold, for loops whose arrays stay in place.

        It does what a call with the same lists does, but looks at nothing again: not at the arrays, nor at
        ``states``. After loading a state it goes on with what was loaded.

        Args:
            weights: the weights.
            grads: their gradients, which are filled anew before each step.
            indices: what identifies the parameters; 0, 1, … unless given.

        Raises:
            TypeError, ValueError: as for a call.
        """
        names = list(range(len(weights)) if indices is None else indices)
        check_call([self._label(index) for index in names], names, weights, grads)
        if not self.optimizer.runs_rule():
            return lambda: self(names, list(grads), list(weights))
        return self._bound(names, list(weights), list(grads))

    def _bound(self, indices: list[Index], weights: list[Array], grads: list[Array]) -> Callable[[], None]:
        arguments = {"updater": self, "indices": indices, "weights": weights, "grads": grads}

        def ready() -> Step:
            states = [self._state(index, weight) for index, weight in zip(indices, weights, strict=True)]
            return Step(self.optimizer, indices, weights, grads, states)

        step, seen, before, after = ready(), self.states, self._before, self._after

        def bound() -> None:
            nonlocal step, seen
            if seen is not self.states or step.optimizer is not self.optimizer:
                step, seen = ready(), self.states
            if before.implemented:
                before(**arguments)
            step.run()
            if after.implemented:
                after(**arguments)

        return bound

    def _same_step(self, indices: list[Index], weights: list[Array], grads: list[Array]) -> Step | None:
        """The step of the last call about the same parameters, if nothing but its gradients has changed."""
        if not self.optimizer.runs_rule():
            return None
        step = self.optimizer.recall(indices, weights, self.states)
        if step is not None:
            step.set_grads(grads)
        return step

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
        for index, weight, grad, state in zip(indices, weights, grads, states, strict=True):
            with on_device_of(weight):
                self.optimizer.update_multi_precision(index, weight, grad, state)

    def _state(self, index: Index, weight: Array) -> Any:
        if index not in self.states:
            with on_device_of(weight):
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
        from mxcore.restore import restore

        restore(self, states)


def get_updater(optimizer: Optimizer) -> Updater:
    """An updater for ``optimizer``, with no state yet.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
    >>> weight = np.array([1.0, 2.0])
    >>> update("weight", np.ones(2), weight)
    >>> weight
    array([0.5, 1.5])

    Raises:
        TypeError: ``optimizer`` is no optimizer.
    """
    from mxcore.optimizer import Optimizer

    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"get_updater takes an Optimizer, such as mx.optimizer.create('sgd'), got {optimizer!r}")
    return Updater(optimizer)
