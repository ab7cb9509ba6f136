"""A key-value store in one process, for mxcore."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import mxcore as mx
from mxcore.backend import Array, backend_of
from mxcore.kvstore import Key, KVStore

__all__ = ["LocalKVStore"]


class LocalKVStore(KVStore):
    """Weights in this process, where the gradients of several devices are added: ``"local"``, also ``"device"``.

    >>> import numpy as np, mxcore as mx
    >>> store = mx.kv.create("local")
    >>> store.init([3, 5], [np.zeros(2), np.ones(1)])
    >>> store.push(3, np.full(2, 8.0))  # without an optimizer it becomes the weight
    >>> weight = np.empty(2)
    >>> store.pull(3, out=weight)
    >>> weight
    array([8., 8.])
    """

    def __init__(self) -> None:
        super().__init__()
        self._weights: dict[Key, Array] = {}
        self._updater: Any = None
        self._function: Callable[[Any, Any, Any], Any] | None = None

    def _init(self, keys: list[Key], weights: list[Array]) -> None:
        self._weights |= {key: backend_of(weight).copy(weight) for key, weight in zip(keys, weights, strict=True)}

    def _push(self, keys: list[Key], grads: list[Array]) -> None:
        weights = [self._weights[key] for key in keys]
        if self._updater is not None:
            self._updater(keys, grads, weights)
            return
        for key, grad, weight in zip(keys, grads, weights, strict=True):
            if self._function is not None:
                self._function(key, grad, weight)
            else:
                weight[...] = grad

    def _pull(self, keys: list[Key]) -> list[Array]:
        return [self._weights[key] for key in keys]

    def _set_optimizer(self, optimizer: Any) -> None:
        self._updater = mx.optimizer.get_updater(optimizer)

    def _set_updater(self, updater: Callable[[Any, Any, Any], Any]) -> None:
        """Update weights by a function of key, gradient and weight, as scripts for MXNet do."""
        self._function, self._updater = updater, None

    def save_optimizer_states(self, fname: str | os.PathLike[str], dump_optimizer: bool = False) -> None:
        """See :class:`mxcore.kvstore.KVStore`."""
        mx.save_state(fname, self._with_optimizer())

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """See :class:`mxcore.kvstore.KVStore`."""
        mx.load_state(fname, self._with_optimizer())

    def _with_optimizer(self) -> Any:
        if self._updater is None:
            raise ValueError("the store has no optimizer: call set_optimizer first")
        return self._updater
