"""The store ``"dist_sync_mpi"``."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NoReturn, TypeVar

import numpy as np
from mpi4py import MPI

import mxcore as mx
from mxcore.backend import Array, Host
from mxcore.kvstore import Key, KVStore
from mxcore.state.manifest import describe
from mxcore_kvstore_mpi.exchange import Exchange, Piece, divided, host
from mxcore_kvstore_mpi.shards import Shards, Step, check_sharded
from mxcore_kvstore_mpi.states import Kept, assembled, excerpt, header, own_states, restore
from mxcore_kvstore_mpi.team import Agreed, Team

__all__ = ["MPIKVStore"]

T = TypeVar("T")
_COUNTERS = {"counts", "host_numbers", "model_numbers", "num_update", "version", "state_version"}


class MPIKVStore(KVStore):
    r"""Weights of all processes of an MPI job, which push together: ``"dist_sync_mpi"``.

    Each of the P ranks creates the store and makes the same calls with gradients of its own. With
    :math:`g = g_0 + g_1 + \dots + g_{P-1}`, added in this order, an update has the bits of a list push of these
    gradients to ``"local"``.

    * ``zero=0``: every rank has all weights and all states, and makes the whole update.
    * ``zero=1``: a rank keeps the state of 1/P of all elements and updates these; then the weights are exchanged. It is
      the first stage of ZeRO (Rajbhandari et al., 2020, https://arxiv.org/abs/1910.02054), with the same bits as
      ``zero=0``. Parameters are cut at multiples of 4096 elements, and a rank has at most 1/P of all elements and one
      such block. An optimizer that cannot update parts (array code, noise, reductions over rows, complex weights)
      divides whole parameters instead.

    A push sends :math:`2 (P - 1) / P` times the size of the parameters from each rank. Weights are kept in host memory.

    >>> import numpy as np, mxcore as mx
    >>> with mx.kv.create("dist_sync_mpi", zero=1) as store:  # a single process, as this was not started by mpiexec
    ...     store.init("weight", np.zeros(3))
    ...     store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5))
    ...     weight = np.empty(3)
    ...     store.pushpull("weight", np.ones(3), out=weight)
    ...     weight, store.rank, store.num_workers
    (array([-0.5, -0.5, -0.5]), 0, 1)

    Args:
        zero: 1 to divide the states among the ranks.
        order: ``"ranks"`` to add gradients in the order of ranks; ``"any"`` to leave it to the MPI library, which may
            round differently with more than two ranks, and to use its own all-gather.
        comm: the communicator, an ``mpi4py.MPI.Comm``, which is copied; by default, all processes of the job.

    Raises:
        ValueError: an argument has another value, or differs between the ranks.
    """

    type = "dist_sync_mpi"

    def __init__(self, zero: Literal[0, 1] = 0, order: Literal["ranks", "any"] = "ranks", comm: Any = None) -> None:
        super().__init__()
        if zero not in (0, 1):
            raise ValueError(f"zero must be 0 or 1, got {zero!r}")
        if order not in ("ranks", "any"):
            raise ValueError(f'order must be "ranks" or "any", got {order!r}')
        self._zero, self._order, self._team = bool(zero), order, Team(comm)
        self.rank, self.num_workers = self._team.rank, self._team.size
        self._weights: dict[Key, Host] = {}
        self._updater: Any = None
        self._shards = Shards(self._team)
        self._sums: dict[Any, _Sums] = {}
        self._steps: dict[Any, Step] = {}
        self._team.agree("create", (f"zero={zero}", f"order={order!r}"))
        self._team.stay()

    @classmethod
    def is_launched(cls) -> bool:
        """Return whether this process is one of several that were started by ``mpiexec``."""
        return bool(MPI.COMM_WORLD.Get_size() > 1)

    @classmethod
    def launching(cls, num_workers: int, num_servers: int) -> NoReturn:  # noqa: ARG003
        """Refuse: MPI starts its processes itself."""
        raise ValueError(f"{cls.type!r} has workers that MPI starts: run mpiexec -n {num_workers} with the program")

    # --- calls that all ranks make together --------------------------------------------------------------------------

    @contextlib.contextmanager
    def _together(self, what: str) -> Iterator[None]:
        """Tell the other ranks if this one fails before it has agreed with them on a call."""
        team = self._team
        team.joined = False
        try:
            yield
        except Exception as error:
            if not team.joined:
                team.fail(what, error)
            raise

    def init(self, key: Any, value: Any) -> None:
        """See :class:`mxcore.kvstore.KVStore`; all ranks get the weights of rank 0.

        Raises:
            TypeError, ValueError: as there, or the ranks have other keys, shapes or dtypes.
            RuntimeError: another rank has such an error.
        """
        with self._together("init"):
            super().init(key, value)

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """See :class:`mxcore.kvstore.KVStore`; returns when the weights are updated.

        Raises:
            KeyError, ValueError: as there, or the ranks push other keys or dtypes.
            RuntimeError: another rank has such an error.
            FloatingPointError: a gradient is not finite, and the optimizer has ``on_nonfinite="raise"``.
        """
        with self._together("push"):
            super().push(key, value, priority)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """See :class:`mxcore.kvstore.KVStore` and :meth:`push`."""
        with self._together("push"):
            super().pushpull(key, value, out, priority)

    def set_optimizer(self, optimizer: Any) -> None:
        """See :class:`mxcore.kvstore.KVStore`; the settings must be the same on all ranks.

        Raises:
            ValueError: they differ, or with ``zero=1`` the optimizer needs all parameters in one process.
        """
        with self._together("set_optimizer"):
            super().set_optimizer(optimizer)

    def save_optimizer_states(self, fname: str | os.PathLike[str], dump_optimizer: bool = False) -> None:
        """Write one file, on rank 0, that any number of ranks can load, with any ``zero``, and ``"local"`` too."""
        with self._together("save_optimizer_states"):
            updater = self._with_optimizer()
            self._team.agree("save_optimizer_states")
            with self._team.guarded():
                whole = self._whole(updater)
            error = None
            if whole is not None:
                try:
                    mx.save_state(fname, whole)
                except Exception as one:  # the others wait
                    error = one
            self._team.agree("save_optimizer_states", error=error)

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Go on with what :meth:`save_optimizer_states` wrote; only rank 0 reads the file.

        Raises:
            ValueError: the file does not fit.
            RuntimeError: it does not fit, on the other ranks.
        """
        with self._together("load_optimizer_states"):
            self._with_optimizer()
            self._team.agree("load_optimizer_states")
            self._divide()
            error, parts, settings = None, None, b""
            if self.rank == 0:
                try:
                    settings, parts = self._read(fname)
                except Exception as one:
                    error = one
            self._team.agree("load_optimizer_states", error=error)
            with self._team.guarded():
                settings = self._team.bcast(settings)
                kept = self._team.scatter(parts) if self._zero else self._team.bcast(parts)
                restore(self._updater, settings, kept, quiet=self.rank > 0)

    def barrier(self) -> None:
        """Wait until all ranks have come here."""
        self._team.agree("barrier")

    _barrier = barrier

    def close(self) -> None:
        """Leave the store, together with all other ranks."""
        self._team.close()

    def __exit__(self, *error: object) -> None:
        if error[0] is None or self.num_workers == 1:  # else the process ends, and so does the job
            self.close()

    # --- what the base class calls with checked arguments ------------------------------------------------------------

    def _init(self, keys: list[Key], weights: list[Array]) -> None:
        found = [np.array(host(weight)).reshape(weight.shape) for weight in weights]
        pairs = zip(keys, weights, strict=True)
        self._team.agree("init", [f"key {key!r} of shape {one.shape} and dtype {one.dtype}" for key, one in pairs])
        if self.num_workers > 1:
            with self._team.guarded():
                for weight in found:
                    self._team.comm.Bcast(weight.reshape(-1).view(np.uint8), root=0)
        self._weights |= zip(keys, found, strict=True)

    def _push(self, keys: list[Key], grads: list[Array]) -> None:
        dtypes = tuple(grad.dtype for grad in grads)
        step, highest = None, self._highest
        if self._zero and self._updater is not None:
            self._divide()
            step = self._step(keys, dtypes)
            highest = step.highest(self._updater)
        what = "push without an optimizer" if self._updater is None else "push"
        details = tuple(f"key {key!r} of dtype {dtype}" for key, dtype in zip(keys, dtypes, strict=True))
        agreed = self._team.agree(what, details, highest=highest)
        given = dict(zip(keys, grads, strict=True))
        with self._like_rank_0(agreed):
            if step is not None:
                step.update(self._updater, given)
            else:
                self._update_all(keys, dtypes, given)
        self._team.updates += 1

    def _pull(self, keys: list[Key]) -> list[Array]:
        return [self._weights[key] for key in keys]

    def _set_optimizer(self, optimizer: Any) -> None:
        if self._zero:
            check_sharded(optimizer)
        self._team.agree("set_optimizer", _settings(optimizer))
        self._updater = mx.optimizer.get_updater(optimizer)
        self._shards = Shards(self._team)
        self._steps.clear()

    # --- updates -----------------------------------------------------------------------------------------------------

    @property
    def _highest(self) -> int:
        return 0 if self._updater is None else int(self._updater.tally.highest.value)

    @contextlib.contextmanager
    def _like_rank_0(self, agreed: Agreed) -> Iterator[None]:
        """Let this rank know the highest count, and draw the random numbers of rank 0."""
        if self._updater is not None and agreed.highest > self._highest:
            self._updater.tally.highest.value = agreed.highest
        own = mx.random.get_state()
        if own == agreed.random:
            yield
            return
        mx.random.set_state(agreed.random)
        try:
            yield
        finally:
            mx.random.set_state(own)

    def _update_all(self, keys: list[Key], dtypes: Any, given: Mapping[Key, Array]) -> None:
        """Update whole parameters."""
        with self._team.guarded():
            make = functools.partial(_Sums, self._team, given, self._order)
            sums = _kept(self._sums, (tuple(keys), dtypes), make).whole(given)
        weights = [self._weights[key] for key in keys]
        if self._updater is not None:
            self._updater(keys, sums, weights)
            return
        for weight, total in zip(weights, sums, strict=True):
            weight[...] = total

    def _step(self, keys: list[Key], dtypes: Any) -> Step:
        of_key = dict(zip(keys, dtypes, strict=True))
        make = functools.partial(Step, self._shards, keys, self._weights, of_key, self._order)
        return _kept(self._steps, (tuple(keys), dtypes), make)

    def _divide(self) -> None:
        """Divide the parameters that have been initialized since the last push."""
        new = {key: weight for key, weight in self._weights.items() if key not in self._shards.pieces}
        if self._zero and new:
            self._weights |= self._shards.add(self._updater.optimizer, new)

    # --- states ------------------------------------------------------------------------------------------------------

    def _with_optimizer(self) -> Any:
        if self._updater is None:
            raise ValueError("the store has no optimizer: call set_optimizer first")
        return self._updater

    def _whole(self, updater: Any) -> Any:
        """Return an updater with whole states, on rank 0."""
        if not self._zero:
            return updater if self.rank == 0 else None
        every = self._team.gather(own_states(updater, [*self._weights]))
        if every is None:
            return None
        shapes = {key: weight.shape for key, weight in self._weights.items()}
        return assembled(updater, every, shapes, cut=bool(self._shards.cut))

    def _read(self, fname: str | os.PathLike[str]) -> tuple[bytes, Any]:
        """Return the settings in a file, and what it keeps: for each rank its part, or everything."""
        whole = mx.optimizer.get_updater(copy.deepcopy(self._updater.optimizer))
        for key, weight in self._weights.items():  # with which the file is compared
            whole.states[key] = whole.optimizer.create_state_multi_precision(key, weight)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what differs is reported when it is restored
            mx.load_state(fname, whole)
        if unknown := [key for key in whole.states if key not in self._weights]:
            raise ValueError(f"{fname} has states of keys that have not been initialized: {unknown}")
        kept: Kept = own_states(whole, [*self._weights])
        settings = header(whole)
        every = [Piece(key, 0, weight.size) for key, weight in self._weights.items()]
        if not self._zero:
            return settings, excerpt(kept, every, cut=False)
        pieces = self._shards.of([*self._weights])
        return settings, [excerpt(kept, some, cut=bool(self._shards.cut)) for some in pieces]


class _Sums:
    """The sums of the gradients of all ranks, on all of them.

    Args:
        team: the ranks.
        grads: gradients of the same shapes and dtypes as all that follow.
        order: how they are added.
    """

    def __init__(self, team: Team, grads: Mapping[Key, Array], order: str) -> None:
        sizes = [(key, grad.size, grad.dtype.itemsize) for key, grad in grads.items()]
        dtypes = {key: grad.dtype for key, grad in grads.items()}
        self._exchange = Exchange(team, divided(sizes, team.size), dtypes, order)

    def whole(self, grads: Mapping[Key, Array]) -> list[Host]:
        """Return the sums, in buffers that the next call overwrites."""
        found = self._exchange.everywhere(grads)
        return [found[key].reshape(grad.shape) for key, grad in grads.items()]


def _kept(table: dict[Any, T], name: Any, make: Callable[[], T]) -> T:
    """Return what is in a table, or make it; of many, those that were made first are dropped."""
    if name not in table:
        while len(table) >= 1000:
            del table[next(iter(table))]
        table[name] = make()
    return table[name]


def _settings(optimizer: Any) -> Sequence[str]:
    """Return the settings of an optimizer, each as a line."""
    try:
        described = describe(optimizer)
    except TypeError as error:  # it cannot be saved, either
        described = {"name": type(optimizer).__name__, "cannot be compared": str(error)}
    return [re.sub(r" at 0x[0-9a-f]+", "", line) for line in _lines(described)]


def _lines(described: Any, path: str = "") -> Iterator[str]:
    if isinstance(described, dict):
        for name, value in described.items():
            if name not in _COUNTERS:
                yield from _lines(value, f"{path}.{name}" if path else name)
    elif described is not None:
        yield f"{path} = {described!r}"
