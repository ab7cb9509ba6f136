"""Calling functions in processes of their own, so that one that hangs or crashes is an answer like any other."""

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

# The paths of this process come first, so that both find the same; then what runs there is a module like any other.
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from mxcore.commands.doctor.examine import main
main(*sys.argv[2:])
"""
_GRACE = 5.0  # for starting Python, and for a process to say where it hangs


@attrs.frozen
class Task:
    """A call: the function, as ``module:name``, and its argument, which like its result must be fit for JSON."""

    label: str
    function: str
    argument: Any = None


@attrs.frozen
class Answer:
    """What a function returned and how many seconds it took; or, where it did not return, why."""

    value: Any = None
    seconds: float | None = None
    failure: str = ""


def answers(tasks: Sequence[Task], timeout: float, at_once: int) -> Iterator[tuple[Task, Answer]]:
    """The answers of all tasks, as they come in.

    Args:
        tasks: what is to be called.
        timeout: how many seconds a call may take.
        at_once: how many processes run at a time.
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
    finally:  # also when whoever reads this stops
        for process in running:
            process.kill()
            process.wait()
            process.answer()


class _Process(subprocess.Popen[bytes]):
    def __init__(self, task: Task, timeout: float) -> None:
        self.task, self.timeout = task, timeout
        # Files and no pipes: a pipe stays open for as long as what the process itself has started.
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
            return f"importing it does not end within {self.timeout:g} s{where}"
        if status < 0:
            return f"importing it ends the process, by {signal.Signals(-status).name}{where}"
        said = errors.strip().rpartition("\n")[2]
        return f"importing it ends the process, with the exit status {status}" + f": {said}" * bool(said)


def _where(errors: str) -> str:
    """Where a process was, from what the fault handler printed: the innermost place that is not Python's own."""
    _, found, stack = errors.rpartition("(most recent call first):")
    places = re.findall(r'File "([^"<]+)", line (\d+)', stack) if found else []
    library = str(Path(signal.__file__).parent)
    own = [place for place in places if not place[0].startswith(library) or "site-packages" in place[0]]
    file, line = (own or places or [("", "")])[0]
    return f" ({file}, line {line})" if file else ""
