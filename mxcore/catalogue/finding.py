"""Find the record of a name, and import its target."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from mxcore.catalogue.faults import broken, fault
from mxcore.catalogue.hints import closest, meant_by
from mxcore.catalogue.published import how_to_install, known_names
from mxcore.catalogue.reading import records, survey
from mxcore.catalogue.record import ALGORITHMS, NotInstalledError, PluginError, Record, UnknownNameError, canonical


def find(kind: str, name: str) -> Record:
    """Return the usable record of a name, alias, class name or qualified name, ignoring case.

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
        PluginError: the name is unknown, not installed, blocked, ambiguous, or for another version of the core.
    """
    distribution, _, wanted = name.lower().rpartition(":")
    known = [record for record in records(kind) if not distribution or record.distribution == canonical(distribution)]
    found = [record for record in known if record.name == wanted] or _of_class(known, wanted)
    accepted = ("ok", "duplicate") if distribution else ("ok",)  # a qualified name picks one of the rivals
    if usable := [record for record in found if record.status in accepted]:
        return usable[0]
    raise (fault(found[0], found) if found else None) or _missing(kind, name)


def _of_class(known: list[Record], wanted: str) -> list[Record]:
    found = [record for record in known if record.class_name.lower() == wanted]
    return [record for record in found if record.name == found[0].name]


def find_all(name: str) -> list[Record]:
    """Return the usable algorithms of a name, at most one of each kind; ``kind:name`` asks for a single kind.

    >>> import mxcore as mx
    >>> [record.kind for record in mx.catalogue.find_all("lr_scheduler:cosine")]
    ['lr_scheduler']
    >>> "optimizer" in [record.kind for record in mx.catalogue.find_all("adam")]
    True

    Raises:
        PluginError: no kind has a usable algorithm of this name; see :func:`find`.
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
    if not found:  # of the three errors, prefer one from a kind that has the name
        raise next((error for error in errors if not isinstance(error, UnknownNameError)), _unknown(name, ALGORITHMS))
    return found


def algorithms() -> list[Record]:
    """Return the records of all optimizers, initializers and schedulers, usable or not.

    >>> import mxcore as mx
    >>> sorted({record.kind for record in mx.catalogue.algorithms()})
    ['initializer', 'lr_scheduler', 'optimizer']
    """
    return [record for kind in ALGORITHMS for record in records(kind)]


def load(kind: str, name: str) -> Any:
    """Import and return the target of a name.

    >>> import mxcore as mx
    >>> mx.catalogue.load("optimizer", "adam") is mx.optimizer.Adam
    True

    Raises:
        PluginError: the name cannot be used, see :func:`find`; or its import fails, and the message says why.
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
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may call sys.exit, or pytest.skip
        raise broken(record, error) from error
    return loaded


def is_imported(record: Record) -> bool:
    """Return whether this process has already imported the target of a record.

    >>> import mxcore as mx
    >>> poly = mx.lr_scheduler.PolyScheduler
    >>> mx.catalogue.is_imported(mx.catalogue.find("lr_scheduler", "poly"))
    True
    """
    module, _, attribute = record.target.partition(":")
    found: Any = sys.modules.get(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, "__dict__", {}).get(part)  # `getattr` might import it
    return found is not None


def _missing(kind: str, name: str) -> PluginError:
    """Return the error for a name that no installed distribution offers."""
    known = known_names(kind)
    if name.lower() in known:
        distribution = known[name.lower()]
        return NotInstalledError(f"{kind} {name!r} is not installed: {how_to_install(distribution)}")
    return _unknown(name, [kind])


def _unknown(name: str, kinds: Sequence[str]) -> UnknownNameError:
    """Return the error for a name that none of these kinds has, with similar names or other kinds of this name."""
    known = {kind: {*known_names(kind), *(record.name for record in records(kind))} for kind in kinds}
    close = closest(name.lower(), sorted(set().union(*known.values())))
    others = [record for record in survey() if record.name == name.lower() and record.kind not in kinds]
    hint = "; `mxcore list` shows what is installed"
    if meant := [(kind, what) for kind in kinds for what in meant_by(kind, name)]:
        hint = f": did you mean {' or '.join(what for _, what in meant)}?"
        kinds = [*dict.fromkeys(kind for kind, _ in meant)]
    elif others:
        hint = f": {others[0].distribution} offers the {others[0].kind} of this name"
    elif close:
        hint = f": did you mean {' or '.join(map(repr, close))}?"
        kinds = [kind for kind in kinds if known[kind].intersection(close)]
    *first, last = kinds
    what = f"{', '.join(first)} or {last}" if first else last
    return UnknownNameError(f"cannot find {what} {name!r:.200}{hint}")
