"""What to log, and how often; checked once, when a log is opened."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from mxcore.catalogue.hints import closest
from mxcore.optimizer import Updater
from mxcore_runlog.measure import MEASURES

__all__ = ["Options", "by_name"]


def _checked_every(every: Any) -> int:
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"every must be an integer of at least 1, got {every!r}")
    return every


def _checked_columns(columns: Any) -> tuple[str, ...]:
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise TypeError(f"columns must be a list of names, got {columns!r}")
    columns = tuple(columns)
    if other := [one for one in columns if not isinstance(one, str)]:
        raise TypeError(f"columns must be names, got {other[0]!r}")
    if taken := [name for name in columns if name in ("update", "time", "updater", "parameter")]:
        raise ValueError(f"every row has {taken[0]!r} already: leave it out of columns")
    return tuple(dict.fromkeys(columns))


def _pattern(parameters: Any) -> re.Pattern[str] | None:
    if isinstance(parameters, bool):
        return re.compile(".*", re.DOTALL) if parameters else None
    if not isinstance(parameters, str):
        raise TypeError(f"parameters must be a boolean or a regular expression for names, got {parameters!r}")
    try:
        return re.compile(parameters)
    except re.error as error:
        raise ValueError(f"parameters is not a regular expression: {error}, got {parameters!r}") from error


@attrs.frozen
class Options:
    """What to log.

    Args:
        every: the number of updates from row to row.
        columns: what rows say.
        pattern: which parameters have rows of their own.
    """

    every: int = attrs.field(converter=_checked_every)
    columns: tuple[str, ...] = attrs.field(converter=_checked_columns)
    pattern: re.Pattern[str] | None = attrs.field(converter=_pattern)

    def check(self, updaters: Collection[Updater[Any]]) -> None:
        """Raise a ValueError if a column is neither a measure nor a setting of any of these updaters."""
        known = [*MEASURES]
        for updater in updaters:
            known += updater.optimizer.settings_of(next(iter(updater.states), 0))
        if updaters and (unknown := [name for name in self.columns if name not in known]):
            close = closest(unknown[0], known)
            hint = f"did you mean {close[0]!r}" if close else f"there are {', '.join(dict.fromkeys(known))}"
            raise ValueError(f"no column is called {unknown[0]!r}: {hint}")


def by_name(updaters: Any) -> dict[str | None, Updater[Any]]:
    """Return updaters by name; a single one has none.

    Raises:
        TypeError: one is not an updater, or a name is not a string.
        ValueError: an updater is given twice, or the dict is empty.
    """
    if updaters is None:
        return {}
    named = updaters if isinstance(updaters, Mapping) else {None: updaters}
    for name, updater in named.items():
        if not isinstance(updater, Updater) or (named is updaters and not isinstance(name, str)):
            given = f"{{{name!r}: {updater!r:.80}}}" if named is updaters else f"{updater!r:.80}"
            raise TypeError(f"updaters must be an updater, a dict of updaters by name, or None for all, got {given}")
    if not named or len({id(updater) for updater in named.values()}) < len(named):
        raise ValueError("updaters must be different updaters, at least one: pass None to log all")
    return dict(named)
