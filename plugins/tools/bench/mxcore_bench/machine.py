"""The machine on which measurements were taken."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mxcore import kernel

__all__ = ["available_memory", "describe", "line"]

_TAKING_PART = (
    *("mxcore", "numpy", "llvmlite", "ml-dtypes", "cupy-cuda12x", "cupy-cuda13x"),
    *("torch", "jax", "optax", "thinc", "deepspeed"),
)


def describe(gpu: str | None = None) -> dict[str, Any]:
    """Describe the processor, system, versions, kernel and date.

    Args:
        gpu: the model of the GPU, if the arrays are on one.
    """
    return {
        "cpu": _cpu(),
        "gpu": gpu,
        "cores": os.cpu_count(),
        "memory_available_bytes": available_memory(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "os": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _TAKING_PART},
        "kernel": kernel.in_use(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def line(machine: dict[str, Any]) -> str:
    """Return the same in a line, for tables and plots."""
    versions = [f"{name} {found}" for name, found in machine["versions"].items() if found]
    cores = f"{machine['cores']} core{'' if machine['cores'] == 1 else 's'}"
    gpu = f", {machine['gpu']}" if machine.get("gpu") else ""
    return f"{machine['cpu']}, {cores}{gpu}, Python {machine['python']}, {', '.join(versions)}; {machine['date'][:10]}"


def _cpu() -> str:
    """Return the model of the processor, as reported by the system."""
    models = (text.partition(":")[2].strip() for text in _lines("/proc/cpuinfo") if text.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def available_memory() -> int | None:
    """Return how many bytes are available without swapping, or None if the system does not tell."""
    for text in _lines("/proc/meminfo"):
        name, _, value = text.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
