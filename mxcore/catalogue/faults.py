"""Errors for installed plugins that cannot be used: what is wrong, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable

from mxcore.catalogue.published import how_to_install
from mxcore.catalogue.record import (
    BlockedPluginError,
    BrokenPluginError,
    DuplicateNameError,
    IncompatiblePluginError,
    PluginError,
    Record,
)


def broken(record: Record, why: str | BaseException) -> BrokenPluginError:
    """Return the error for an installed plugin that cannot be used; ``why`` is a reason or what its import raised.

    A note that the exception carries, see ``BaseException.add_note``, tells the user what to do about it.

    >>> import mxcore as mx
    >>> error = mx.catalogue.broken(mx.catalogue.find("command", "train"), "it is not a click command")
    >>> print(error)
    command 'train' is installed but broken: mxcore-module ...: it is not a click command. Update or uninstall it, ...
    >>> error = ImportError("libclick.so is not here")
    >>> error.add_note("Load the module of the cluster")
    >>> print(mx.catalogue.broken(mx.catalogue.find("command", "train"), error))
    command 'train' is installed but broken: ... libclick.so is not here. Load the module of the cluster; or set ...
    """
    cause = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    own_package = record.target.replace(":", ".").partition(".")[0]
    remedy = "Update or uninstall it,"
    if isinstance(why, ModuleNotFoundError) and why.name and not why.name.startswith(own_package):
        remedy = f"Install what it needs, module {why.name.partition('.')[0]!r},"
    elif notes := getattr(why, "__notes__", ()):
        remedy = f"{notes[0]};"
    elif isinstance(why, BaseException):
        remedy = f"Try: {how_to_install(record.distribution, '--force-reinstall')};"
    error = BrokenPluginError(
        f"{record.kind} {record.name!r} is installed but broken: {record.distribution} {record.version} "
        f"({record.target}): {cause}. {remedy} or set MXCORE_BLOCK={record.distribution}"
    )
    error.cause = cause
    return error


def fault(record: Record, rivals: Iterable[Record]) -> PluginError | None:
    """Return the error for asking for this record by name, or None if the record can be used.

    >>> import attrs, mxcore as mx
    >>> adam = mx.catalogue.find("optimizer", "adam")
    >>> mx.catalogue.fault(adam, mx.catalogue.survey()) is None
    True
    >>> old = attrs.evolve(adam, version="0.0.1", status="incompatible", reason="requires mxcore<0.1")
    >>> print(mx.catalogue.fault(old, [old]))
    optimizer 'adam': mxcore-optimizer-adam 0.0.1 requires mxcore<0.1: ...pip install --upgrade ...

    Args:
        record: the record.
        rivals: records that include all of the same kind and name.
    """
    who = f"{record.kind} {record.name!r}"
    if record.status == "incompatible":
        plugin = f"{record.distribution} {record.version}"
        how = how_to_install(record.distribution, "--upgrade")
        return IncompatiblePluginError(f"{who}: {plugin} {record.reason}: {how}")
    if record.status == "blocked":
        return BlockedPluginError(f"{who} is switched off: {record.distribution} is {record.reason}")
    if record.status == "broken":
        return broken(record, record.reason)
    same = [other for other in rivals if (other.kind, other.name) == (record.kind, record.name)]
    if record.status == "duplicate" and all(other.status != "ok" for other in same):
        offered = [other for other in same if other.status == "duplicate"]
        names = " or ".join(repr(other.qualified_name) for other in offered)
        return DuplicateNameError(
            f"{who} is offered by {len(offered)} distributions: ask for {names}, "
            f"or set a preference: MXCORE_PREFER={offered[0].distribution}"
        )
    return None
