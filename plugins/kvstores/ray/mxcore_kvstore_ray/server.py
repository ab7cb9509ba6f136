"""The actor that holds a shard of the weights."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray

from mxcore.backend import Host
from mxcore.kvstore import Key
from mxcore_kvstore_ray.calls import Calls
from mxcore_kvstore_ray.checkpoint import Folder
from mxcore_kvstore_ray.records import Job, Lost, Push, Reply, names
from mxcore_kvstore_ray.shard import Shard
from mxcore_kvstore_ray.travel import Packed

KEPT = 64
"""Of how many results of meetings a server keeps a copy, for another one that has missed them."""


class _Round:
    """The pushes of a round, and how it ended."""

    def __init__(self) -> None:
        self.pushes: dict[int, tuple[Push, Sequence[Host]]] = {}
        self.is_over = False
        self.error: Exception | None = None


class _GoingBackError(Exception):
    """The round in progress is given up."""


class Server:
    """Holds a shard of the weights, and updates it from what workers push.

    Several threads run its calls. Each call may be repeated: a push that it has applied is only acknowledged.

    Args:
        job: the job.
        index: which server this is.
    """

    def __init__(self, job: Job, index: int) -> None:
        self.job, self.index = job, index
        self.shard = Shard(job.workers, job.trust)
        self._turn = threading.Condition()
        self._round = _Round()
        self._busy = False
        self._is_going_back = False
        self._met: dict[tuple[int, str], Any] = {}
        self._call = Calls(job.timeout)
        self._folder = None if job.checkpoint is None else Folder(job, index)
        again = ray.get_runtime_context().was_current_actor_reconstructed
        self._is_lost = again and self._folder is None
        if self._folder is not None:
            self._restore(self._folder, again)

    def _restore(self, folder: Folder, again: bool) -> None:
        """Go on from the last checkpoint; in a new run from the last one that all servers have."""
        found = folder.latest() if again or not self.job.synchronous else folder.common()
        folder.discard_after(found)
        if found is not None:
            self.shard.read(folder, found)

    # --- weights and optimizer ---------------------------------------------------------------------------------------

    def init(self, rank: int, keys: Sequence[Key], weights: Sequence[Host] | None) -> None:
        """Keep new weights, which worker 0 sends, or wait for them."""
        with self._turn:
            given = {} if weights is None else dict(zip(keys, weights, strict=True))
            new = {key: weight for key, weight in given.items() if key not in self.shard.weights}
            if new:
                self._wait(lambda: not self._busy, lambda: "the last update")
                self.shard.weights |= {key: weight.copy() for key, weight in new.items()}
                self.shard.pulled(self.shard.seen, list(new))
                self._save()
                self._turn.notify_all()
            self._wait(lambda: all(key in self.shard.weights for key in keys), lambda: "worker 0, which calls init")

    def set_optimizer(self, rank: int, number: int, packed: Packed) -> None:
        """Use an optimizer, which worker 0 sets; check that others have the same one.

        Args:
            rank: the worker.
            number: how many optimizers the worker has set, with this one.
            packed: the optimizer.

        Raises:
            ValueError: worker 0 has set another one.
        """
        with self._turn:
            if rank == 0 and number > self.shard.settings:
                self._wait(lambda: not self._busy, lambda: "the last update")
                self.shard.set_optimizer(packed)
                self._save()
                self._turn.notify_all()
            self._wait(lambda: self.shard.settings >= number, lambda: "worker 0, which calls set_optimizer")
            kept = self.shard.packed
            if self.shard.settings == number and kept is not None and kept.summary != packed.summary:
                raise ValueError(
                    f"the servers have another optimizer than worker {rank}: {self.shard.updater.optimizer!r}"
                )

    def get_states(self) -> tuple[bytes | None, Packed | None]:
        """Return the states of the optimizer, and the optimizer."""
        with self._turn:
            self._wait(lambda: not self._busy, lambda: "the last update")
            if self.shard.updater is None:
                return None, None
            return self.shard.updater.get_states(dump_optimizer=True), self.shard.packed

    def set_states(self, states: bytes) -> None:
        """Go on with states, of which those of other keys are left out."""
        with self._turn:
            self._wait(lambda: not self._busy, lambda: "the last update")
            updater = self.shard.updater
            updater.set_states(states)
            for key in [key for key in updater.states if key not in self.shard.weights]:
                del updater.states[key]
                updater.worker_states.pop(key, None)
            self._save()

    def save(self) -> None:
        """Write a checkpoint, if there is a folder for it."""
        with self._turn:
            self._wait(lambda: not self._busy, lambda: "the last update")
            self._save()

    def hello(self, rank: int) -> Reply:
        """Return what there is of a worker's pushes, which a new process no longer has: it is safe from now on."""
        with self._turn:
            self._wait(lambda: not self._busy, lambda: "the last update")
            if self.shard.updates and self.shard.safe != self.shard.seen:
                self._save()
            return self._reply(rank)

    def place(self) -> tuple[int, bool]:
        """Return the number of updates, and whether another one is in progress."""
        return self.shard.updates, self._busy

    def common(self) -> int | None:
        """Return the number of updates in the last checkpoint that all servers have."""
        return None if self._folder is None else self._folder.common()

    def go_back(self, updates: int) -> None:
        """Return to a checkpoint with all other servers; the pushes of a round in progress come again."""
        with self._turn:
            if self._folder is None or (self.shard.updates == updates and not self._busy):
                return
            self._is_going_back = True
            self._wait(lambda: not self._busy, lambda: "the last update")
            self.shard.read(self._folder, updates)
            self._folder.discard_after(updates)
            self._is_going_back, self._round.is_over, self._round = False, True, _Round()
            self._met.clear()
            self._turn.notify_all()

    # --- pushes and pulls --------------------------------------------------------------------------------------------

    def push(self, push: Push, grads: Sequence[Host]) -> Reply:
        """Apply a push, unless it was applied already or an earlier one is missing; say which was the last.

        Raises:
            TimeoutError: other workers, or servers, have not come.
            ValueError: other workers have pushed other keys, or there is no optimizer in an asynchronous run.
            Lost: the weights are gone.
        """
        with self._turn:
            self._check_there()
            if push.number != self.shard.seen[push.rank] + 1:
                return self._reply(push.rank)
            if self.job.synchronous:
                self._join(push, grads)
            else:
                if self.shard.updater is None:
                    raise ValueError(f"an asynchronous push needs an optimizer: call set_optimizer first {push.keys}")
                self.shard.apply([push], [grads], worker=push.rank)
                self._updated()
            return self._reply(push.rank)

    def pull(self, rank: int, number: int, keys: Sequence[Key]) -> tuple[int, list[Host] | None]:
        """Return weights that have the pushes of a worker up to a number, or None, and which was the last."""
        with self._turn:
            self._check_there()
            self._wait(lambda: not self._busy, lambda: "the last update")
            if self.shard.seen[rank] < number:
                return self.shard.seen[rank], None
            weights = [self.shard.weights[key] for key in keys]
            if not self.job.synchronous:
                self.shard.pulled([rank], keys)
            # Others may change them while Ray copies them, unless they are waiting for this worker.
            return self.shard.seen[rank], weights if self.job.synchronous else [one.copy() for one in weights]

    def _reply(self, rank: int) -> Reply:
        return Reply(self.shard.seen[rank], self.shard.safe[rank])

    def _join(self, push: Push, grads: Sequence[Host]) -> None:
        """Take part in a round, and wait for its end."""
        mine = self._round
        for other, _ in mine.pushes.values():
            if other.keys != push.keys and other.rank != push.rank:
                raise ValueError(
                    f"worker {push.rank} has pushed the keys {list(push.keys)} as its push {push.number}, but worker "
                    f"{other.rank} {list(other.keys)}: synchronous workers push the same keys in the same order"
                )
        if not self._busy:
            mine.pushes[push.rank] = (push, grads)
            if len(mine.pushes) == self.job.workers:
                self._close(mine)
        self._wait(
            lambda: mine.is_over,
            lambda: names([rank for rank in range(self.job.workers) if rank not in mine.pushes]) or "the update",
        )
        if mine.error is not None:
            raise mine.error

    def _close(self, closing: _Round) -> None:
        """Make the update of a round of which all pushes are there."""
        every = [closing.pushes[rank] for rank in range(self.job.workers)]
        first = every[0][0]
        self._busy = True
        self._turn.release()  # what others ask meanwhile must not wait for other servers
        try:
            if self.job.servers > 1:
                self._meet(first.number, "commit", range(self.job.servers), None)
            self.shard.apply([push for push, _ in every], [grads for _, grads in every], self._folding(first))
            done = True
        except _GoingBackError:
            done = False
        except Exception as error:  # an optimizer may raise anything, and each worker is told
            closing.error, done = error, False
        finally:
            self._turn.acquire()
            closing.is_over, self._busy, self._round = True, False, _Round()
            if done:
                self._updated()
            self._turn.notify_all()

    def _updated(self) -> None:
        if self._folder is not None and self.shard.updates % self.job.interval == 0:
            self._save()

    def _save(self) -> None:
        if self._folder is not None:
            self.shard.write(self._folder)

    # --- other servers -----------------------------------------------------------------------------------------------

    def _folding(self, push: Push) -> Callable[[Any], Any] | None:
        """Return what combines reductions over all parameters of a push, if other servers have some of them."""
        if len(push.among) < 2:
            return None
        stage = 0

        def folding(contributions: Any) -> Any:
            nonlocal stage
            stage += 1
            return self._meet(push.number, f"reduction {stage}", push.among, (list(push.places), list(contributions)))

        return folding

    def _meet(self, number: int, stage: str, among: Sequence[int], payload: Any) -> Any:
        """Return what the coordinator makes of the contributions of several servers."""
        deadline = time.monotonic() + self.job.timeout
        others = [one for one in among if one != self.index]
        while True:
            missing = others
            if self._is_going_back:
                raise _GoingBackError
            try:
                arguments = (self.index, number, stage, list(among), payload, 1.0)
                found, missing = self._call(self.job.coordinator, "meet", *arguments, timeout=5.0)
            except TimeoutError:
                found = None
            for other in others if found is None else ():  # the coordinator may have been restarted
                try:
                    found = found or self._call(self.job.server(other), "met", number, stage, timeout=0.5)
                except TimeoutError:
                    continue
            if found is not None:
                self._met[number, stage] = found
                for old in list(self._met)[:-KEPT]:
                    del self._met[old]
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"server {self.index} has waited {self.job.timeout:g} s for {names(missing, 'server')} in round "
                    f"{number}"
                )

    def met(self, number: int, stage: str) -> Any:
        """Return the result of a meeting, or None."""
        return self._met.get((number, stage))

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _check_there(self) -> None:
        if self._is_lost:
            raise Lost(
                f"server {self.index} of job {self.job.name!r} was lost, and its weights with it: to survive that, "
                "pass checkpoint=folder and interval=1, or more, to mx.kv.create; start again with another job"
            )

    def _wait(self, condition: Callable[[], bool], what: Callable[[], str]) -> None:
        """Wait for a condition.

        Raises:
            TimeoutError: it has not come true.
        """
        self._check_there()
        if not self._turn.wait_for(condition, self.job.timeout):
            raise TimeoutError(
                f"server {self.index} of job {self.job.name!r} has waited {self.job.timeout:g} s for {what()}"
            )

    def status(self) -> dict[str, Any]:
        """Return where the server stands."""
        shard = self.shard
        return {
            "pid": os.getpid(),
            "updates": shard.updates,
            "seen": dict(shard.seen),
            "keys": list(shard.weights),
            "staleness": dict(shard.staleness),
        }
