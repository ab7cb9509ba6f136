"""The worker's side of a store on Ray."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import ray

import mxcore as mx
from mxcore.backend import Array, Host, backend_of
from mxcore.kvstore import Key, KVStore
from mxcore_kvstore_ray import cluster
from mxcore_kvstore_ray.calls import Calls
from mxcore_kvstore_ray.life import Life
from mxcore_kvstore_ray.pushes import Pushes
from mxcore_kvstore_ray.records import Job, Layout, Lost, names
from mxcore_kvstore_ray.shard import encoded
from mxcore_kvstore_ray.states import merged
from mxcore_kvstore_ray.travel import pack


class RayKVStore(KVStore):
    """Weights on servers of a Ray cluster; see :class:`SyncKVStore` and :class:`AsyncKVStore`.

    Args:
        servers: how many processes the keys are distributed over; by default, ``MXCORE_SERVERS`` or 1.
        rank: the number of this worker; by default, ``MXCORE_RANK`` or 0.
        num_workers: how many workers there are; by default, ``MXCORE_NUM_WORKERS`` or 1.
        address: that of a Ray cluster; by default, ``MXCORE_RAY_ADDRESS``, the one that this process is in, or a new
            one that only this machine can reach.
        job: a name for the run, which all of its workers pass; by default, ``MXCORE_JOB`` or ``"mxcore"``.
        checkpoint: a folder that all servers can see, or None to keep weights in memory alone.
        interval: the number of updates between two checkpoints, at least 1 if there is a folder.
        timeout: how many seconds to wait for other workers and for servers.
        dtype: ``"float32"`` to send gradients in their own dtype, ``"bfloat16"`` to send them rounded.
        trust: whether an optimizer may be pickled if its name and settings do not suffice.

    Raises:
        ValueError: an argument is wrong, the job has other settings, or another process is this worker.
        TimeoutError: the cluster does not answer.
    """

    synchronous: ClassVar[bool]

    def __init__(
        self,
        servers: int | None = None,
        rank: int | None = None,
        num_workers: int | None = None,
        address: str | None = None,
        job: str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        interval: int = 0,
        timeout: float = 60.0,
        dtype: str = "float32",
        trust: bool = False,
    ) -> None:
        super().__init__()
        self.rank = _number("rank", rank, "MXCORE_RANK", 0)
        self.num_workers = _number("num_workers", num_workers, "MXCORE_NUM_WORKERS", 1)
        self._job = Job(
            name=job or os.environ.get("MXCORE_JOB") or "mxcore",
            workers=self.num_workers,
            servers=_number("servers", servers, "MXCORE_SERVERS", 1),
            synchronous=self.synchronous,
            checkpoint=None if checkpoint is None else str(Path(checkpoint).resolve()),
            interval=interval,
            timeout=float(timeout),
            trust=trust,
        )
        self._check(dtype)
        self._dtype = dtype
        self._closed, self._barriers, self._settings = False, 0, 0
        self._servers: dict[Key, int] = {}
        self._ours = cluster.connect(address or os.environ.get("MXCORE_RAY_ADDRESS") or None)
        cluster.start(self._job)
        self._call = Calls(self._job.timeout)
        self._life = Life(self._job, self.rank, lambda: self._barriers)
        self._pushes = Pushes(self._job, self.rank, self._call)
        self.pushed = self._pushes.hello()
        if self.pushed:
            warnings.warn(
                f"worker {self.rank} goes on with job {self._job.name!r}, whose servers have {self.pushed} of its "
                "pushes: as many are skipped, unless you call resume()",
                UserWarning,
                stacklevel=3,
            )

    @classmethod
    @contextmanager
    def launching(cls, num_workers: int, num_servers: int) -> Iterator[Mapping[str, str]]:  # noqa: ARG003
        """Start a Ray cluster that only this machine can reach, unless ``MXCORE_RAY_ADDRESS`` names one."""
        ours = cluster.connect(os.environ.get("MXCORE_RAY_ADDRESS"))
        try:
            address = ray.get_runtime_context().gcs_address
            yield {"MXCORE_RAY_ADDRESS": address, "MXCORE_SERVERS": str(num_servers)}
        finally:
            if ours:
                ray.shutdown()

    def _check(self, dtype: str) -> None:
        job = self._job
        if job.workers < 1 or job.servers < 1:
            raise ValueError(f"num_workers and servers must be at least 1, got {job.workers} and {job.servers}")
        if not 0 <= self.rank < job.workers:
            raise ValueError(f"rank must be in [0, {job.workers}), as num_workers says, got {self.rank}")
        if not re.fullmatch(r"[\w.-]+", job.name):
            raise ValueError(f"job must consist of letters, digits, '.', '_' and '-', got {job.name!r}")
        if dtype not in ("float32", "bfloat16"):
            raise ValueError(f"dtype must be 'float32' or 'bfloat16', got {dtype!r}")
        if job.timeout <= 0:
            raise ValueError(f"timeout must be above 0, got {job.timeout}")
        if (job.checkpoint is None) != (job.interval == 0) or job.interval < 0:
            raise ValueError(
                "checkpoint and interval belong together: the folder, and the number of updates between two "
                f"checkpoints, at least 1; got {job.checkpoint!r} and {job.interval}"
            )

    def resume(self) -> int:
        """Skip the pushes that the servers have of this worker, and return how many there are.

        A loop that starts there has to bring its data to the same place, as in
        ``for step in range(store.resume(), steps)``. A loop that starts at 0 needs nothing: its first pushes are
        acknowledged without being applied a second time.
        """
        self._pushes.number = self.pushed = self._pushes.hello()
        return self.pushed

    # --- weights -----------------------------------------------------------------------------------------------------

    def _init(self, keys: list[Key], weights: list[Array]) -> None:
        self._check_open()
        layouts = [Layout(tuple(one.shape), str(one.dtype), int(one.nbytes)) for one in weights]
        placed = self._call(self._job.coordinator, "place", self.rank, keys, layouts)
        own: list[tuple[list[Key], list[Host]]] = [([], []) for _ in range(self._job.servers)]
        for key, server, weight in zip(keys, placed, weights, strict=True):
            own[server][0].append(key)
            own[server][1].append(_on_host(weight) if self.rank == 0 else weight)

        def sent(server: int) -> None:
            given, arrays = own[server]
            values = ray.put(arrays) if self.rank == 0 else None
            self._call(self._job.server(server), "init", self.rank, given, values)

        self._pushes.on_all(sent)
        self._servers |= dict(zip(keys, placed, strict=True))

    def _push(self, keys: list[Key], grads: list[Array]) -> None:
        self._check_open()
        own: list[tuple[list[Key], list[int], list[Host]]] = [([], [], []) for _ in range(self._job.servers)]
        for place, (key, grad) in enumerate(zip(keys, grads, strict=True)):
            ours = own[self._servers[key]]
            ours[0].append(key)
            ours[1].append(place)
            ours[2].append(encoded(_on_host(grad), self._dtype))
        self._pushes.push(own)

    def _pull(self, keys: list[Key]) -> list[Array]:
        self._check_open()
        own: list[list[Key]] = [[] for _ in range(self._job.servers)]
        for key in keys:
            own[self._servers[key]].append(key)
        pulled = [iter(weights) for weights in self._pushes.pull(own)]
        return [next(pulled[self._servers[key]]) for key in keys]

    # --- the optimizer -----------------------------------------------------------------------------------------------

    def _set_optimizer(self, optimizer: Any) -> None:
        self._check_open()
        if self._job.servers > 1:
            self._check_divisible(optimizer)
        packed, number = pack(optimizer, self._job.trust), self._settings + 1
        self._pushes.on_all(
            lambda server: self._call(self._job.server(server), "set_optimizer", self.rank, number, packed)
        )
        self._settings = number

    def _check_divisible(self, optimizer: Any) -> None:
        """Check that servers can update their shards alone, or with what the coordinator adds up."""
        name = type(optimizer).__name__
        if optimizer.needs_all and not self.synchronous:
            raise ValueError(f"{name} looks at all parameters together, which needs servers=1 or 'dist_sync'")
        if optimizer.needs_all and not all(type(level).runs_rule() for level in mx.step.levels(optimizer)):
            raise ValueError(f"{name} updates all parameters together and is not a rule: it needs servers=1")
        if optimizer.on_nonfinite != "ignore" or isinstance(optimizer.loss_scale, mx.DynamicLossScale):
            raise ValueError(f"{name} checks whether any gradient is infinite or NaN, which needs servers=1")

    def save_optimizer_states(self, fname: str | os.PathLike[str], dump_optimizer: bool = False) -> None:
        """Write what the optimizer keeps to a file, which a store of any type can load; only worker 0 writes."""
        self._check_open()
        if self.rank == 0:
            self._pushes.catch_up()
            every = self._pushes.on_all(lambda server: self._call(self._job.server(server), "get_states"))
            mx.save_state(
                fname, merged([states for states, _ in every], self._with_optimizer(every[0][1]), self._job.trust)
            )

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Go on with what :meth:`save_optimizer_states` wrote; only worker 0 reads, and the others call a barrier."""
        self._check_open()
        if self.rank == 0:
            states = ray.put(Path(fname).read_bytes())
            self._pushes.catch_up()
            self._pushes.on_all(lambda server: self._call(self._job.server(server), "set_states", states))

    @staticmethod
    def _with_optimizer(packed: Any) -> Any:
        if packed is None:
            raise ValueError("the store has no optimizer: call set_optimizer first")
        return packed

    def staleness(self) -> Counter[int]:
        """Return how many pushes came how many updates after their worker had pulled; empty in a synchronous run."""
        every = self._pushes.on_all(lambda server: self._call(self._job.server(server), "status"))
        return sum((Counter(one["staleness"]) for one in every), Counter[int]())

    # --- workers -----------------------------------------------------------------------------------------------------

    def barrier(self) -> None:
        """Wait until every worker has come here.

        Raises:
            TimeoutError: a worker has not come.
        """
        self._check_open()
        self._barriers += 1
        deadline = time.monotonic() + self._job.timeout
        while missing := self._call(self._job.coordinator, "barrier", self.rank, self._barriers, 0.5):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"worker {self.rank} has waited {self._job.timeout:g} s at a barrier for {names(missing)}"
                )
            self._pushes.catch_up()  # a server that was lost may need this worker's pushes again

    _barrier = barrier

    def close(self) -> None:
        """Wait for the other workers, let the servers write a last checkpoint, if they write any, and end them.

        Raises:
            TimeoutError: another worker has not called it.
        """
        if self._closed:
            return
        try:
            self.barrier()
            self._part()
        finally:
            self._leave()

    def _part(self) -> None:
        """Let worker 0 end the servers when nobody needs them."""
        done = self._barriers + 1
        if self.rank:
            self._call.once(self._job.coordinator, "barrier", self.rank, done, 0.0, timeout=5.0)
            return
        deadline = time.monotonic() + 5.0
        while self._call(self._job.coordinator, "barrier", 0, done, 0.5) and time.monotonic() < deadline:
            pass
        self._pushes.on_all(lambda server: self._call(self._job.server(server), "save"))
        for name in (*map(self._job.server, range(self._job.servers)), self._job.coordinator):
            self._call.kill(name)

    def _leave(self) -> None:
        self._closed = True
        self._life.end()
        if self._ours:
            ray.shutdown()

    def __exit__(self, *error: object) -> None:
        if not any(error):
            self.close()
        elif not self._closed:  # the servers stay for the process that takes this worker's place
            self._leave()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the store is closed")
        if self._life.is_replaced:
            raise Lost(f"another process has taken the place of worker {self.rank} of job {self._job.name!r}")


class SyncKVStore(RayKVStore):
    """A synchronous parameter server: ``"dist_sync"``.

    All workers make the same pushes in the same order. A push returns when the gradients of all workers are added, in
    the order of ranks, and the weights are updated. The result has the bits of one process that pushes the list of
    these gradients to ``"local"``.

    >>> import numpy as np, mxcore as mx
    >>> store = mx.kv.create("dist_sync")  # doctest: +SKIP
    >>> store.init("w", np.zeros(2))  # doctest: +SKIP
    >>> store.push("w", np.ones(2))  # doctest: +SKIP
    """

    type, synchronous = "dist_sync", True


class AsyncKVStore(RayKVStore):
    """An asynchronous parameter server: ``"dist_async"``.

    Each push is an update of its own, at once, and needs an optimizer. One that distinguishes workers, such as DCASGD,
    is told which worker has pushed.

    >>> import mxcore as mx
    >>> store = mx.kv.create("dist_async", rank=0, num_workers=4)  # doctest: +SKIP
    >>> store.set_optimizer("dcasgd(learning_rate=0.1)")  # doctest: +SKIP
    """

    type, synchronous = "dist_async", False


def _number(what: str, given: int | None, variable: str, default: int) -> int:
    if given is None:
        text = os.environ.get(variable) or str(default)
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{variable} must be a whole number, got {text!r}") from None
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{what} must be a whole number, got {given!r}")
    return given


def _on_host(array: Array) -> Host:
    return backend_of(array).to_host(array)
