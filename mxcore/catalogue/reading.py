"""Read the metadata of everything installed, once and without importing any of it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from mxcore.catalogue.faults import fault
from mxcore.catalogue.record import CORE, GROUPS, Record, canonical
from mxcore.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint
    from pathlib import PurePath

_KINDS = {group: kind for kind, group in GROUPS.items()}
_preferred: list[str] = []


def records(kind: str | None = None) -> tuple[Record, ...]:
    """Return the installed records of one kind or of all, sorted by kind and name, without importing anything.

    >>> import mxcore as mx
    >>> names = [record.name for record in mx.catalogue.records("lr_scheduler")]
    >>> {"cosine", "factor", "multifactor", "poly"} <= set(names)
    True
    >>> mx.catalogue.records("loss")
    Traceback (most recent call last):
        ...
    ValueError: kind must be one of optimizer, initializer, lr_scheduler, backend, ..., got 'loss'

    Raises:
        ValueError: there is no such kind.
        PluginError: ``MXCORE_STRICT_PLUGINS`` is set and one of the records is incompatible or a duplicate.
    """
    if kind is not None and kind not in GROUPS:
        raise ValueError(f"kind must be one of {', '.join(GROUPS)}, got {kind!r}")
    found = survey()
    if strict():
        for record in found:
            if record.status != "blocked" and (error := fault(record, found)):
                raise error
    return tuple(record for record in found if kind in (None, record.kind))


def survey() -> tuple[Record, ...]:
    """Return all installed records, sorted by kind and name, regardless of ``MXCORE_STRICT_PLUGINS``.

    Plugins that are switched off are included, and their record says why:

    >>> import os, mxcore as mx
    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, MXCORE_BLOCK="mxcore-optimizer-lion"):
    ...     (lion,) = [record for record in mx.catalogue.survey() if record.distribution == "mxcore-optimizer-lion"]
    >>> lion.name, lion.status, lion.reason
    ('lion', 'blocked', 'named in MXCORE_BLOCK')
    """
    switches = tuple(os.environ.get(f"MXCORE_{name}") for name in ("PLUGINS", "BLOCK", "PREFER"))
    return _judged(switches, tuple(_preferred))


def refresh() -> None:
    """Discard the cached metadata, so that newly installed distributions are found.

    >>> import mxcore as mx
    >>> before = mx.catalogue.survey()
    >>> mx.catalogue.survey() is before  # metadata is read once
    True
    >>> mx.catalogue.refresh()  # for example after `%pip install` in a notebook
    >>> mx.catalogue.survey() is before
    False
    """
    importlib.invalidate_caches()
    _installed.cache_clear()
    _judged.cache_clear()


def prefer(*distributions: str) -> None:
    """Prefer these distributions, in this order, if several offer the same name; replaces earlier preferences.

    >>> import mxcore as mx
    >>> mx.catalogue.prefer("mxcore-optimizer-adam")
    >>> mx.catalogue.find("optimizer", "adam").distribution  # even if others offer the name
    'mxcore-optimizer-adam'
    >>> mx.catalogue.prefer()  # clear the preferences
    """
    _preferred[:] = [canonical(name) for name in distributions]


def strict() -> bool:
    """Return whether ``MXCORE_STRICT_PLUGINS`` is set.

    >>> import os, mxcore as mx
    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, MXCORE_STRICT_PLUGINS="1"):
    ...     mx.catalogue.strict()
    True
    >>> with mock.patch.dict(os.environ, MXCORE_STRICT_PLUGINS="0"):
    ...     mx.catalogue.strict()
    False
    """
    return os.environ.get("MXCORE_STRICT_PLUGINS", "") not in ("", "0")


@functools.cache
def _installed() -> tuple[Record, ...]:
    """Return every record as given by the metadata, regardless of the switches."""
    found: list[Record] = []
    for distribution in _distributions():
        with contextlib.suppress(Exception):  # one damaged file must not affect the others, see unreadable()
            if points := [point for point in distribution.entry_points if point.group in _KINDS]:
                facts = _facts(distribution)
                found += [_record(point, facts) for point in points]
    return tuple(found)


def _distributions() -> list[Distribution]:
    """Return the distributions on the path; if one is found twice, only the first counts."""
    from importlib.metadata import distributions

    first: dict[str, Distribution] = {}
    for distribution in distributions():
        first.setdefault(_key(distribution), distribution)
    return list(first.values())


def _key(distribution: Distribution) -> str:
    """Return a distribution's name from its folder: the files inside may be damaged, and take longer to read."""
    name = _folder(distribution).stem.partition("-")[0]
    return canonical(name) if name else repr(distribution)


def _folder(distribution: Distribution) -> PurePath:
    from pathlib import PurePath  # here, to keep `import mxcore` fast

    # No public API gives the path, and distributions of other finders may have none.
    return PurePath(str(getattr(distribution, "_path", "")))


def unreadable() -> list[str]:
    """Return the metadata files that cannot be read, and why; this tries those of every distribution.

    >>> import mxcore as mx
    >>> mx.catalogue.unreadable()
    []
    """
    found = []
    for distribution in _distributions():
        own = "PKG-INFO" if _folder(distribution).suffix == ".egg-info" else "METADATA"
        for file, attribute in (("entry_points.txt", "entry_points"), (own, "metadata")):
            try:
                getattr(distribution, attribute)
            except FileNotFoundError:  # raised by newer versions of Python; older ones return None
                continue
            except Exception as error:
                path = _folder(distribution) / file
                found.append(f"{path} cannot be read: {type(error).__name__}: {error}")
    return found


def _record(point: EntryPoint, facts: Mapping[str, Any]) -> Record:
    try:
        target = ":".join(filter(None, (point.module, point.attr)))  # without extras, which are for installers
    except Exception:
        facts = {**facts, "status": "broken", "reason": f"its entry point must be module:Class, got {point.value!r}"}
        target = point.value
    return Record(_KINDS[point.group], point.name.lower(), target, **facts)


def _facts(distribution: Distribution) -> dict[str, Any]:
    """Return the fields that all records of a distribution share."""
    # The folder may be what an uninstall left behind, with nothing but its entry points.
    damaged = {"distribution": _key(distribution), "version": "unknown", "summary": "", "status": "broken"}
    try:
        metadata = distribution.metadata
        fields = ("Name", "Version", "Summary")
        name, version, summary = (metadata[key] if key in metadata else "" for key in fields)  # noqa: SIM401 - no get()
        if not name or not version:
            return damaged | {"reason": f"its metadata has no name or version ({_folder(distribution)})"}
        reason = _incompatibility(distribution.requires or ())
    except Exception as error:
        return damaged | {"reason": f"its metadata cannot be read ({_folder(distribution)}): {error}"}
    status = "incompatible" if reason else "ok"
    facts = {"distribution": canonical(name), "version": version, "summary": summary}
    return facts | {"status": status, "reason": reason}


def _incompatibility(requirements: Iterable[str]) -> str:
    """Return why a distribution's requirements exclude this version of the core; empty if they don't."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # invalid requirements are a problem for installers, not for this plugin
        wanted = requirement.specifier
        if canonical(requirement.name) == CORE and not requirement.marker and not wanted.contains(__version__, True):
            return f"requires mxcore{wanted}, this is mxcore {__version__}"
    return ""


@functools.cache
def _judged(switches: tuple[str | None, ...], preferred: tuple[str, ...]) -> tuple[Record, ...]:
    """Return the installed records, each with the status that the switches and other records give it."""
    allowed, blocked, in_environment = (None if value is None else _names(value) for value in switches)
    order = [*preferred, *(in_environment or ())]
    found = [_switched(record, allowed, blocked or []) for record in _installed()]
    rivals: dict[tuple[str, str], list[Record]] = {}
    for record in found:
        if record.status == "ok":
            rivals.setdefault((record.kind, record.name), []).append(record)
    judged = [_compared(record, rivals.get((record.kind, record.name), []), order) for record in found]
    return tuple(sorted(judged, key=lambda record: (record.kind, record.name, record.distribution)))


def _names(value: str) -> list[str]:
    return [canonical(name) for name in value.split(",") if name.strip()]


def _switched(record: Record, allowed: list[str] | None, blocked: list[str]) -> Record:
    if record.distribution == CORE:  # its commands must work to report, among other things, what is switched off
        return record
    if record.distribution in blocked:
        return attrs.evolve(record, status="blocked", reason="named in MXCORE_BLOCK")
    if allowed is not None and record.distribution not in allowed:
        return attrs.evolve(record, status="blocked", reason="not named in MXCORE_PLUGINS")
    return record


def _compared(record: Record, rivals: list[Record], order: list[str]) -> Record:
    offering = {rival.distribution for rival in rivals}
    if record.status != "ok" or len(offering) < 2:
        return record
    preferred = next((name for name in order if name in offering), None)
    if record.distribution == preferred:
        return record
    others = ", ".join(sorted(offering - {record.distribution}))
    return attrs.evolve(record, status="duplicate", reason=f"also offered by {others}")
