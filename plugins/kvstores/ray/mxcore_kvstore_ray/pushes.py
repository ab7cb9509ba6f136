"""The worker's side of pushes: to the servers, and again to one that has gone back to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import ray

from mxcore.backend import Host
from mxcore.kvstore import Key
from mxcore_kvstore_ray.calls import Calls
from mxcore_kvstore_ray.records import Job, Lost, Push, Reply


class Pushes:
    """The pushes of a worker, kept as long as a server could need them again.

    Args:
        job: the job.
        rank: the worker.
        call: calls actors.
    """

    def __init__(self, job: Job, rank: int, call: Calls) -> None:
        self.job, self.rank, self._call = job, rank, call
        self.number = 0
        """How many pushes were made."""
        self._kept: list[dict[int, tuple[Push, Any]]] = [{} for _ in range(job.servers)]
        self._pool = ThreadPoolExecutor(job.servers) if job.servers > 1 else None

    def hello(self) -> int:
        """Return how many pushes of this worker all servers have."""
        replies: list[Reply] = self.on_all(lambda server: self._ask(server, "hello", self.rank))
        return min(reply.seen for reply in replies)

    def push(self, by_server: Sequence[tuple[Sequence[Key], Sequence[int], Sequence[Host]]]) -> None:
        """Push gradients, and wait until every server has applied them.

        Args:
            by_server: for each server its keys, their places in the push, and their gradients.
        """
        number = self.number + 1
        among = tuple(server for server, (keys, *_) in enumerate(by_server) if keys)
        for server, (keys, places, grads) in enumerate(by_server):
            push = Push(self.rank, number, tuple(keys), tuple(places), among)
            self._kept[server][number] = (push, ray.put(list(grads)))
        self.on_all(lambda server: self.deliver(server, number))
        self.number = number

    def pull(self, keys: Sequence[Sequence[Key]]) -> list[list[Host]]:
        """Return weights that have all pushes of this worker, given the keys on each server."""

        def pulled(server: int) -> list[Host]:
            while keys[server]:
                _, weights = self._ask(server, "pull", self.rank, self.number, list(keys[server]))
                if weights is not None:
                    return list(weights)
                self.deliver(server, self.number)
            return []

        return self.on_all(pulled)

    def deliver(self, server: int, number: int) -> None:
        """Push to one server, with whatever it lacks.

        Raises:
            Lost: it lacks pushes of which nobody has a copy.
        """
        wanted, kept = number, self._kept[server]
        while wanted <= number:
            if wanted not in kept:
                raise Lost(
                    f"server {server} of job {self.job.name!r} has gone back to push {wanted - 1} of worker "
                    f"{self.rank}, which does not have the next one: start all workers again, which goes on from the "
                    "last checkpoint"
                )
            reply: Reply = self._ask(server, "push", *kept[wanted])
            for old in [one for one in kept if one <= reply.safe]:
                del kept[old]
            wanted = reply.seen + 1
        if self.job.checkpoint is None:
            kept.clear()

    def catch_up(self) -> None:
        """Deliver what a server lacks because it has gone back to a checkpoint."""

        def caught_up(server: int) -> None:
            seen, _ = self._ask(server, "pull", self.rank, 0, [])
            if seen < self.number:
                self.deliver(server, self.number)

        self.on_all(caught_up)

    def on_all(self, function: Callable[[int], Any]) -> list[Any]:
        """Call a function for each server, at the same time; the first error is raised at once."""
        if self._pool is None:
            return [function(0)]
        running = [self._pool.submit(function, server) for server in range(self.job.servers)]
        for one in as_completed(running):
            one.result()
        return [one.result() for one in running]

    def _ask(self, server: int, method: str, *arguments: Any) -> Any:
        return self._call(self.job.server(server), method, *arguments)
