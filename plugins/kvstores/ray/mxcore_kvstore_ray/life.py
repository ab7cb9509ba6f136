"""A worker's signs of life, by which no other process can be the same worker."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable

from mxcore_kvstore_ray.calls import Calls
from mxcore_kvstore_ray.records import Job

PERIOD = 0.5
"""Seconds between two signs of life."""


class Life:
    """Says that a worker is there, from a thread of its own.

    Args:
        job: the job.
        rank: the worker.
        barriers: returns to how many barriers it has come.
    """

    def __init__(self, job: Job, rank: int, barriers: Callable[[], int]) -> None:
        self._job, self._rank, self._barriers = job, rank, barriers
        self._call, self._token = Calls(job.timeout), secrets.token_hex(8)
        self._where = f"process {os.getpid()} on {socket.gethostname()}"
        self._ended = threading.Event()
        self.is_replaced = False
        """Whether another process has taken this one's place."""
        self._call(job.coordinator, "join", rank, self._token, self._where, job)
        self._thread = threading.Thread(target=self._run, name="mxcore-kvstore-life", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(PERIOD):
            try:
                arguments = (self._rank, self._token, self._where, self._barriers())
                self.is_replaced = not self._call(self._job.coordinator, "alive", *arguments, timeout=PERIOD)
            except Exception:  # the coordinator may be lost for a while, or the cluster gone
                continue

    def end(self) -> None:
        """Stop, and let another process be this worker."""
        self._ended.set()
        self._thread.join(2 * PERIOD)
        self._call.once(self._job.coordinator, "leave", self._rank, self._token, timeout=2 * PERIOD)
