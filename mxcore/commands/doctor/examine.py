"""What is tried in a process of its own: plugins, array libraries and the kernel, each in the way it is used."""

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
    """Call a function, print what comes of it and how long it took as JSON, and end the process.

    A process that is killed by a signal, or that takes longer than it may, says on the error stream where it was.

    Args:
        function: where the function is, as ``module:name``.
        argument: the function's argument, as JSON.
        seconds: how long it may take.
    """
    with contextlib.suppress(ImportError):  # where there are no limits to set
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no core file
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a plugin prints, it is no answer
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    start = time.perf_counter()
    answer = _outcome(call, json.loads(argument))
    answers.write(json.dumps([answer, time.perf_counter() - start]))
    answers.flush()
    os._exit(0)  # threads that a plugin left behind are waited for by nobody


def _outcome(call: Callable[[Any], Any], argument: Any) -> Any:
    """What a call returns; or, where it raises an error, what that says of the thing that was tried."""
    try:
        return call(argument)
    except BackendError as error:
        return {"status": "unavailable", "reason": str(error)}
    except catalogue.BrokenPluginError as error:
        return {"status": "broken", "reason": error.cause, "problem": str(error)}
    except BaseException as error:  # whatever a stranger's code raises, KeyboardInterrupt too
        return {"status": "broken", "reason": f"{type(error).__name__}: {error}".removesuffix(": ")}


def plugin(fields: dict[str, str]) -> dict[str, list[str]]:
    """Use a plugin as the core would, and list the hooks it implements; the fields are those of its record."""
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
            raise catalogue.broken(record, "it is no click command")
    return {}


def backend(name: str) -> dict[str, str]:
    """Use the first device of an array library that the core knows."""
    return {"status": "ok", "reason": _use(get_backend(name))}


def _use(used: Any) -> str:
    with used.on(0):
        return f"{used.xp.__name__} {used.xp.__version__}"


def kernel(_: object) -> dict[str, str]:
    """Find out which kernel updates run on, and see that code can be compiled for it."""
    name = mx.kernel.in_use()
    if name == "llvm":
        from mxcore.native import compile as machine

        machine.compile_ir("define void @nothing() { ret void }")
    if chosen := os.environ.get("MXCORE_KERNEL"):
        reason = f"MXCORE_KERNEL={chosen}"
    elif "llvm" in emitters.available():
        reason = f"llvmlite {version('llvmlite')} is installed"
    else:
        reason = f"llvmlite is not installed; with it updates are faster: {catalogue.how_to_install('mxcore[jit]')}"
    return {"name": name, "status": "ok", "reason": reason}
