"""Call functions in processes of their own, so that a hang or crash is just another answer."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

# Set the paths of this process first, so that both find the same modules.
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from mxcore.commands.doctor.examine import main
main(*sys.argv[2:])
"""
_GRACE = 5.0  # to start Python, and for a process to print where it hangs


@attrs.frozen
class Task:
    """A call: the function, as ``module:name``, and its argument. Argument and result must be serialisable as JSON."""

    label: str
    function: str
    argument: Any = None


@attrs.frozen
class Answer:
    """What a function returned and how many seconds it took; or, if it did not return, why."""

    value: Any = None
    seconds: float | None = None
    failure: str = ""


def answers(tasks: Sequence[Task], timeout: float, at_once: int) -> Iterator[tuple[Task, Answer]]:
    """Yield the answers to all tasks as they arrive.

    Args:
        tasks: the calls.
        timeout: the time limit of each call, in seconds.
        at_once: how many processes run at the same time.
    """
    waiting, running = deque(tasks), list[_Process]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_Process(waiting.popleft(), timeout))
            for process in [process for process in running if process.is_over()]:
                running.remove(process)
                yield process.task, process.answer()
            time.sleep(0.01)
    finally:  # even if the caller stops iterating
        for process in running:
            process.kill()
            process.wait()
            process.answer()


class _Process(subprocess.Popen[bytes]):
    def __init__(self, task: Task, timeout: float) -> None:
        self.task, self.timeout = task, timeout
        # Files, not pipes: a pipe stays open as long as any child of the process runs.
        self.output, self.complaints = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - until read
        arguments = [json.dumps(sys.path), task.function, json.dumps(task.argument), str(timeout)]
        command = [sys.executable, "-c", _PROGRAM, *arguments]
        super().__init__(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.complaints)
        self.deadline = time.monotonic() + timeout + _GRACE

    def is_over(self) -> bool:
        if time.monotonic() > self.deadline:
            self.kill()
        return self.poll() is not None

    def answer(self) -> Answer:
        printed, errors = self._read(self.output), self._read(self.complaints)
        return Answer(*json.loads(printed)) if printed else Answer(failure=self._failure(errors))

    def _read(self, file: Any) -> str:
        with file:
            file.seek(0)
            return str(file.read().decode("utf-8", "replace"))

    def _failure(self, errors: str) -> str:
        status, where = self.returncode, _where(errors)
        if time.monotonic() > self.deadline or "Timeout (" in errors:
            return f"importing it takes longer than {self.timeout:g} s{where}"
        if status < 0:
            return f"importing it kills the process with {signal.Signals(-status).name}{where}"
        said = errors.strip().rpartition("\n")[2]
        return f"importing it ends the process with exit status {status}" + f": {said}" * bool(said)


def _where(errors: str) -> str:
    """Return where a process was, from the fault handler's traceback: the innermost frame outside Python's library."""
    _, found, stack = errors.rpartition("(most recent call first):")
    places = re.findall(r'File "([^"<]+)", line (\d+)', stack) if found else []
    library = str(Path(signal.__file__).parent)
    own = [place for place in places if not place[0].startswith(library) or "site-packages" in place[0]]
    file, line = (own or places or [("", "")])[0]
    return f" ({file}, line {line})" if file else ""
