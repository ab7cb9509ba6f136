"""What is installed: the algorithms, backends, commands and hooks that distributions offer through entry points.

Listing reads metadata and imports nothing; asking for one name imports that one. A plugin that cannot be used breaks
only its own name.

Environment variables, each a comma-separated list of distribution names:

* ``MXCORE_PLUGINS``: only these are used; empty, none are.
* ``MXCORE_BLOCK``: these are not used.
* ``MXCORE_PREFER``: where several distributions offer one name, the first of these that does is used.

``MXCORE_STRICT_PLUGINS=1`` turns what is otherwise met only when a name is asked for (a duplicate, a plugin for
another version of the core), and what is otherwise a warning (a hook that cannot be loaded), into an error at once.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = [
    "ALGORITHMS",
    "GROUPS",
    "BlockedPluginError",
    "BrokenPluginError",
    "DuplicateNameError",
    "IncompatiblePluginError",
    "NotInstalledError",
    "PluginError",
    "Record",
    "UnknownNameError",
    "algorithms",
    "canonical",
    "fault",
    "find",
    "find_all",
    "load",
    "load_record",
    "prefer",
    "records",
    "refresh",
    "strict",
    "survey",
]

GROUPS: Mapping[str, str] = {
    "optimizer": "mxcore.optimizers",
    "initializer": "mxcore.initializers",
    "lr_scheduler": "mxcore.lr_schedulers",
    "backend": "mxcore.backends",
    "kvstore": "mxcore.kvstores",
    "namespace": "mxcore.namespaces",
    "command": "mxcore.commands",
    "hook": "mxcore.hooks",
}
"""The kinds of plugin, and the entry-point group of each."""

ALGORITHMS = ("optimizer", "initializer", "lr_scheduler")
"""The kinds that are algorithms."""

Status = Literal["ok", "blocked", "incompatible", "duplicate", "broken"]


class PluginError(Exception):
    """A plugin cannot be found or used; the message says why and what to do."""


class UnknownNameError(PluginError, ValueError):
    """No distribution, installed or known, offers the name."""


class NotInstalledError(PluginError, ValueError):
    """A known distribution offers the name, and is not installed."""


class BlockedPluginError(PluginError, ValueError):
    """The distribution that offers the name is switched off by an environment variable."""


class DuplicateNameError(PluginError, ValueError):
    """Several distributions offer the name, and none of them is preferred."""


class IncompatiblePluginError(PluginError, ImportError):
    """The plugin asks for another version of the core."""


class BrokenPluginError(PluginError, ImportError):
    """The plugin cannot be imported, or is not what its entry point says; ``cause`` is why, within the message."""

    cause: str


@attrs.frozen
class Record:
    """One name that one installed distribution offers.

    >>> import mxcore as mx
    >>> xavier = mx.catalogue.find("initializer", "xavier")
    >>> xavier.target, xavier.status
    ('mxcore_initializer_xavier:Xavier', 'ok')
    >>> xavier.class_name, xavier.qualified_name
    ('Xavier', 'mxcore-initializer-xavier:xavier')
    """

    kind: str
    name: str
    target: str
    """Where it is, as ``package:Class`` or ``package.module``."""
    distribution: str
    version: str
    summary: str
    status: Status = "ok"
    reason: str = ""
    """Why the status is not "ok"."""

    @property
    def class_name(self) -> str:
        """The last part of the target, such as ``Adam``."""
        return self.target.replace(":", ".").rpartition(".")[2]

    @property
    def qualified_name(self) -> str:
        """A name that is never ambiguous, such as ``mxcore-optimizer-adam:adam``."""
        return f"{self.distribution}:{self.name}"


def canonical(distribution: str) -> str:
    """A distribution's name as comparisons need it: in lower case, with one hyphen between its words.

    >>> import mxcore as mx
    >>> mx.catalogue.canonical("Mxcore_Optimizer.Adam")
    'mxcore-optimizer-adam'
    """
    from packaging.utils import canonicalize_name

    return canonicalize_name(distribution.strip())


# --- reading ---------------------------------------------------------------------------------------------------------

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
    >>> mx.catalogue.find("optimizer", "adam").distribution  # whoever else offers it
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
    kinds = {group: kind for kind, group in GROUPS.items()}
    # One entry point's distribution that was found twice on the path is one: entry_points() keeps the first.
    return tuple(_record(kinds[point.group], point) for group in kinds for point in found.select(group=group))


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

    from mxcore import __version__

    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # it is the installer that this concerns; the other plugins it does not
        wanted = requirement.specifier
        if (
            canonical(requirement.name) == "mxcore"
            and not requirement.marker
            and not wanted.contains(__version__, True)
        ):
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


# --- finding and loading ---------------------------------------------------------------------------------------------


def find(kind: str, name: str) -> Record:
    """The usable record of a name, an alias, a class name or a qualified name; case does not matter.

    >>> import mxcore as mx
    >>> mx.catalogue.find("lr_scheduler", "CosineScheduler").name
    'cosine'
    >>> mx.catalogue.find("optimizer", "mxcore-optimizer-adam:adam").target
    'mxcore_optimizer_adam:Adam'
    >>> mx.catalogue.find("initializer", "xavir")
    Traceback (most recent call last):
        ...
    mxcore.catalogue.UnknownNameError: cannot find initializer 'xavir': did you mean 'xavier'...?

    Raises:
        PluginError: the name is unknown, not installed, blocked, offered twice or for another version of the core.
    """
    distribution, _, wanted = name.lower().rpartition(":")
    known = [record for record in records(kind) if not distribution or record.distribution == canonical(distribution)]
    found = [record for record in known if record.name == wanted] or _of_class(known, wanted)
    usable = [record for record in found if record.status == "ok"]
    if usable:
        return usable[0]
    if distribution and found and found[0].status == "duplicate":
        return found[0]
    raise (fault(found[0], found) if found else None) or _missing(kind, name)


def _of_class(known: list[Record], wanted: str) -> list[Record]:
    found = [record for record in known if record.class_name.lower() == wanted]
    return [record for record in found if record.name == found[0].name]


def find_all(name: str) -> list[Record]:
    """The usable algorithms of a name, which may be one of each kind; ``kind:name`` is the one of that kind.

    >>> import mxcore as mx
    >>> [record.kind for record in mx.catalogue.find_all("lr_scheduler:cosine")]
    ['lr_scheduler']
    >>> "optimizer" in [record.kind for record in mx.catalogue.find_all("adam")]
    True

    Raises:
        PluginError: see :func:`find`; no kind has such a name.
    """
    kind, _, rest = name.partition(":")
    if kind in ALGORITHMS:
        return [find(kind, rest)]
    found, errors = [], []
    for kind in ALGORITHMS:
        try:
            found.append(find(kind, name))
        except PluginError as error:
            errors.append(error)
    if not found:
        # Of three answers, the one that knows the name; else the one that has a suggestion.
        raise min(errors, key=lambda error: (isinstance(error, UnknownNameError), "did you" not in str(error)))
    return found


def algorithms() -> list[Record]:
    """Every record of an optimizer, an initializer or a scheduler, usable or not.

    >>> import mxcore as mx
    >>> sorted({record.kind for record in mx.catalogue.algorithms()})
    ['initializer', 'lr_scheduler', 'optimizer']
    """
    return [record for kind in ALGORITHMS for record in records(kind)]


def load(kind: str, name: str) -> Any:
    """Import and return what a name stands for.

    >>> import mxcore as mx
    >>> mx.catalogue.load("optimizer", "adam") is mx.optimizer.Adam
    True

    Raises:
        PluginError: see :func:`find`; or the import fails, and the message says how and what to do.
    """
    return load_record(find(kind, name))


def load_record(record: Record) -> Any:
    """Import and return the target of a record.

    >>> import mxcore as mx
    >>> record = mx.catalogue.find("lr_scheduler", "poly")
    >>> mx.catalogue.load_record(record) is mx.lr_scheduler.PolyScheduler
    True

    Raises:
        BrokenPluginError: it cannot be imported.
    """
    module, _, attribute = record.target.partition(":")
    try:
        loaded: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            loaded = getattr(loaded, part)
    except (Exception, SystemExit) as error:
        raise broken(record, f"{type(error).__name__}: {error}", _remedy(record, error)) from error
    return loaded


def broken(record: Record, cause: str, remedy: str = "") -> BrokenPluginError:
    """The error for a plugin that is installed and cannot be used."""
    error = BrokenPluginError(
        f"{record.kind} {record.name!r} is installed but broken: {record.distribution} {record.version} "
        f"({record.target}): {cause}. "
        + (remedy or f"Update or uninstall it, or set MXCORE_BLOCK={record.distribution}")
    )
    error.cause = cause
    return error


def _remedy(record: Record, error: BaseException) -> str:
    own_package = record.target.replace(":", ".").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith(own_package):
        missing = error.name.partition(".")[0]
        return f"Install what it needs, module {missing!r}, or set MXCORE_BLOCK={record.distribution}"
    return f"Try: pip install --force-reinstall {record.distribution}; or set MXCORE_BLOCK={record.distribution}"


def fault(record: Record, rivals: Iterable[Record]) -> PluginError | None:
    """The error of asking for a record by its name, which says what to do; None where nothing is wrong with that.

    >>> import attrs, mxcore as mx
    >>> adam = mx.catalogue.find("optimizer", "adam")
    >>> mx.catalogue.fault(adam, mx.catalogue.survey()) is None
    True
    >>> old = attrs.evolve(adam, version="0.0.1", status="incompatible", reason="requires mxcore<0.1")
    >>> print(mx.catalogue.fault(old, [old]))
    optimizer 'adam': mxcore-optimizer-adam 0.0.1 requires mxcore<0.1: pip install --upgrade mxcore-optimizer-adam

    Args:
        record: the record.
        rivals: records among which are all of the same kind and name.
    """
    who = f"{record.kind} {record.name!r}"
    if record.status == "incompatible":
        plugin = f"{record.distribution} {record.version}"
        return IncompatiblePluginError(f"{who}: {plugin} {record.reason}: pip install --upgrade {record.distribution}")
    if record.status == "blocked":
        return BlockedPluginError(f"{who} is switched off: {record.distribution} is {record.reason}")
    if record.status == "broken":
        return broken(record, record.reason)
    same = [other for other in rivals if (other.kind, other.name) == (record.kind, record.name)]
    if record.status == "duplicate" and all(other.status != "ok" for other in same):
        offered = [other for other in same if other.status == "duplicate"]
        names = " or ".join(repr(other.qualified_name) for other in offered)
        return DuplicateNameError(
            f"{who} is offered by {len(offered)} distributions: say which, as in {names}, "
            f"or prefer one: MXCORE_PREFER={offered[0].distribution}"
        )
    return None


def _missing(kind: str, name: str) -> PluginError:
    """The error for a name that nothing installed offers."""
    known = known_names(kind)
    if name.lower() in known:
        distribution = known[name.lower()]
        return NotInstalledError(f"{kind} {name!r} is not installed: {how_to_install(distribution)}")
    import difflib  # for errors alone

    names = {record.name for record in records(kind)} | set(known)
    close = difflib.get_close_matches(name.lower(), sorted(names), cutoff=0.6)
    hint = f": did you mean {' or '.join(map(repr, close))}?" if close else ""
    return UnknownNameError(f"cannot find {kind} {name!r}{hint or '; `mxcore list` shows what is installed'}")


@functools.cache
def known_names(kind: str) -> Mapping[str, str]:
    """The names, aliases and class names of this project's own plugins, and the distribution of each."""
    names: dict[str, str] = {}
    for distribution, known in _published().items():
        for name, target in known["entry-points"].get(GROUPS[kind], {}).items():
            names[name] = names[target.rpartition(":")[2].lower()] = distribution
    return names


def how_to_install(distribution: str) -> str:
    """What to type to install one of this project's own distributions, or the core with an extra.

    >>> import mxcore as mx
    >>> print(mx.catalogue.how_to_install("mxcore-optimizer-adam"))
    pip install mxcore-optimizer-adam ...
    >>> print(mx.catalogue.how_to_install("mxcore[jit]"))
    pip install 'mxcore[jit]' ...
    """
    name, bracket, extra = distribution.partition("[")
    folder = f"./{_published()[name]['folder']}" if name in _published() else "."
    typed, here = (f"'{what}'" if bracket else what for what in (distribution, f"{folder}{bracket}{extra}"))
    return f"pip install {typed} (not on a public index yet: until it is, uv pip install {here} in a checkout)"


@functools.cache
def _published() -> Any:
    from pathlib import Path  # for errors alone

    return json.loads(Path(__file__).with_name("builtins.json").read_text(encoding="utf-8"))
