"""The report of ``mxcore doctor``: what there is, from metadata and from what was tried."""

from __future__ import annotations

import difflib
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mxcore import catalogue, version
from mxcore.backend import LIBRARIES
from mxcore.catalogue.record import CORE
from mxcore.commands.doctor.processes import Answer, Task
from mxcore.native.threads import threads_of

__all__ = ["Report", "tasks"]

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


@attrs.frozen
class Report:
    """What there is; each part is a dict that is fit for JSON."""

    python: dict[str, Any]
    core: dict[str, Any]
    kernel: dict[str, Any]
    backends: list[dict[str, Any]]
    plugins: list[dict[str, Any]]
    hooks: dict[str, list[str]]
    switches: list[dict[str, Any]]
    problems: list[str]
    """What needs somebody to do something, each in a sentence that says what."""

    @classmethod
    def of(cls, tried: Mapping[str, Answer]) -> Report:
        """The report on this environment.

        Args:
            tried: the answers to :func:`tasks`, by label; what has none is described from metadata.
        """
        records = _plugins()
        kernel = _kernel(tried.get("kernel"))
        backends = [_backend(name, tried.get(name)) for name in LIBRARIES]
        plugins = [_plugin(record, tried.get(_key(record))) for record in records]
        switches = [_switch(name, records) for name in sorted(os.environ) if name.startswith("MXCORE_")]
        problems = [part.pop("problem", "") for part in (kernel, *backends, *plugins, *switches)]
        faults = [catalogue.fault(record, records) for record in records if record.status != "blocked"]
        return cls(
            python={"version": platform.python_version(), "executable": sys.executable},
            core={"version": version.__version__, "folder": str(Path(version.__file__).parent)},
            kernel=kernel,
            backends=backends,
            plugins=plugins,
            hooks=_hooks(plugins),
            switches=switches,
            problems=[*dict.fromkeys(filter(None, [*problems, *map(str, filter(None, faults))]))],
        )


def _kernel(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        name = os.environ.get("MXCORE_KERNEL") or ("llvm" if importlib.util.find_spec("llvmlite") else "numpy")
        return {"name": name, "status": "not tried", "reason": "", "threads": threads_of(name)}
    found = answer.value or {"name": "none", "status": "broken", "reason": answer.failure}
    if found["status"] == "broken":
        found["problem"] = f"there is no kernel: {found['reason']}. MXCORE_KERNEL=numpy needs nothing but NumPy"
    return {**found, "threads": threads_of(found["name"])}


def _backend(name: str, answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        is_there = importlib.util.find_spec(name)
        status, reason = ("not tried", "it is installed") if is_there else ("unavailable", "it is not installed")
        return {"name": name, "status": status, "reason": reason}
    found = answer.value or {"status": "broken", "reason": answer.failure}
    problem = f"{name} is installed but broken: {found['reason']}. Install it again, or uninstall it"
    return {"name": name, **found, **({"problem": problem} if found["status"] == "broken" else {})}


def _plugin(record: catalogue.Record, answer: Answer | None) -> dict[str, Any]:
    """A record, with what became of importing it in the place of what its metadata say."""
    found = answer or Answer()
    if found.failure:
        problem = str(catalogue.broken(record, found.failure))
        found = attrs.evolve(found, value={"status": "broken", "reason": found.failure, "problem": problem})
    return {**attrs.asdict(record), "hooks": [], **(found.value or {}), "seconds": found.seconds}


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
        close = difflib.get_close_matches(name, SWITCHES, n=1)
        hint = f": did you mean {close[0]}?" if close else f": there are {', '.join(SWITCHES)}"
        return switch | {"reason": "no switch of mxcore", "problem": f"{name} is no switch of mxcore{hint}"}
    if name in _LISTS:
        installed = {record.distribution for record in records}
        absent = [one for one in map(catalogue.canonical, value.split(",")) if one and one not in installed]
        switch["reason"] = f"{', '.join(absent)}: nothing of this name is installed" if absent else ""
    return switch
