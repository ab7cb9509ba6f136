"""The worker's side of pushes: to the servers, and again to one that has gone back to a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import ray

from mxcore.backend import Host
from mxcore.kvstore import Key
from mxcore_kvstore_ray.calls import PAUSE, Calls
from mxcore_kvstore_ray.records import Job, Lost, Push, Reply

SECOND = 1.0
"""Seconds between two looks at servers that had all pushes, while others are waited for."""
PATIENCE = 2.0
"""Seconds after which a server that is behind has lost pushes, which are not on their way."""


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
        self._safe = [0] * job.servers
        self._pool = ThreadPoolExecutor(job.servers) if job.servers > 1 else None

    def hello(self) -> int:
        """Return how many pushes of this worker all servers have.

        If a server has gone back to a checkpoint, and needs pushes that were lost with this worker, all go back there.
        """
        if self.job.synchronous and self.job.checkpoint is not None and self.job.servers > 1:
            self._settle()
        replies: list[Reply] = self.on_all(lambda server: self._ask(server, "hello", self.rank))
        return min(reply.seen for reply in replies)

    def _settle(self) -> None:
        """Wait until all servers have made the same updates, or let them go back to a checkpoint that all have."""
        deadline = time.monotonic() + PATIENCE
        while True:
            places: list[tuple[int, bool]] = self.on_all(lambda server: self._ask(server, "place"))
            updates, busy = {one for one, _ in places}, [one for _, one in places]
            if len(updates) == 1 and not any(busy):
                return
            if time.monotonic() > deadline and not all(busy):
                break
            time.sleep(PAUSE)
        common: int | None = self._ask(0, "common")
        if common is None:
            raise Lost(f"the servers of job {self.job.name!r} have no checkpoint in common: start with another job")
        self.on_all(lambda server: self._ask(server, "go_back", common))

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
        self._delivering(lambda server: self.deliver(server, number), number)
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

        return self._delivering(pulled, self.number)

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
            self._safe[server] = reply.safe
            for old in [one for one in kept if one <= min(self._safe)]:  # all servers may go back together
                del kept[old]
            wanted = reply.seen + 1
        if self.job.checkpoint is None:
            kept.clear()

    def catch_up(self) -> None:
        """Deliver what a server lacks because it has gone back to a checkpoint."""
        self._delivering(lambda server: self._catch_up(server, self.number), self.number)

    def _catch_up(self, server: int, number: int) -> None:
        seen, _ = self._ask(server, "pull", self.rank, 0, [])
        if seen < number:
            self.deliver(server, number)

    def _delivering(self, function: Callable[[int], Any], number: int) -> list[Any]:
        """Call a function for each server, and again and again let those that are done catch up until all are done.

        A server may go back to a checkpoint although it had all pushes, as another server had to, which now waits for
        other workers, which wait for the first.
        """
        again = None if self.job.checkpoint is None else lambda server: self._catch_up(server, number)
        return self.on_all(function, again)

    def on_all(self, function: Callable[[int], Any], again: Callable[[int], Any] | None = None) -> list[Any]:
        """Call a function for each server, at the same time; the first error is raised at once.

        Args:
            function: called with the number of a server.
            again: called each second for the servers that are done, until all are.
        """
        if self._pool is None:
            return [function(0)]
        first = running = [self._pool.submit(function, server) for server in range(self.job.servers)]
        while True:
            done, waiting = wait(running, None if again is None else SECOND, FIRST_EXCEPTION)
            for one in done:
                one.result()
            if not waiting:
                return [one.result() for one in first]
            if again is not None:
                running = [
                    self._pool.submit(again, server) if one in done else one for server, one in enumerate(running)
                ]

    def _ask(self, server: int, method: str, *arguments: Any) -> Any:
        return self._call(self.job.server(server), method, *arguments)
