"""The updater: an optimizer together with the state of every parameter that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.evaluation import Evaluating
from mxcore.gate import Gate
from mxcore.nested import paired
from mxcore.once import new_lock
from mxcore.step import Counts, Runner, adopted, count_in, traits_of
from mxcore.step.arguments import check_call, fitted, in_lists
from mxcore.step.protocol import Index, Kept, Updatable, Worker
from mxcore.step.step import Step
from mxcore.step.whole import check_complete, prepared, run_array_code
from mxcore.watched import Watched
from mxcore.workers import check_worker, of_worker, per_worker, pulled

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    OptimizerT = TypeVar("OptimizerT", bound=Updatable, covariant=True, default=Updatable)
else:
    from typing import TypeVar

    OptimizerT = TypeVar("OptimizerT")

__all__ = ["Updater"]


class Updater(Evaluating, Generic[OptimizerT]):
    """Calls an optimizer, and keeps its state between calls.

    ``updater(index, grad, weight)`` updates ``weight`` in place and counts the update. The index is an integer, a
    string or a tuple that identifies the parameter in every call. You can also pass lists of all three: everything is
    checked before anything changes, and all parameters are updated in one call of the optimizer.

    An optimizer may distinguish workers that compute gradients of the same weights in parallel (DCASGD does): call
    :meth:`pulled` when a worker takes weights, and pass ``updater(index, grad, weight, worker=k)`` to say which worker
    computed a gradient. What is kept for each worker is in ``worker_states``, by index and worker, and is saved.

    Several threads may call the same updater: each call waits for the previous one to finish. Hold ``updater.lock`` to
    make other threads wait for more than one call.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.Updater(mx.optimizer.SGD(learning_rate=0.5, momentum=0.9))
    >>> weight, bias = np.array([1.0, 2.0]), np.array([0.5])
    >>> update(["weight", "bias"], [np.ones(2), np.ones(1)], [weight, bias])
    >>> weight, bias
    (array([0.5, 1.5]), array([0.]))
    >>> update.states["bias"]
    array([-0.5])

    Args:
        optimizer: the optimizer; you can replace it later.
    """

    def __init__(self, optimizer: OptimizerT) -> None:
        from mxcore import hooks  # here, so that `import mxcore` does not import pluggy

        self._before, self._after = hooks.caller("mxcore_before_step"), hooks.caller("mxcore_after_step")
        self._runner = Runner()
        self.lock = new_lock()
        self.optimizer = optimizer
        self.tally = adopted(optimizer)
        self.states = {}
        self.states_synced: dict[Index, bool] = {}
        self.worker_states: dict[Index, Kept] = {}
        self.gate = Gate()
        super().__init__()

    @property
    def optimizer(self) -> OptimizerT:
        """The optimizer. You can replace it; the new one continues with the same counts."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self._optimizer: OptimizerT = optimizer
        self._traits = traits_of(optimizer)
        self._runner.forget()

    @property
    def states(self) -> dict[Index, Any]:
        """What the optimizer keeps for each parameter, by index."""
        return self._states

    @states.setter
    def states(self, states: Mapping[Index, Any]) -> None:
        self._states = states if isinstance(states, Watched) else Watched(states)

    def __repr__(self) -> str:
        parameters = f"{len(self.states)} parameter{'' if len(self.states) == 1 else 's'}"
        return f"Updater({self.optimizer!r}, {parameters}, num_update={self.tally.highest.value})"

    @property
    def aggregate_updates(self) -> bool:
        """Whether the optimizer itself wants lists of parameters (``aggregate_num`` in MXNet)."""
        return self.optimizer.aggregate_num > 0

    def __call__(self, index: Any, grad: Any, weight: Any, *, worker: Worker | None = None) -> None:
        """Update ``weight`` from ``grad``, or lists of weights from lists of gradients, in place.

        Args:
            index: what identifies the parameter. This and the next two may be lists, dict views or other iterables.
            grad: the gradient. It is converted if one of gradient and weight is float32 and the other float64.
            weight: the weight.
            worker: the worker that computed the gradients, for an optimizer that distinguishes workers.

        Raises:
            TypeError: an argument is not an array, the arrays belong to different libraries, or their dtypes differ.
            ValueError: shapes differ, a weight is read-only, an index or array is given twice, or ``worker`` is given
                to an optimizer that does not distinguish workers, or has not pulled a weight.
        """
        if isinstance(index, (str, int)):
            indices: list[Any] = [index]
            grads, weights = [grad], [weight]
        else:
            indices, grads, weights = in_lists(index, grad, weight)
            if not indices:
                return
        with self.lock:  # CPython handles no signal between acquiring the lock and entering the block
            optimizer, tally = self._optimizer, self.tally
            if self.is_evaluating:
                self.check_not_evaluating("no update")
            gated = count_in(optimizer, tally)
            if gated:
                admitted = self._admitted(indices, grads, weights, worker)
                if admitted is None:
                    return
                indices, grads, weights = admitted
            again = self._traits.runs_rule and worker is None and not self._before.implemented
            if not (again and self._runner.run_again(optimizer, tally, indices, weights, grads, self._states)):
                indices = self._work_out(indices, weights, grads, worker)
            if gated:
                self.gate.updated(optimizer, indices)
        if self._after.implemented:
            self._after(updater=self, indices=indices, weights=weights, grads=grads)

    def _admitted(self, indices: list[Any], grads: list[Array], weights: list[Array], worker: Any) -> Any:
        if worker is not None and self._optimizer.accumulate > 1:
            raise ValueError(f"gradients of workers are not accumulated: leave out worker={worker!r} or accumulate")
        return self.gate.admit(self._optimizer, _as_keys(indices), grads, weights)

    def flush(self, indices: Sequence[Index] | None = None, weights: Sequence[Array] | None = None) -> None:
        """Update with the gradients accumulated so far, without waiting for the rest of ``accumulate`` calls.

        >>> import numpy as np, mxcore as mx
        >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5, accumulate=3))
        >>> weight = np.zeros(1)
        >>> for gradient in (1.0, 3.0):
        ...     update("w", np.array([gradient]), weight)
        >>> update.flush()
        >>> weight
        array([-1.])

        Args:
            indices: the parameters; by default, all.
            weights: their weights, needed only after a state has been loaded.

        Raises:
            ValueError: the weight of a parameter is not known.
        """
        with self.lock:
            optimizer = self._optimizer
            self.check_not_evaluating("no update")
            count_in(optimizer, self.tally)
            if (admitted := self.gate.flush(optimizer, indices, weights)) is None:
                return
            names, grads, weights = admitted
            self._work_out(names, weights, grads, None)
            self.gate.updated(optimizer, names)
        if self._after.implemented:
            self._after(updater=self, indices=names, weights=weights, grads=grads)

    def update(self, grads: Any, weights: Any) -> None:
        """Update all weights in nested dicts, lists or tuples from gradients in containers of the same structure.

        Each parameter is identified by its path, which is also its name: ``{"fc": {"weight": w}}`` has the parameter
        ``fc.weight``. A parameter whose gradient is None is left out of the call.

        >>> import numpy as np, mxcore as mx
        >>> updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
        >>> model = {"fc": {"weight": np.ones(2), "bias": np.zeros(1)}, "scales": [np.ones(1)]}
        >>> updater.update({"fc": {"weight": np.ones(2), "bias": np.ones(1)}, "scales": [None]}, model)
        >>> model
        {'fc': {'weight': array([0.5, 0.5]), 'bias': array([-0.5])}, 'scales': [array([1.])]}

        Args:
            grads: the gradients.
            weights: the weights, which are updated in place.

        Raises:
            TypeError, ValueError: the structures differ, or as for a call.
        """
        paths, given, targets = paired(grads, weights)
        if paths:
            self(paths, given, targets)

    def _work_out(self, indices: list[Any], weights: list[Array], grads: list[Array], worker: Any) -> list[Index]:
        """Check and make a call unlike any earlier one; return the indices as keys of the states."""
        plainly = worker is None and not self._before.implemented
        if plainly and self._optimizer.update_again(indices, weights, grads, self._states):
            return indices
        indices = _as_keys(indices)
        grads = list(map(fitted, weights, grads))
        check_call(list(map(self._optimizer.describe, indices)), indices, weights, grads)
        if worker is not None:
            check_worker(self._optimizer, worker)
        if self._before.implemented:
            self._before(updater=self, indices=indices, weights=weights, grads=grads)
        new = [index for index in indices if index not in self._states]
        try:
            states = [self._state(index, weight) for index, weight in zip(indices, weights, strict=True)]
            if new and len(indices) > 1:  # of one parameter after the other, none is known to be the last
                self._optimizer.warn_of_groups(indices)
            self._update(indices, weights, grads, states, worker)
        except BaseException:
            self._drop(new)
            raise
        return indices

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, lock=new_lock())

    def bind(
        self, weights: Sequence[Array], grads: Sequence[Array], indices: Sequence[Index] | None = None
    ) -> Callable[[], None]:
        """Return a function that updates ``weights`` from what ``grads`` then hold, for loops with fixed arrays.

        It does the same as a call with these lists, but does not check the arrays or ``states`` again. After you load a
        state, it continues with what was loaded.

        Args:
            weights: the weights.
            grads: their gradients, which you fill before each step.
            indices: what identifies the parameters; by default 0, 1, ….

        Raises:
            TypeError, ValueError: as for a call.
        """
        names: list[Index] = list(range(len(weights)) if indices is None else indices)
        check_call(list(map(self._optimizer.describe, names)), names, weights, grads)
        weights, grads = list(weights), list(grads)
        if not self._traits.runs_rule or count_in(self._optimizer, self.tally):
            return lambda: self(names, list(grads), list(weights))
        arguments = {"updater": self, "indices": names, "weights": weights, "grads": grads}

        def ready() -> Step:
            for index, weight in zip(names, weights, strict=True):
                self._state(index, weight)
            step = self._runner.step(self._optimizer, names, weights, grads, self._states)
            step.in_place = True
            return step

        step, of, before, after = ready(), self._optimizer, self._before, self._after

        def bound() -> None:
            nonlocal step, of
            with self.lock:
                optimizer, tally = self._optimizer, self.tally
                if count_in(optimizer, tally) or self.is_evaluating:
                    self(names, list(grads), list(weights))
                    return
                if optimizer is not of:
                    step, of = ready(), optimizer
                if before.implemented:
                    before(**arguments)
                settings = self._runner.settings(optimizer)
                if not step.run(optimizer, settings, tally, weights, grads, self._states):
                    step = ready()
                    self._runner.begin(step, optimizer, tally, weights, grads, self._states)
            if after.implemented:
                after(**arguments)

        return bound

    def _update(
        self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any], worker: Worker | None
    ) -> None:
        optimizer = self._optimizer
        if worker is not None:
            kept = [self.worker_states.get(index, {}) for index in indices]
            every = zip(indices, weights, states, kept, strict=True)
            own = [of_worker(optimizer, worker, *one) for one in every]
            self._runner.run(optimizer, self.tally, indices, weights, grads, own)
        elif self._traits.runs_rule:
            self._runner.run(optimizer, self.tally, indices, weights, grads, self._states)
        else:
            if optimizer.clip_global_norm is not None:
                check_complete(optimizer, indices, self._states)
            if optimizer.takes_lists:
                run_array_code(optimizer, self.tally, indices, weights, grads, states)
                return
            with optimizer.taking_prepared():
                run_array_code(optimizer, self.tally, indices, weights, prepared(optimizer, grads), states)

    def _drop(self, new: list[Index]) -> None:
        """Discard the states of parameters whose first update has failed."""
        table = self.tally.table
        if any(index in table for index in new):  # the update was already complete
            return
        for index in new:
            self._states.pop(index, None)
        if isinstance(table, Counts):
            table.forget_fresh(new)

    def _state(self, index: Index, weight: Array) -> Any:
        if index not in self.states:
            self.optimizer.warn_of_names()
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
        """Move the arrays of a state that was loaded on the host to the device of ``weight``."""
        from mxcore.state import map_arrays

        backend = backend_of(weight)
        return map_arrays(state, lambda array: backend.from_host(array, backend.device_of(weight)))

    @property
    def tells_workers(self) -> bool:
        """Whether the optimizer distinguishes workers."""
        return bool(per_worker(self._optimizer))

    def pulled(self, worker: Worker, index: Any, weight: Any) -> None:
        """Note that a worker takes weights, at which it will compute its next gradients.

        >>> import numpy as np, mxcore as mx
        >>> update = mx.optimizer.get_updater(mx.optimizer.DCASGD(learning_rate=0.5, lamda=0.5))
        >>> weight = np.array([1.0])
        >>> update.pulled("a", "w", weight)
        >>> update.worker_states["w"]["a"]
        {'backup': array([1.])}

        Args:
            worker: the worker, an integer or a string.
            index: what identifies the parameter, or a list.
            weight: the weight, or a list.

        Raises:
            ValueError: the optimizer does not distinguish workers.
        """
        indices, weights = in_lists(index, weight)
        with self.lock:
            check_worker(self._optimizer, worker)
            count_in(self._optimizer, self.tally)
            for one, array in zip(_as_keys(indices), weights, strict=True):
                kept = pulled(self._optimizer, array, self._state(one, array))
                self.worker_states.setdefault(one, {})[worker] = kept

    def check_between_steps(self, what: str) -> None:
        """Raise a RuntimeError if gradients are waiting for others of the same step; here, none ever do."""

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """Return everything needed to resume, as the bytes of a safetensors file; see :func:`mxcore.save_state`.

        Args:
            dump_optimizer: whether :meth:`set_states` restores the optimizer and its hyper-parameters as well.
        """
        from mxcore import state

        with self.lock:
            return state.dump(self, dump_optimizer=dump_optimizer)

    def set_states(self, states: bytes) -> None:
        """Restore what :meth:`get_states` returned; with the plugin mxcore-nd, also what MXNet's returned.

        With ``dump_optimizer`` the optimizer may have another class, if this process has used that class.

        Raises:
            ValueError: it does not fit this updater, or is damaged; the message lists every problem, and nothing has
                changed.
        """
        from mxcore.state.restore import restore

        if not isinstance(states, (bytes, bytearray, memoryview)):
            raise TypeError(f"set_states takes the bytes of get_states, got {states!r:.100}")
        with self.lock:
            restore({None: self}, bytes(states))


def _as_keys(indices: list[Any]) -> list[Index]:
    """Return indices as keys of the states."""
    return [one.decode() if isinstance(one, bytes) else one for one in indices]
