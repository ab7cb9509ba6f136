"""What runs in a process of its own: one function, whose answer goes to the standard output."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import sys
import time

__all__ = ["main"]


def main(function: str, argument: str, seconds: str) -> None:
    """Call a function, print what it returns and how long it took as JSON, and end the process.

    A process that is killed by a signal, or that takes longer than it may, says on the error stream where it was.

    Args:
        function: where the function is, as ``module:name``.
        argument: the function's argument, as JSON.
        seconds: how long it may take.
    """
    _leave_no_core_file()
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a plugin prints, it is no answer
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    start = time.perf_counter()
    answer = call(json.loads(argument))
    answers.write(json.dumps([answer, time.perf_counter() - start]))
    answers.flush()
    os._exit(0)  # threads that a plugin left behind are waited for by nobody


def _leave_no_core_file() -> None:
    with contextlib.suppress(ImportError):  # where there are no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
