"""Processes that run the same program with a rank of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

__all__ = ["Workers"]

GRACE = 5.0
"""How many seconds a process has to end by itself."""
_POLL = 0.05


class Workers:
    """Runs a program in several processes, whose output is passed on line by line with the rank in front.

    Each has the variables ``MXCORE_RANK`` and ``MXCORE_NUM_WORKERS`` in its environment, which stores read.

    >>> import sys
    >>> workers = Workers([sys.executable, "-c", "import os; os.environ['MXCORE_RANK'] == '1' and exit(3)"], 2)
    >>> workers.run()
    3

    Args:
        program: the program and its arguments.
        number: how many processes there are.
        environment: further variables.
        restarts: how often each of them is started again after it has failed.
    """

    def __init__(
        self, program: Sequence[str], number: int, environment: Mapping[str, str] | None = None, restarts: int = 0
    ) -> None:
        self.program, self.number = list(program), number
        self.environment = {**os.environ, **(environment or {})}
        self.restarts = [restarts] * number
        self._lock = threading.Lock()
        self._readers: list[threading.Thread] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self) -> int:
        """Run all of them until they have ended; once one has failed for good, end the others.

        Returns:
            0, or the status of the first one that failed; as in a shell, 128 + the number if a signal ended it.
        """
        status = 0
        try:
            self._processes = [self._started(rank) for rank in range(self.number)]
            status = self._watch()
        finally:
            self._end()
            for reader in self._readers:
                reader.join(GRACE)
        return status

    def _started(self, rank: int) -> subprocess.Popen[bytes]:
        own = {"MXCORE_RANK": str(rank), "MXCORE_NUM_WORKERS": str(self.number), "PYTHONUNBUFFERED": "1"}
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(self.program, env={**self.environment, **own}, **pipes)
        for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            reader = threading.Thread(target=self._pass_on, args=(rank, source, target), daemon=True)
            reader.start()
            self._readers.append(reader)
        return process

    def _pass_on(self, rank: int, source: IO[bytes], target: IO[str]) -> None:
        with source:
            for line in source:
                with self._lock:
                    target.write(f"[{rank}] {line.decode(errors='replace').rstrip()}\n")
                    target.flush()

    def _watch(self) -> int:
        running = dict(enumerate(self._processes))
        while running:
            for rank, process in list(running.items()):
                if (code := process.poll()) is None:
                    continue
                if code and self.restarts[rank]:
                    self.restarts[rank] -= 1
                    self._say(f"worker {rank} ended with {_described(code)}: it is started again")
                    running[rank] = self._processes[rank] = self._started(rank)
                elif code:
                    others = len(running) - 1
                    self._say(
                        f"worker {rank} ended with {_described(code)}" + (": the others are ended" * bool(others))
                    )
                    return code if code > 0 else 128 - code
                else:
                    del running[rank]
            time.sleep(_POLL)
        return 0

    def _say(self, message: str) -> None:
        with self._lock:
            sys.stderr.write(f"mxcore launch: {message}\n")
            sys.stderr.flush()

    def _end(self) -> None:
        """End what still runs: with a request first, and then by force."""
        left = [process for process in self._processes if process.poll() is None]
        for process in left:
            process.terminate()
        until = time.monotonic() + GRACE
        for process in left:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _described(code: int) -> str:
    """Return a status in words."""
    if code >= 0:
        return f"status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
