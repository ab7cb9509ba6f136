"""The report of ``mxcore doctor``: what there is, from metadata and from what was tried."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mxcore import catalogue, version
from mxcore.backend import LIBRARIES
from mxcore.catalogue.hints import closest
from mxcore.catalogue.record import CORE
from mxcore.commands.doctor.processes import Answer, Task
from mxcore.native.emitters import threads_of

SWITCHES = ("MXCORE_BLOCK", "MXCORE_KERNEL", "MXCORE_PLUGINS", "MXCORE_PREFER", "MXCORE_STRICT_PLUGINS")
_LISTS = {"MXCORE_BLOCK", "MXCORE_PLUGINS", "MXCORE_PREFER"}


def _plugins() -> list[catalogue.Record]:
    """What is installed beside the core, whose own commands are no plugins."""
    return [record for record in catalogue.survey() if record.distribution != CORE]


def tasks() -> list[Task]:
    """What is to be tried: the kernel, the array libraries, and every plugin that could be asked for.

    Names of one target are aliases, and tried once.
    """
    usable = {_key(record): record for record in _plugins() if record.status in ("ok", "duplicate")}
    return [
        Task("kernel", "mxcore.commands.doctor.examine:kernel"),
        *(Task(name, "mxcore.commands.doctor.examine:backend", name) for name in LIBRARIES),
        *(Task(key, "mxcore.commands.doctor.examine:plugin", attrs.asdict(record)) for key, record in usable.items()),
    ]


def _key(record: catalogue.Record) -> str:
    return f"{record.kind} {record.target} of {record.distribution}"


def report(tried: Mapping[str, Answer]) -> dict[str, Any]:
    """What there is in this environment, fit for JSON, and under ``problems`` what needs somebody to do something.

    Args:
        tried: the answers to :func:`tasks`, by label; what has none is described from metadata.
    """
    records = _plugins()
    kernel = _kernel(tried.get("kernel"))
    backends = [_backend(name, tried.get(name)) for name in LIBRARIES]
    plugins = [_plugin(record, tried.get(_key(record))) for record in records]
    switches = [_switch(name, records) for name in sorted(os.environ) if name.startswith("MXCORE_")]
    problems = [part.pop("problem", None) for part in (kernel, *backends, *plugins, *switches)]
    faults = [catalogue.fault(record, records) for record in records if record.status != "blocked"]
    damaged = [f"{why}. Install again, or remove, what this folder belongs to" for why in catalogue.unreadable()]
    return {
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "core": {"version": version.__version__, "folder": str(Path(version.__file__).parent)},
        "kernel": kernel,
        "backends": backends,
        "plugins": plugins,
        "hooks": _hooks(plugins),
        "switches": switches,
        "problems": [*dict.fromkeys(str(problem) for problem in [*problems, *faults, *damaged] if problem)],
    }


def _kernel(answer: Answer | None) -> dict[str, Any]:
    if answer:
        advice = "there is no kernel: {reason}. MXCORE_KERNEL=numpy needs nothing but NumPy"
        found = {"name": "none", **_outcome(answer, advice.format)}
    else:
        name = os.environ.get("MXCORE_KERNEL") or ("llvm" if importlib.util.find_spec("llvmlite") else "numpy")
        found = {"name": name, "status": "not tried", "reason": ""}
    return {**found, "threads": threads_of(found["name"])}


def _backend(name: str, answer: Answer | None) -> dict[str, Any]:
    if answer:
        advice = f"{name} is installed but broken: {{reason}}. Install it again, or uninstall it"
        return {"name": name, **_outcome(answer, advice.format)}
    is_there = importlib.util.find_spec(name)
    status, reason = ("not tried", "it is installed") if is_there else ("unavailable", "it is not installed")
    return {"name": name, "status": status, "reason": reason}


def _plugin(record: catalogue.Record, answer: Answer | None) -> dict[str, Any]:
    """A record, with what became of importing it in the place of what its metadata say."""
    found = _outcome(answer, lambda reason: str(catalogue.broken(record, reason))) if answer else {}
    return {**attrs.asdict(record), "hooks": [], **found, "seconds": answer and answer.seconds}


def _outcome(answer: Answer, problem: Callable[..., str]) -> dict[str, Any]:
    """What a task came to; if what was tried is broken, with the problem that its ``reason`` makes."""
    found = {"status": "broken", "reason": answer.failure} if answer.failure else answer.value
    return {"problem": problem(reason=found["reason"]), **found} if found.get("status") == "broken" else found


def _hooks(plugins: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Who takes part in what, by hook."""
    taking: dict[str, list[str]] = {}
    for plugin in plugins:
        for hook in plugin["hooks"]:
            taking.setdefault(hook, []).append(f"{plugin['distribution']}:{plugin['name']}")
    return dict(sorted(taking.items()))


def _switch(name: str, records: Sequence[catalogue.Record]) -> dict[str, Any]:
    """A variable of the environment, with what it has no effect on."""
    value = os.environ[name]
    switch: dict[str, Any] = {"name": name, "value": value, "reason": ""}
    if name not in SWITCHES:
        close = closest(name, SWITCHES, 1)
        hint = f": did you mean {close[0]}?" if close else f": there are {', '.join(SWITCHES)}"
        return switch | {"reason": "no switch of mxcore", "problem": f"{name} is no switch of mxcore{hint}"}
    if name in _LISTS:
        installed = {record.distribution for record in records}
        absent = [one for one in map(catalogue.canonical, value.split(",")) if one and one not in installed]
        switch["reason"] = f"{', '.join(absent)}: nothing of this name is installed" if absent else ""
    return switch
