"""Read what is installed, once, from metadata; nothing is imported."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import attrs

from mxcore.catalogue.faults import fault
from mxcore.catalogue.record import CORE, GROUPS, Record, Status, canonical
from mxcore.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

_preferred: list[str] = []


def records(kind: str | None = None) -> tuple[Record, ...]:
    """What is installed of one kind, or of all, sorted by kind and name; nothing is imported.

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
    """What is installed, sorted by kind and name, whatever ``MXCORE_STRICT_PLUGINS`` says; nothing is imported.

    What is switched off is among it, and its record says by what:

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
    """Forget what was read, so that distributions installed since then are seen.

    >>> import mxcore as mx
    >>> before = mx.catalogue.survey()
    >>> mx.catalogue.survey() is before  # the metadata are read once
    True
    >>> mx.catalogue.refresh()  # such as after a `%pip install` in a notebook
    >>> mx.catalogue.survey() is before
    False
    """
    importlib.invalidate_caches()
    _installed.cache_clear()
    _judged.cache_clear()


def prefer(*distributions: str) -> None:
    """Use these distributions, the first one first, wherever several offer one name; replaces earlier preferences.

    >>> import mxcore as mx
    >>> mx.catalogue.prefer("mxcore-optimizer-adam")
    >>> mx.catalogue.find("optimizer", "adam").distribution  # even if others offer the name
    'mxcore-optimizer-adam'
    >>> mx.catalogue.prefer()  # nothing is preferred any more
    """
    _preferred[:] = [canonical(name) for name in distributions]


def strict() -> bool:
    """Whether ``MXCORE_STRICT_PLUGINS`` is set.

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
    """Every record as the metadata states it, whatever the switches say."""
    from importlib.metadata import entry_points

    found = entry_points()
    # One entry point's distribution that was found twice on the path is one: entry_points() keeps the first.
    return tuple(_record(kind, point) for kind, group in GROUPS.items() for point in found.select(group=group))


def _record(kind: str, point: EntryPoint) -> Record:
    name, version, summary, reason = _distribution_facts(cast("Distribution", point.dist))
    status: Status = "incompatible" if reason else "ok"
    if not name or not version:  # a folder that an uninstallation left behind, with nothing but its entry points
        name, version = canonical(point.module.partition(".")[0]), "unknown"
        status, reason = "broken", "its metadata say neither name nor version"
    return Record(kind, point.name.lower(), point.value, name, version, summary, status, reason)


@functools.cache
def _distribution_facts(distribution: Distribution) -> tuple[str, str, str, str]:
    metadata = distribution.metadata
    fields = ("Name", "Version", "Summary")
    name, version, summary = (metadata[key] if key in metadata else "" for key in fields)  # noqa: SIM401 - has no get()
    return canonical(name), version, summary, _incompatibility(distribution.requires or ())


def _incompatibility(requirements: Iterable[str]) -> str:
    """What a distribution's requirements say against this version of the core; empty if nothing."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # it is the installer that this concerns; the other plugins it does not
        wanted = requirement.specifier
        if canonical(requirement.name) == CORE and not requirement.marker and not wanted.contains(__version__, True):
            return f"requires mxcore{wanted}, this is mxcore {__version__}"
    return ""


@functools.cache
def _judged(switches: tuple[str | None, ...], preferred: tuple[str, ...]) -> tuple[Record, ...]:
    """The installed records, with what the switches and the other records say about each."""
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
    if record.distribution == CORE:  # its commands are there to say, among other things, what is switched off
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
