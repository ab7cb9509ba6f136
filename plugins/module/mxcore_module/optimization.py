"""The optimizer of a module: created for its parameters, or adapted to them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mxcore import optimizer as optimizers
from mxcore.backend import Array
from mxcore.evaluation import has_evaluation
from mxcore.kvstore import KVStore, create
from mxcore.optimizer import Optimizer
from mxcore_module.arrays import readable
from mxcore_module.graph import Symbol

__all__ = ["OnStore", "ReadableUpdater", "make_optimizer", "store_of"]


def store_of(kvstore: str | KVStore | None) -> KVStore | None:
    """Return the store of a module; None if there is nothing to exchange, as on a single device."""
    return None if kvstore in (None, "local", "device") else create(kvstore)


class OnStore:
    """Updates the weights of a module in a store.

    Args:
        store: the store.
        optimizer: what updates them there.
        weights: the indices, names and weights of the parameters, which become those of worker 0.
    """

    def __init__(self, store: KVStore, optimizer: Optimizer, weights: Sequence[tuple[int, str, Array]]) -> None:
        self.store, self.optimizer = store, optimizer
        self._names = {index: name for index, name, _ in weights}
        arrays = [array for _, _, array in weights]
        store.broadcast(list(self._names.values()), arrays, out=arrays)
        store.set_optimizer(optimizer)

    def __call__(self, indices: list[int], grads: list[Array], weights: list[Array]) -> None:
        """Push the gradients of parameters, and pull their weights."""
        self.store.pushpull([self._names[index] for index in indices], grads, out=weights)

    def evaluating(self, weights: Sequence[Array]) -> AbstractContextManager[None]:
        """Use the weights as they are: a store has none to evaluate with.

        Raises:
            ValueError: the optimizer has others.
        """
        if has_evaluation(self.optimizer):
            who = type(self.optimizer).__name__
            raise ValueError(f"the store {self.store.type!r} does not give the weights with which to evaluate {who}")
        return nullcontext()


class ReadableUpdater:
    """An updater whose states have the methods of an NDArray, as programs for MXNet expect."""

    def __init__(self, updater: Any) -> None:
        self._of = updater

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    @property
    def states(self) -> dict[Any, Any]:
        """The states, by index."""
        return {index: _readable(state) for index, state in self._of.states.items()}


def _readable(state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(map(_readable, state))
    return state if state is None or isinstance(state, (int, float)) else readable(state)


def make_optimizer(
    optimizer: Any, params: Mapping[str, Any], symbol: Symbol, names: Sequence[str], batch_size: int
) -> Optimizer:
    """Return an optimizer for the parameters of a network.

    Args:
        optimizer: a name, or an optimizer, which is returned after adding the names that it lacks.
        params: the arguments for a name; by default, ``rescale_grad`` is 1 / ``batch_size``.
        symbol: the network, whose variables may have multipliers.
        names: the names of its parameters, in the order of their indices.
        batch_size: the number of rows in a batch.
    """
    table: dict[Any, str] = dict(enumerate(names))
    rescale = 1.0 / batch_size
    if not isinstance(optimizer, Optimizer):
        options = {"rescale_grad": rescale, **params}
        return optimizers.create(optimizer, sym=symbol, param_idx2name=table, **options)
    if optimizer.rescale_grad != rescale:
        warnings.warn(
            f"the optimizer has rescale_grad={optimizer.rescale_grad}, not 1 / batch size = {rescale}: "
            "is this intended?",
            UserWarning,
            stacklevel=3,
        )
    if not optimizer.idx2name:
        _introduce(optimizer, symbol, table)
    return optimizer


def _introduce(optimizer: Optimizer, symbol: Symbol, table: Mapping[Any, str]) -> None:
    """Give an optimizer the names of the parameters, which determine weight decay and multipliers."""
    optimizer.idx2name.update(table)
    if not optimizer.sym_info:
        optimizer.sym_info = symbol
    # What the user has set overrides what follows from names and symbol.
    optimizer.set_lr_mult(dict(optimizer.lr_mult))
    optimizer.set_wd_mult(dict(optimizer.wd_mult))
