"""Parameters whose elements come by key, a few at a time, as in models of streams: a dict of weights by feature."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from mxcore import catalogue
from mxcore.backend import Array
from mxcore.optimizer import Optimizer
from mxcore.step import depth_of, levels, traits_of
from mxcore.step.protocol import Updatable
from mxcore.step.states import arrays_of, packed_by_slot
from mxcore.updater import Updater

__all__ = ["Keyed"]

Values: TypeAlias = Sequence[Any] | Array
"""One number for each key, or one array."""
_NAME = "weight"
_SIZES = 512
"""For how many numbers of keys the arrays of a call are kept."""


class Keyed:
    """Updates elements of a parameter by key.

    An element has a state from its first call on. A call counts as one update of the parameter, and leaves elements
    whose keys it doesn't have as they are. Calls with the same keys as the one before are the fastest.

    >>> import mxcore as mx
    >>> update = mx.Keyed(mx.optimizer.create("sgd", learning_rate=0.5, momentum=0.9))
    >>> update(["red", "round"], [1.0, 2.0], [0.0, 0.0])
    array([-0.5, -1. ])
    >>> update(["round", "sweet"], [2.0, 2.0], [-1.0, 0.0])
    array([-2.9, -1. ])
    >>> update.keys, update.slots
    (['red', 'round', 'sweet'], {'velocity': array([-0.5, -1.9, -1. ])})

    An element may be an array; all have one shape. Everything is computed in float64. A pickled or deep copy goes on
    with the same bits. Threads must not call it at the same time.

    Args:
        optimizer: an optimizer that updates each element by itself.

    Raises:
        ValueError: the optimizer looks at other elements too, has no rule, or accumulates; the message says which
            can be used.
    """

    def __init__(self, optimizer: Updatable) -> None:
        _check(optimizer)
        self._updater = Updater(optimizer)
        self._slots = [slot.name for slot in optimizer.state_slots() if not slot.on_host]
        self._places: dict[Hashable, int] = {}
        self._store: Array = np.zeros((len(self._slots), 0))  # by slot and place; the present keys' are in `_now`
        self._rows = list(self._store)
        self._now: _Call | None = None
        self._calls: dict[int, _Call] = {}

    @property
    def optimizer(self) -> Updatable:
        """The optimizer, whose settings you may assign."""
        return self._updater.optimizer

    @property
    def keys(self) -> list[Hashable]:
        """The keys that have a state, in the order of their first calls."""
        return list(self._places)

    @property
    def slots(self) -> Mapping[str, Array]:
        """The state of all keys, in their order, by slot."""
        self._put_back()
        return dict(zip(self._slots, self._store[:, : len(self._places)].copy(), strict=True))

    def __call__(self, keys: Iterable[Hashable], grads: Values, weights: Values) -> Array:
        """Return the new weights of some keys, in an array that the next call overwrites.

        Args:
            keys: the keys, each once.
            grads: their gradients.
            weights: their weights.

        Raises:
            ValueError: a key is given twice, or lengths or shapes differ; nothing has been updated then.
        """
        now = self._at(keys, weights)
        now.fill(grads, weights)
        now.update()
        return now.weights

    def evaluation_weights(self, keys: Iterable[Hashable], weights: Values) -> Array:
        """Return the evaluation weights of some keys, which are the weights unless the optimizer has others.

        Raises:
            ValueError: as for a call.
        """
        now = self._at(keys, weights)
        now.fill(weights, weights)
        found: list[Array] = self._updater.evaluation_weights([now.weights], [_NAME])
        return found[0]

    def _at(self, keys: Iterable[Hashable], weights: Values) -> _Call:
        """Return the arrays of these keys, with their states."""
        now, keys = self._now, keys if type(keys) is list else list(keys)
        return self._select(keys.copy(), weights) if now is None or now.keys != keys else now

    def _select(self, keys: list[Hashable], weights: Values) -> _Call:
        """Return the arrays of other keys than before, with their states."""
        if len(set(keys)) != len(keys):
            raise ValueError(f"each key may be given once, got {keys!r:.200}")
        try:
            places = np.array(list(map(self._places.__getitem__, keys)), np.intp)
        except KeyError:
            self._grow(keys, np.array(weights, np.float64))
            return self._select(keys, weights)
        self._put_back()
        size = len(keys)
        now = self._calls.get(size) or self._new_call(size)
        self._store.take(places, 1, now.state, "clip")
        if self._updater.states.get(_NAME) is not now.packed:
            self._updater.states[_NAME] = now.packed
        now.keys, now.places = keys, places
        self._now = now
        return now

    def _new_call(self, size: int) -> _Call:
        if len(self._calls) >= _SIZES:
            self._calls.clear()
        arrays = np.zeros((2 + len(self._slots), size, *self._store.shape[2:]))
        state = packed_by_slot(dict(zip(self._slots, arrays[2:], strict=True)), depth_of(self.optimizer))
        self._updater.states[_NAME] = state
        update = self._updater.bind([arrays[0]], [arrays[1]], [_NAME])
        self._calls[size] = call = _Call(arrays, state, update)
        return call

    def _put_back(self) -> None:
        """Store the states of the present keys."""
        if self._now is not None:
            places = self._now.places
            for row, state in zip(self._rows, self._now.rows, strict=True):
                row[places] = state
            self._now = None

    def _grow(self, given: list[Hashable], weights: Array) -> None:
        """Create the states of those keys that are new."""
        if len(weights) != len(given):
            raise ValueError(f"got weights of shape {weights.shape} for {len(given)} keys")
        new = [place for place, key in enumerate(given) if key not in self._places]
        keys, weights = [given[place] for place in new], weights[new]
        known, size = len(self._places), len(self._places) + len(keys)
        if known and weights.shape[1:] != self._store.shape[2:]:
            raise ValueError(f"all weights must have the shape {self._store.shape[2:]}, got {weights.shape[1:]}")
        state = arrays_of(self.optimizer.create_state_multi_precision(_NAME, weights), depth_of(self.optimizer))
        if self._store.shape[1] < size:
            store = np.zeros((len(state), 2 * size, *weights.shape[1:]))
            store[:, :known] = self._store[:, :known] if known else 0.0
            self._store, self._rows = store, list(store)
        for row, array in zip(self._rows, state, strict=True):
            row[known:size] = array
        self._places.update(zip(keys, range(known, size), strict=True))

    def __getstate__(self) -> dict[str, Any]:
        self._put_back()
        return {**vars(self), "_calls": {}, "_rows": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _rows=list(state["_store"]))


class _Call:
    """The arrays of calls with so many keys, and the function that updates them."""

    def __init__(self, arrays: Array, packed: Any, update: Callable[[], None]) -> None:
        self.weights, self.grads, self.state = arrays[0], arrays[1], arrays[2:]
        self.rows, self.packed, self.update = list(self.state), packed, update
        self.keys: list[Hashable] = []
        self.places: Any = None

    def fill(self, grads: Values, weights: Values) -> None:
        """Copy gradients and weights: numbers, or arrays of one shape."""
        for values, array in ((grads, self.grads), (weights, self.weights)):
            if len(values) != len(array) or (array.ndim > 1 and np.shape(values) != array.shape):
                what = "gradients" if array is self.grads else "weights"
                raise ValueError(f"got {what} of shape {np.shape(values)} where {array.shape} is needed")
            array[:] = values


def _check(optimizer: Any) -> None:
    """Check that an optimizer updates each element by itself."""
    owner = type(optimizer).__name__
    if optimizer.accumulate > 1:
        raise ValueError("gradients by key are not accumulated, since each call has other keys: leave out accumulate")
    if not all(_is_elementwise(type(level)) for level in levels(optimizer)):
        classes = {_loaded(record): record.name for record in sorted(catalogue.records("optimizer"), key=str)}
        names = sorted(name for cls, name in classes.items() if cls is not None and _is_elementwise(cls))
        raise ValueError(
            f"{owner} doesn't update each element by itself, with a rule and in one call, and so can't update some of "
            f"them by key: use one of {', '.join(names)}"
        )


def _is_elementwise(cls: Any) -> bool:
    """Return whether a class updates each element by itself, with a rule and in one call."""
    return bool(cls.elementwise and traits_of(cls).runs_rule and cls.make_updater is Optimizer.make_updater)


def _loaded(record: catalogue.Record) -> Any:
    try:
        return catalogue.load_record(record)
    except catalogue.PluginError:
        return None
