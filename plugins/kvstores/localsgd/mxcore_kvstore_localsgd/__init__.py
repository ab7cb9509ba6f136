"""Local steps between rounds of a key-value store, for mxcore."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.backend import Array, backend_of
from mxcore.kvstore import Key, KVStore

__all__ = ["LocalSGD"]


class LocalSGD(KVStore):
    r"""Workers that make steps of their own, and exchange weights only after several of them: local SGD, DiLoCo.

    Each worker updates a copy of the weights by the optimizer of :meth:`~mxcore.kvstore.KVStore.set_optimizer`. After H
    = ``steps`` pushes of a key, the workers exchange their weights :math:`w_k`, and an outer optimizer makes one update
    of the weights with which the round began, the anchor :math:`a`:

    .. math::

        g &= a - \frac{1}{W} \sum_{k=1}^{W} w_k \\
        a &\leftarrow \mathrm{outer}(a, g), \quad w_k \leftarrow a

    What the optimizers of the workers keep, is neither reset nor averaged. With the default outer optimizer, SGD with a
    learning rate of 1, the new weights are the mean. Per sample, 1 / H of the bytes travel.

    >>> import numpy as np, mxcore as mx
    >>> store = mx.kv.create("local_sgd", store="local", steps=2)
    >>> store.init("w", np.zeros(2))
    >>> store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5))
    >>> weight = np.empty(2)
    >>> for _ in range(3):
    ...     store.pushpull("w", np.ones(2), out=weight)
    >>> weight, store.rounds["w"]
    (array([-1.5, -1.5]), 1)

    Args:
        store: where the workers meet: a synchronous store, or the name of one; its optimizer is not used.
        steps: how many pushes of a key make a round.
        outer: the outer optimizer, or the name of one, with a learning rate and a schedule of its own; each round is
            one update of it. For DiLoCo, ``mx.optimizer.create("nag", learning_rate=0.7, momentum=0.9)``.
        options: what a store that is given by name takes.

    Raises:
        ValueError: ``steps`` is not positive, or the store is asynchronous.

    References:
        S. U. Stich, "Local SGD Converges Fast and Communicates Little", 2018, https://arxiv.org/abs/1805.09767;
        A. Douillard et al., "DiLoCo: Distributed Low-Communication Training of Language Models", 2023,
        https://arxiv.org/abs/2311.08105
    """

    type = "local_sgd"

    def __init__(self, store: Any = "local", steps: int = 16, outer: Any = None, **options: Any) -> None:
        super().__init__()
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps must be a positive integer, got {steps!r}")
        self.store, self.steps = mx.kv.create(store, **options), steps
        if "async" in self.store.type:
            raise ValueError(f"workers meet in a synchronous store, got {self.store.type!r}")
        self.rank, self.num_workers = self.store.rank, self.store.num_workers
        self.rounds: dict[Key, int] = {}
        """How many rounds have ended, by key."""
        made = mx.optimizer.create("sgd", learning_rate=1.0) if outer is None else mx.optimizer.create(outer)
        self._outer = mx.optimizer.get_updater(made)
        self._inner: Any = None
        self._weights: dict[Key, Array] = {}
        self._anchors: dict[Key, Array] = {}
        self._made: dict[Key, int] = {}

    def _init(self, keys: list[Key], weights: list[Array]) -> None:
        own = [backend_of(weight).copy(weight) for weight in weights]
        self.store.broadcast(keys, weights, out=own)
        for key, weight in zip(keys, own, strict=True):
            self._weights[key], self._anchors[key] = weight, backend_of(weight).copy(weight)
            self._made[key] = self.rounds[key] = 0

    def _set_optimizer(self, optimizer: Any) -> None:
        self._inner = mx.optimizer.get_updater(optimizer)

    def _with_optimizer(self) -> Any:
        if self._inner is None:
            raise ValueError("workers have no optimizer: call set_optimizer first")
        return self._inner

    def _push(self, keys: list[Key], grads: list[Array]) -> None:
        self._with_optimizer()(keys, grads, [self._weights[key] for key in keys])
        for key in keys:
            self._made[key] += 1
        if due := [key for key in keys if self._made[key] >= self.steps]:
            self._meet(due)

    def _meet(self, keys: list[Key]) -> None:
        """End a round: exchange weights, and let the outer optimizer update the anchors."""
        anchors, weights = ([table[key] for key in keys] for table in (self._anchors, self._weights))
        moved = [anchor - weight for anchor, weight in zip(anchors, weights, strict=True)]
        self.store.pushpull(keys, moved)
        for one in moved:
            one /= self.num_workers
        self._outer(keys, moved, anchors)
        for key, anchor, weight in zip(keys, anchors, weights, strict=True):
            weight[...] = anchor
            self._made[key], self.rounds[key] = 0, self.rounds[key] + 1

    def _pull(self, keys: list[Key]) -> list[Array]:
        return [self._weights[key] for key in keys]

    def barrier(self) -> None:
        """Wait until every worker has come here."""
        self.store.barrier()

    def close(self) -> None:
        """Leave the store where the workers meet."""
        self.store.close()

    def save_optimizer_states(self, fname: str | os.PathLike[str], dump_optimizer: bool = False) -> None:
        """Write the states of both optimizers, the weights and the anchors of this worker; every worker has to call it.

        Args:
            fname: the file; that of worker k > 0 has ``.k`` at the end.
            dump_optimizer: accepted for compatibility with MXNet; no effect.
        """
        mx.save_state(self._file(fname), self._updaters(), self._arrays())

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Go on with what :meth:`save_optimizer_states` wrote, with weights and anchors; every worker has to call it.

        Raises:
            ValueError: it does not fit.
        """
        saved = mx.load_state(self._file(fname), self._updaters(), self._arrays())
        for key in self._weights:
            self._made[key], self.rounds[key] = map(int, saved[f"rounds/{key!r}"])

    def _file(self, fname: str | os.PathLike[str]) -> Path:
        return Path(f"{os.fspath(fname)}.{self.rank}" if self.rank else fname)

    def _updaters(self) -> dict[str, Any]:
        return {"inner": self._with_optimizer(), "outer": self._outer}

    def _arrays(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for key, weight in self._weights.items():
            found |= {f"weights/{key!r}": weight, f"anchors/{key!r}": self._anchors[key]}
            found[f"rounds/{key!r}"] = np.array([self._made[key], self.rounds[key]])
        return found
