"""The checks that run in their own process: plugins, array libraries and the kernel, each as it is really used."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import mxcore as mx
from mxcore import catalogue
from mxcore.backend import BackendError, get_backend
from mxcore.native import emitters


def main(function: str, argument: str, seconds: str) -> None:
    """Call a function, print its result and how long it took as JSON, and end the process.

    A process that a signal kills, or that exceeds the time limit, prints to stderr where it was.

    Args:
        function: the function, as ``module:name``.
        argument: the function's argument, as JSON.
        seconds: the time limit.
    """
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no core file
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins print must not mix with the answer
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    start = time.perf_counter()
    answer = _outcome(call, json.loads(argument))
    answers.write(json.dumps([answer, time.perf_counter() - start]))
    answers.flush()
    os._exit(0)  # without waiting for threads that a plugin has started


def _outcome(call: Callable[[Any], Any], argument: Any) -> Any:
    """Return the result of a call, or if it raises, what the error says about what was tried."""
    try:
        return call(argument)
    except BackendError as error:
        return {"status": "unavailable", "reason": str(error)}
    except catalogue.BrokenPluginError as error:
        return {"status": "broken", "reason": error.cause, "problem": str(error)}
    except BaseException as error:  # plugins may raise anything, even KeyboardInterrupt
        return {"status": "broken", "reason": f"{type(error).__name__}: {error}".removesuffix(": ")}


def plugin(fields: dict[str, str]) -> dict[str, list[str]]:
    """Load a plugin as the core would, and return fields for its record, including the hooks that it implements."""
    record = catalogue.Record(**fields)  # type: ignore[arg-type]
    if record.kind == "hook":
        return {"hooks": mx.hooks.implemented(record)}
    if record.kind in catalogue.ALGORITHMS:
        getattr(mx, record.kind).registry.load(record)
        return {}
    loaded = catalogue.load_record(record)
    if record.kind == "backend":
        _use(loaded())
    elif record.kind == "command":
        from click import Command

        if not isinstance(loaded, Command):
            raise catalogue.broken(record, "it is not a click command")
    return {}


def backend(name: str) -> dict[str, str]:
    """Use the first device of an array library that the core supports."""
    return {"status": "ok", "reason": _use(get_backend(name))}


def _use(used: Any) -> str:
    with used.on(0):
        return f"{used.xp.__name__} {used.xp.__version__}"


def kernel(_: object) -> dict[str, str]:
    """Find out which kernel updates run on, and check that it can compile code."""
    name = mx.kernel.in_use()
    if name == "llvm":
        from mxcore.native import compile as machine

        machine.compile_ir("define void @nothing() { ret void }")
    if chosen := os.environ.get("MXCORE_KERNEL"):
        reason = f"MXCORE_KERNEL={chosen}"
    elif "llvm" in emitters.available():
        reason = f"llvmlite {version('llvmlite')} is installed"
    else:
        reason = f"llvmlite is not installed; it makes updates faster: {catalogue.how_to_install('mxcore[jit]')}"
    return {"name": name, "status": "ok", "reason": reason}
