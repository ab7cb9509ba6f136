"""The updater: an optimizer together with the state of every parameter that it has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxcore.backend import Array, backend_of
from mxcore.checks import check_call, in_lists

if TYPE_CHECKING:
    from mxcore.optimizer import Index, Optimizer

__all__ = ["Updater", "get_updater"]


class Updater:
    """Calls an optimizer, and keeps the state that it needs between calls.

    ``updater(index, grad, weight)`` updates ``weight`` in place and counts the update. The index is any integer or
    text that stays with the parameter. With lists of all three, everything is checked before anything changes, and
    all parameters are updated in one call of the optimizer.

    Args:
        optimizer: the optimizer; it can be exchanged for another one later.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.states: dict[Index, Any] = {}
        self.states_synced: dict[Index, bool] = {}

    @property
    def aggregate_updates(self) -> bool:
        """Whether the optimizer itself asks for several parameters at a time."""
        return self.optimizer.aggregate_num > 0

    def __call__(self, index: Any, grad: Any, weight: Any) -> None:
        """Update ``weight`` from ``grad``, or lists of weights from lists of gradients, in place.

        Raises:
            TypeError: an argument is no array, they belong to different libraries, or their dtypes differ.
            ValueError: shapes differ, a weight is read-only, or an index or an array is given twice.
        """
        indices, grads, weights = in_lists(index, grad, weight)
        if not indices:
            return
        indices = [one.decode() if isinstance(one, bytes) else one for one in indices]
        check_call([self._label(index) for index in indices], indices, weights, grads)
        from mxcore import hooks  # pluggy is imported by the first use, not by `import mxcore`

        hooks.call("mxcore_before_step", updater=self, indices=indices, weights=weights, grads=grads)
        states = [self._state(one, array) for one, array in zip(indices, weights, strict=True)]
        self._update(indices, weights, grads, states)
        hooks.call("mxcore_after_step", updater=self, indices=indices, weights=weights, grads=grads)

    def _update(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None:
        from mxcore.optimizer import Optimizer

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
            self.states[index] = self.sync_state_context(self.states[index], weight)
            self.states_synced[index] = True
        return self.states[index]

    def sync_state_context(self, state: Any, weight: Array) -> Any:
        """A state that was loaded on the host, with its arrays moved to where ``weight`` is."""
        from mxcore.state import map_arrays

        backend = backend_of(weight)
        return map_arrays(state, lambda array: backend.from_host(array, backend.device_of(weight)))

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


def get_updater(optimizer: Optimizer) -> Updater:
    """An updater for ``optimizer``, with no state yet.

    Raises:
        TypeError: ``optimizer`` is no optimizer.
    """
    from mxcore.optimizer import Optimizer

    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"get_updater takes an Optimizer, such as mx.optimizer.create('sgd'), got {optimizer!r}")
    return Updater(optimizer)
