"""The report of ``mxcore doctor``, from metadata and from what was tried."""

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
    """Return the installed records other than the core's own commands, which are not plugins."""
    return [record for record in catalogue.survey() if record.distribution != CORE]


def tasks() -> list[Task]:
    """Return what to try: the kernel, the array libraries, and every plugin that can be asked for.

    Names with the same target are aliases, and are tried once.
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
    """Describe this environment as JSON values; ``problems`` lists what you need to fix.

    Args:
        tried: the answers to :func:`tasks`, by label; anything without an answer is described from metadata.
    """
    records = _plugins()
    kernel = _kernel(tried.get("kernel"))
    backends = [_backend(name, tried.get(name)) for name in LIBRARIES]
    plugins = [_plugin(record, tried.get(_key(record))) for record in records]
    switches = [_switch(name, records) for name in sorted(os.environ) if name.startswith("MXCORE_")]
    problems = [part.pop("problem", None) for part in (kernel, *backends, *plugins, *switches)]
    faults = [catalogue.fault(record, records) for record in records if record.status != "blocked"]
    damaged = [f"{why}. Reinstall or remove what this folder belongs to" for why in catalogue.unreadable()]
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
        advice = "no kernel works: {reason}. MXCORE_KERNEL=numpy needs nothing but NumPy"
        found = {"name": "none", **_outcome(answer, advice.format)}
    else:
        name = os.environ.get("MXCORE_KERNEL") or ("llvm" if importlib.util.find_spec("llvmlite") else "numpy")
        found = {"name": name, "status": "not tried", "reason": ""}
    return {**found, "threads": threads_of(found["name"])}


def _backend(name: str, answer: Answer | None) -> dict[str, Any]:
    if answer:
        advice = f"{name} is installed but broken: {{reason}}. Reinstall or uninstall it"
        return {"name": name, **_outcome(answer, advice.format)}
    is_there = importlib.util.find_spec(name)
    status, reason = ("not tried", "it is installed") if is_there else ("unavailable", "it is not installed")
    return {"name": name, "status": status, "reason": reason}


def _plugin(record: catalogue.Record, answer: Answer | None) -> dict[str, Any]:
    """Return a record, updated with the result of importing it."""
    found = _outcome(answer, lambda reason: str(catalogue.broken(record, reason))) if answer else {}
    return {**attrs.asdict(record), "hooks": [], **found, "seconds": answer and answer.seconds}


def _outcome(answer: Answer, problem: Callable[..., str]) -> dict[str, Any]:
    """Return the outcome of a task; if what was tried is broken, include the ``problem`` for its reason."""
    found = {"status": "broken", "reason": answer.failure} if answer.failure else answer.value
    return {"problem": problem(reason=found["reason"]), **found} if found.get("status") == "broken" else found


def _hooks(plugins: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the plugins that implement each hook."""
    taking: dict[str, list[str]] = {}
    for plugin in plugins:
        for hook in plugin["hooks"]:
            taking.setdefault(hook, []).append(f"{plugin['distribution']}:{plugin['name']}")
    return dict(sorted(taking.items()))


def _switch(name: str, records: Sequence[catalogue.Record]) -> dict[str, Any]:
    """Describe an environment variable of mxcore, and which of its names match nothing."""
    value = os.environ[name]
    switch: dict[str, Any] = {"name": name, "value": value, "reason": ""}
    if name not in SWITCHES:
        close = closest(name, SWITCHES, 1)
        hint = f": did you mean {close[0]}?" if close else f": the variables are {', '.join(SWITCHES)}"
        return switch | {"reason": "not a variable of mxcore", "problem": f"{name} is not a variable of mxcore{hint}"}
    if name in _LISTS:
        installed = {record.distribution for record in records}
        absent = [one for one in map(catalogue.canonical, value.split(",")) if one and one not in installed]
        switch["reason"] = f"{', '.join(absent)}: not installed" if absent else ""
    return switch
