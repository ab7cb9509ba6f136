"""What is tried in a process of its own: plugins, array libraries and the kernel, each as whoever uses it would."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

import mxcore as mx
from mxcore import catalogue
from mxcore.backend import BackendError, get_backend
from mxcore.native import emitters as choice

__all__ = ["backend", "kernel", "plugin"]


def plugin(fields: dict[str, str]) -> dict[str, Any]:
    """Import a plugin, and see that it is what its entry point says; the fields are those of its record."""
    record = catalogue.Record(**fields)  # type: ignore[arg-type]
    try:
        return {"hooks": _load(record)}
    except BackendError as error:
        return {"status": "unavailable", "reason": str(error)}
    except catalogue.BrokenPluginError as error:
        return {"status": "broken", "reason": error.cause, "problem": str(error)}
    except BaseException as error:  # whatever a stranger's code raises, KeyboardInterrupt too
        cause = f"{type(error).__name__}: {error}".removesuffix(": ")
        return {"status": "broken", "reason": cause, "problem": str(catalogue.broken(record, cause))}


def _load(record: catalogue.Record) -> list[str]:
    """Use a plugin as the core would; the hooks that it implements."""
    if record.kind in catalogue.ALGORITHMS:
        getattr(mx, record.kind).registry.load(record)
    elif record.kind == "hook":
        return mx.hooks.implemented(record)
    elif record.kind == "backend":
        _use(catalogue.load_record(record)())
    elif record.kind == "command":
        _see_command(record)
    else:
        catalogue.load_record(record)
    return []


def _see_command(record: catalogue.Record) -> None:
    from click import Command

    if not isinstance(catalogue.load_record(record), Command):
        raise catalogue.broken(record, "it is no click command")


def backend(name: str) -> dict[str, str]:
    """Use the first device of an array library that the core knows."""
    try:
        return {"status": "ok", "reason": _use(get_backend(name))}
    except BackendError as error:
        return {"status": "unavailable", "reason": str(error)}
    except Exception as error:  # of a library that is there and cannot be loaded
        return {"status": "broken", "reason": f"{type(error).__name__}: {error}"}


def _use(used: Any) -> str:
    with used.on(0):
        return f"{used.xp.__name__} {used.xp.__version__}"


def kernel(_: object) -> dict[str, str]:
    """Find out which kernel updates run on, and see that code can be compiled for it."""
    try:
        name = mx.kernel.in_use()
        if name == "llvm":
            from mxcore.native import compile as machine

            machine.compile_ir("define void @nothing() { ret void }")
    except Exception as error:  # of a library that is there and cannot be loaded, too
        return {"name": "none", "status": "broken", "reason": f"{type(error).__name__}: {error}"}
    return {"name": name, "status": "ok", "reason": _reason()}


def _reason() -> str:
    if chosen := os.environ.get("MXCORE_KERNEL"):
        return f"MXCORE_KERNEL={chosen}"
    if "llvm" in choice.available():
        return f"llvmlite {version('llvmlite')} is installed"
    return f"llvmlite is not installed; with it updates are faster: {catalogue.how_to_install('mxcore[jit]')}"
