"""The actor at which workers and servers meet."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.kvstore import Key
from mxcore.state.atomic import write_atomically
from mxcore_kvstore_ray.records import Job, Layout

GRACE = 3.0
"""Seconds without a sign of life after which another process may take a worker's place."""


class Coordinator:
    """Knows the workers of a job, on which server each key is, who waits at a barrier, and sums over all parameters.

    Its calls may be repeated. What it must not forget is in a small file beside the checkpoints.

    Args:
        job: the job.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._turn = threading.Condition()
        self._members: dict[int, tuple[str, str, float]] = {}
        self._placed: dict[Key, tuple[int, Layout]] = {}
        self._loads = [0] * job.servers
        self._arrived = dict.fromkeys(range(job.workers), 0)
        self._contributions: dict[tuple[int, str], dict[int, Any]] = {}
        self._results: dict[tuple[int, str], Any] = {}
        self._file = None if job.checkpoint is None else Path(job.checkpoint) / f"{job.name}-coordinator.json"
        if self._file is not None and self._file.exists():
            for key, server, shape, *rest in json.loads(self._file.read_bytes())["placed"]:
                self._place(key, server, Layout(tuple(shape), *rest))

    # --- workers -----------------------------------------------------------------------------------------------------

    def join(self, rank: int, token: str, where: str, job: Job) -> None:
        """Let a process be a worker.

        Args:
            rank: the number of the worker.
            token: a random string that is the process's own.
            where: the process, for messages.
            job: what it takes for the settings of the job.

        Raises:
            ValueError: its settings are others, there is no such worker, or another process is that worker.
        """
        if difference := self.job.difference(job):
            raise ValueError(f"worker {rank} has other settings than the job {self.job.name!r}: {difference}")
        if not 0 <= rank < self.job.workers:
            raise ValueError(f"rank must be in [0, {self.job.workers}), as num_workers says, got {rank}")
        with self._turn:
            asked = time.monotonic()
            while (held := self._members.get(rank)) is not None and held[0] != token:
                if held[2] > asked:
                    raise ValueError(f"worker {rank} of job {self.job.name!r} is running already: {held[1]}")
                if time.monotonic() > held[2] + GRACE:
                    break
                self._turn.wait(0.2)
            self._members[rank] = (token, where, time.monotonic())

    def alive(self, rank: int, token: str, where: str, barriers: int) -> bool:
        """Take a sign of life of a worker, and to how many barriers it has come; return whether it still is one."""
        with self._turn:
            held = self._members.get(rank)
            if held is not None and held[0] != token:
                return False
            self._members[rank] = (token, where, time.monotonic())
            self._arrived[rank] = max(self._arrived[rank], barriers)  # lost if the coordinator was
            self._turn.notify_all()
            return True

    def leave(self, rank: int, token: str) -> None:
        """Forget a process that is no worker any more."""
        with self._turn:
            if rank in self._members and self._members[rank][0] == token:
                del self._members[rank]

    def barrier(self, rank: int, number: int, wait: float) -> list[int]:
        """Note that a worker has come to its nth barrier; return those who have not after some seconds."""
        with self._turn:
            self._arrived[rank] = max(self._arrived[rank], number)
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._behind(number), wait)
            return self._behind(number)

    def _behind(self, number: int) -> list[int]:
        return [rank for rank, arrived in self._arrived.items() if arrived < number]

    # --- keys --------------------------------------------------------------------------------------------------------

    def place(self, rank: int, keys: Sequence[Key], layouts: Sequence[Layout]) -> list[int]:
        """Return the server of each key; new keys, which worker 0 names first, go where there is least.

        Raises:
            ValueError: a key has another shape or dtype.
            TimeoutError: worker 0 has not named a key.
        """
        with self._turn:
            if rank == 0:
                new = [place for place, key in enumerate(keys) if key not in self._placed]
                for place in sorted(new, key=lambda place: -layouts[place].size):
                    self._place(keys[place], self._loads.index(min(self._loads)), layouts[place])
                if new:
                    self._save()
                self._turn.notify_all()
            if not self._turn.wait_for(lambda: all(key in self._placed for key in keys), self.job.timeout):
                missing = [key for key in keys if key not in self._placed]
                raise TimeoutError(f"worker 0 has not initialized key {missing[0]!r} within {self.job.timeout:g} s")
            for key, layout in zip(keys, layouts, strict=True):
                if (known := self._placed[key][1]) != layout:
                    raise ValueError(f"key {key!r} has {known} in the store, but worker {rank} has {layout}")
            return [self._placed[key][0] for key in keys]

    def _place(self, key: Key, server: int, layout: Layout) -> None:
        self._placed[key] = (server, layout)
        self._loads[server] += layout.size

    def _save(self) -> None:
        if self._file is not None:
            placed = [[key, server, *layout] for key, (server, layout) in self._placed.items()]
            write_atomically(self._file, json.dumps({"placed": placed}).encode())

    # --- servers -----------------------------------------------------------------------------------------------------

    def meet(
        self, server: int, number: int, stage: str, among: Sequence[int], payload: Any, wait: float
    ) -> tuple[Any, list[int]]:
        """Combine what servers contribute to a round.

        Args:
            server: who contributes.
            number: the round.
            stage: what for, such as the first reduction of an update.
            among: the servers that contribute.
            payload: the places of parameters in the push, and what each contributes; None if it only waits for others.
            wait: how many seconds to wait.

        Returns:
            The result, None if it is not there yet, and the servers that are missing.
        """
        place = (number, stage)
        with self._turn:
            if place not in self._results:
                given = self._contributions.setdefault(place, {})
                given[server] = payload
                if not [one for one in among if one not in given]:
                    self._results[place] = _combined(list(given.values()))
                    del self._contributions[place]
                    self._forget(number)
                self._turn.notify_all()
            self._turn.wait_for(lambda: place in self._results, wait)
            if place in self._results:
                return self._results[place], []
            return None, [one for one in among if one not in self._contributions.get(place, {})]

    def _forget(self, number: int) -> None:
        """Forget the rounds that every server has in a checkpoint."""
        oldest = number - 2 * max(self.job.interval, 1)
        for old in [place for place in self._results if place[0] < oldest]:
            del self._results[old]

    def status(self) -> dict[str, Any]:
        """Return what it knows, for tests and error reports."""
        with self._turn:
            return {"pid": os.getpid(), "workers": sorted(self._members), "keys": len(self._placed)}


def _combined(payloads: list[Any]) -> Any:
    """Return the totals of reductions over all parameters, added in the order of the keys of the push."""
    given = [payload for payload in payloads if payload is not None]
    if not given:
        return True
    order = np.argsort(np.concatenate([places for places, _ in given]))
    every = []
    for parts in zip(*(contributions for _, contributions in given), strict=True):
        totals = np.concatenate([part.totals for part in parts])[order]
        counts = np.concatenate([part.counts for part in parts])[order]
        every.append(mx.kernel.Contribution(parts[0].name, totals, counts))
    return mx.kernel.folded(every)
