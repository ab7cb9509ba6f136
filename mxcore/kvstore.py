"""Key-value stores, also ``mx.kv``: weights that several workers share, and the optimizer that updates them.

>>> import numpy as np, mxcore as mx
>>> store = mx.kv.create("local")
>>> store.init("weight", np.zeros(3))
>>> store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5))
>>> weight = np.empty(3)
>>> store.push("weight", [np.ones(3), np.ones(3)])  # what two devices, or two workers, have found
>>> store.pull("weight", out=weight)
>>> weight
array([-1., -1., -1.])

A store for workers in several processes is created in each of them: ``"dist_sync"`` and ``"dist_async"`` by
``mxcore-kvstore-ray``, ``"dist_sync_mpi"`` by ``mxcore-kvstore-mpi``. The loop stays the same.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeAlias

from mxcore.backend import Array, backend_of
from mxcore.catalogue.registry import Registry

if TYPE_CHECKING:
    import numpy as np

__all__ = ["KVStore", "Key", "alias", "create", "register", "summed"]

Key: TypeAlias = int | str
"""What identifies a weight in a store."""


class _Shape(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"shape {self.shape} and dtype {self.dtype}"


def summed(arrays: Sequence[Array]) -> Array:
    """Return the sum of arrays, added one after the other, so that its bits do not depend on who adds them.

    >>> import numpy as np
    >>> summed([np.ones(2), np.ones(2), np.ones(2)])
    array([3., 3.])
    """
    total, *rest = arrays
    for number, one in enumerate(rest):
        if number:
            total += one
        else:
            total = (total + one)[...]  # NumPy makes a scalar of arrays without axes
    return total


class KVStore(abc.ABC):
    """The weights that workers share, by key.

    Keys are integers or strings. Every method takes one key, or a list of keys together with a list of arrays;
    in place of an array, ``init`` aside, it takes a list of arrays of several devices: their sum is pushed, and all of
    them are filled.

    >>> import numpy as np, mxcore as mx
    >>> with mx.kv.create("local") as store:
    ...     store.init(["a", "b"], [np.zeros(1), np.ones(2)])
    ...     a, b = np.empty(1), np.empty(2)
    ...     store.pushpull(["a", "b"], [np.full(1, 2.0), np.full(2, 3.0)], out=[a, b])
    ...     a, b, store.rank, store.num_workers
    (array([2.]), array([3., 3.]), 0, 1)

    An engine defines the abstract methods, which are given lists of keys that exist and arrays that fit.
    """

    OPTIMIZER: ClassVar[str] = "optimizer"
    """The capability to update weights by an optimizer."""

    type: str = "local"
    """The name by which it is created."""
    rank: int = 0
    """The number of this worker, from 0."""
    num_workers: int = 1
    """How many workers there are."""

    def __init__(self) -> None:
        self.shapes: dict[Key, _Shape] = {}
        """Shape and dtype of the weight of each key."""

    # --- what an engine defines --------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _init(self, keys: list[Key], weights: list[Array]) -> None:
        """Keep copies of new weights; those of worker 0 count."""

    @abc.abstractmethod
    def _push(self, keys: list[Key], grads: list[Array]) -> None:
        """Let the optimizer update weights, in one call; without an optimizer, gradients become the weights."""

    @abc.abstractmethod
    def _pull(self, keys: list[Key]) -> list[Array]:
        """Return weights, which are only read."""

    @abc.abstractmethod
    def _set_optimizer(self, optimizer: Any) -> None:
        """Use an optimizer from now on; in another process, a copy."""

    @abc.abstractmethod
    def save_optimizer_states(self, fname: str | os.PathLike[str], dump_optimizer: bool = False) -> None:
        """Write what the optimizer keeps to a file; all workers call it, and worker 0 writes.

        Args:
            fname: the file.
            dump_optimizer: accepted for compatibility with MXNet: its settings are always in the file.
        """

    @abc.abstractmethod
    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Go on with what :meth:`save_optimizer_states` wrote."""

    # --- what a worker calls -----------------------------------------------------------------------------------------

    def init(self, key: Any, value: Any) -> None:
        """Give the store a first weight for each key. In each process the shapes must be the same.

        Raises:
            TypeError: a value is not an array.
            ValueError: a key exists already.
        """
        keys, values = _listed(key, value, "value")
        for one in keys:
            if one in self.shapes or keys.count(one) > 1:
                raise ValueError(f"key {one!r} has been initialized already")
        for one, array in zip(keys, values, strict=True):
            backend_of(array)  # a TypeError if it is none
            if array.dtype.kind not in "fcV":
                raise TypeError(f"key {one!r}: weights must be floating-point or complex numbers, got {array.dtype}")
        self._init(keys, values)
        self.shapes |= {one: _Shape(array.shape, array.dtype) for one, array in zip(keys, values, strict=True)}

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Push gradients; with an optimizer the store updates the weights, and without one they become the weights.

        Args:
            key: the key or keys.
            value: for each key a gradient, or a list of them, which are added in their order.
            priority: accepted for compatibility with MXNet; no effect.

        Raises:
            KeyError: a key has not been initialized.
            ValueError: a gradient has another shape than the weight.
        """
        self._push(*self._gradients(key, value))

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Fill arrays with weights.

        Args:
            key: the key or keys.
            out: for each key an array to fill, or a list of them.
            priority: accepted for compatibility with MXNet; no effect.
            ignore_sparse: likewise.

        Raises:
            KeyError: a key has not been initialized.
            ValueError: an array has another shape than the weight, or cannot be written.
        """
        keys, targets = self._targets(key, out)
        _fill(targets, self._pull(keys))

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Push gradients, and then fill ``out`` with the new weights; by default, the gradients themselves."""
        pushed = self._gradients(key, value)
        keys, targets = self._targets(key, value if out is None else out)
        _fill(targets, self._pushpull(*pushed, keys))

    def _pushpull(self, pushed: list[Key], grads: list[Array], pulled: list[Key]) -> list[Array]:
        self._push(pushed, grads)
        return self._pull(pulled)

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Give the store first weights, and fill ``out`` with those of worker 0."""
        self.init(key, value)
        self.pull(key, out)

    def set_optimizer(self, optimizer: Any) -> None:
        """Let the store update weights by this optimizer, or, where they are in another process, by a copy of it.

        Args:
            optimizer: an optimizer, or the name of one.
        """
        from mxcore import optimizer as optimizers  # imported where it is used, so that importing mxcore is fast

        self._set_optimizer(optimizers.create(optimizer))

    @classmethod
    def is_capable(cls, capability: str) -> bool:
        """Return whether the store can do something; all can update weights, ``KVStore.OPTIMIZER``."""
        return capability.lower() == cls.OPTIMIZER

    @classmethod
    def is_launched(cls) -> bool:
        """Return whether this process has been started as a worker."""
        return "MXCORE_RANK" in os.environ

    @classmethod
    def launching(cls, num_workers: int, num_servers: int) -> AbstractContextManager[Mapping[str, str]]:  # noqa: ARG003
        """Start what workers need beside themselves, for a block; ``mxcore launch`` calls this.

        Args:
            num_workers: how many workers there will be.
            num_servers: how many servers.

        Returns:
            What yields the variables that belong into the environment of the workers.

        Raises:
            ValueError: workers are started in another way.
        """
        return nullcontext({})

    def barrier(self) -> None:  # noqa: B027  # one worker waits for nobody
        """Wait until every worker has come here."""

    _barrier = barrier  # what MXNet's scripts call

    def close(self) -> None:  # noqa: B027
        """Leave the store. Weights and states are lost with the last worker, unless they were saved."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.type!r}: worker {self.rank} of {self.num_workers}, {len(self.shapes)} keys>"
        )

    def row_sparse_pull(self, *_: Any, **__: Any) -> None:
        """Not there: arrays are dense."""
        raise NotImplementedError("row_sparse_pull: arrays are dense here; use pull")

    def set_gradient_compression(self, compression_params: Any) -> None:
        """Not there."""
        raise NotImplementedError("gradients are not compressed; 'dist_sync' and 'dist_async' take dtype='bfloat16'")

    # --- arguments ---------------------------------------------------------------------------------------------------

    def _gradients(self, key: Any, value: Any) -> tuple[list[Key], list[Array]]:
        by_key: dict[Key, list[Array]] = {}
        for one, given in zip(*_listed(key, value, "value"), strict=True):
            by_key.setdefault(one, []).extend(self._fitting(one, given))
        return list(by_key), [summed(arrays) for arrays in by_key.values()]

    def _targets(self, key: Any, out: Any) -> tuple[list[Key], list[list[Array]]]:
        if out is None:
            raise TypeError("out must be an array, or one for each key")
        keys, given = _listed(key, out, "out")
        targets = [self._fitting(one, target) for one, target in zip(keys, given, strict=True)]
        for one, arrays in zip(keys, targets, strict=True):
            if not all(getattr(array.flags, "writeable", True) for array in arrays):
                raise ValueError(f"key {one!r}: out is read-only")
        return keys, targets

    def _fitting(self, key: Key, given: Any) -> list[Array]:
        if key not in self.shapes:
            raise KeyError(f"key {key!r} has not been initialized: call init first")
        arrays, wanted = list(given) if isinstance(given, (list, tuple)) else [given], self.shapes[key]
        for array in arrays:
            backend_of(array)
            if array.shape != wanted.shape:
                raise ValueError(f"key {key!r} has {wanted}, got an array of shape {array.shape}")
        if not arrays:
            raise ValueError(f"key {key!r}: there is no array")
        return arrays


def _listed(key: Any, value: Any, what: str) -> tuple[list[Key], list[Any]]:
    """Return keys and what is given for them as lists."""
    several = isinstance(key, (list, tuple))
    keys: list[Any] = list(key) if several else [key]
    for one in keys:
        if isinstance(one, bool) or not isinstance(one, (int, str)):
            raise TypeError(f"keys must be integers or strings, got {one!r}")
    if several and not isinstance(value, (list, tuple)):
        raise TypeError(f"{what} must be a list, as there are several keys")
    values = list(value) if several else [value]
    if len(keys) != len(values):
        raise ValueError(f"there are {len(keys)} keys, but {what} has {len(values)} entries")
    return keys, values


def _fill(targets: Sequence[Sequence[Array]], weights: Sequence[Array]) -> None:
    for arrays, weight in zip(targets, weights, strict=True):
        for array in arrays:
            backend = backend_of(array)
            same = backend is backend_of(weight)
            array[...] = weight if same else backend.from_host(backend_of(weight).to_host(weight))


registry: Registry[KVStore] = Registry("kvstore", KVStore)  # type: ignore[type-abstract]
register, alias = registry.register, registry.alias
_NOT_THERE = {"nccl": "device", "horovod": "dist_sync_mpi", "byteps": "dist_sync_mpi", "p3": "dist_sync"}


def create(name: str | KVStore = "local", **options: Any) -> KVStore:
    """Create a store by name, or return one as it is.

    >>> import mxcore as mx
    >>> mx.kv.create("local")
    <LocalKVStore 'local': worker 0 of 1, 0 keys>
    >>> mx.kv.create("horovod")
    Traceback (most recent call last):
        ...
    ValueError: there is no store 'horovod' here: use 'dist_sync_mpi'

    Args:
        name: ``"local"`` or ``"device"``, for one process; ``"dist_sync"``, ``"dist_async"`` or ``"dist_sync_mpi"``.
        options: what the store takes.

    Raises:
        mxcore.catalogue.PluginError: the engine is not installed.
        RuntimeError: a process was started by MXNet's launcher.
    """
    if isinstance(name, str) and name.lower() in _NOT_THERE:
        raise ValueError(f"there is no store {name!r} here: use {_NOT_THERE[name.lower()]!r}")
    if isinstance(name, str) and name.startswith("dist") and "DMLC_ROLE" in os.environ:
        role = os.environ["DMLC_ROLE"]
        raise RuntimeError(
            f"DMLC_ROLE={role} was set by MXNet's launcher, and there are no processes of that kind: start the workers "
            "with `mxcore launch -n 4 python train.py`, which starts servers, too"
        )
    return registry.create(name, **options)


__getattr__, __dir__ = registry.lazily(__name__, __all__)
