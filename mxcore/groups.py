"""Groups: other settings for the parameters whose names match a pattern."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

__all__ = ["Group", "Groups", "pattern_fault"]

Ask = Callable[[Any, int], float]
"""Returns the learning rate that a scheduler gives for an update."""


class _Owner(Protocol):
    """An optimizer that has groups."""

    lr: float | None
    lr_scheduler: Any
    idx2name: Any


def pattern_fault(pattern: object) -> str | None:
    """Return what is wrong with a pattern of names, or None.

    >>> pattern_fault(".*_bias"), pattern_fault("*")
    (None, "'*' is not a regular expression: nothing to repeat at position 0")
    """
    if not isinstance(pattern, str):
        return f"{pattern!r} is not a string"
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{pattern!r} is not a regular expression: {error}"
    return None


class Group:
    """The settings of a group, by attribute: what they leave out is the optimizer's.

    Args:
        settings: the settings.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = MappingProxyType(dict(settings))
        self._rebased: tuple[Any, dict[str, Any], Any] | None = None

    @property
    def frozen(self) -> bool:
        """Whether these parameters are not updated."""
        return bool(self.settings.get("frozen"))

    def rate(self, optimizer: _Owner, update: int, ask: Ask) -> float:
        """Return the learning rate for an update, before multipliers."""
        scheduler = self.settings.get("lr_scheduler", optimizer.lr_scheduler)
        rate: Any = self.settings.get("lr", optimizer.lr)
        if scheduler is None:
            return float(rate)
        if "lr" in self.settings and "lr_scheduler" not in self.settings:
            scheduler = self._with_base(scheduler, rate)
        return ask(scheduler, update)

    def _with_base(self, scheduler: Any, rate: float) -> Any:
        """Return the optimizer's schedule with another ``base_lr``."""
        known = self._rebased
        if known is None or known[0] is not scheduler or vars(scheduler) != known[1]:
            rebased = copy.copy(scheduler)
            rebased.base_lr = rate
            self._rebased = known = (scheduler, dict(vars(scheduler)), rebased)
        return known[2]


class Groups(Mapping[str, Mapping[str, Any]]):
    """The groups of an optimizer, by pattern: a parameter is in the first one whose pattern matches its name.

    A pattern is a regular expression that must match at the start of the name.

    >>> groups = Groups({".*_bias": {"wd": 0}, "head_": {"lr": 0.01}})
    >>> groups.number_of("head_bias"), groups.number_of("head_weight"), groups.number_of("fc_weight")
    (1, 2, 0)

    Args:
        given: the settings of each group, by pattern.

    Raises:
        ValueError: a pattern is not a regular expression, or its settings are not a dict.
    """

    def __init__(self, given: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        if not isinstance(given, (Mapping, type(None))):
            raise ValueError(f"groups must be a dict of settings by pattern, got {given!r}")
        for pattern, settings in (given or {}).items():
            if fault := pattern_fault(pattern):
                raise ValueError(f"groups: the pattern {fault}")
            if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
                raise ValueError(f"groups: the settings of {pattern!r} must be a dict by name, got {settings!r}")
        self._given = {pattern: dict(settings) for pattern, settings in (given or {}).items()}
        self.settle(list(self._given.values()))
        self._patterns = [re.compile(pattern) for pattern in self._given]
        self._known: dict[str, int] = {}
        self._told = False

    def settle(self, settings: list[dict[str, Any]]) -> None:
        """Take over the settings of the groups, checked and by attribute."""
        self.every = [Group({}), *map(Group, settings)]
        """The settings of parameters in no group, and those of each group."""
        self.freeze = any(group.frozen for group in self.every)
        """Whether there are frozen parameters."""

    @property
    def by_pattern(self) -> dict[str, Mapping[str, Any]]:
        """The checked settings of each group, by attribute."""
        return {pattern: group.settings for pattern, group in zip(self._given, self.every[1:], strict=True)}

    def number_of(self, name: str) -> int:
        """Return the number of the group that a parameter is in, or 0 if it is in none."""
        number = self._known.get(name)
        if number is None:
            matching = (place for place, pattern in enumerate(self._patterns, 1) if pattern.match(name))
            number = self._known[name] = next(matching, 0)
        return number

    def of(self, optimizer: _Owner, index: Any) -> Group:
        """Return the group of a parameter."""
        return self.every[self.number_of(str(optimizer.idx2name.get(index, index)))]

    @property
    def names(self) -> list[str]:
        """The names that have been looked up."""
        return [*self._known]

    def unmatched(self) -> list[str]:
        """Return, once, the patterns whose groups have none of the parameters looked up so far."""
        found = {*self._known.values()}
        if self._told or not self._given:
            return []
        self._told = True
        return [pattern for place, pattern in enumerate(self._given, 1) if place not in found]

    def __getitem__(self, pattern: str) -> Mapping[str, Any]:
        return MappingProxyType(self._given[pattern])

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._given == {pattern: dict(other[pattern]) for pattern in other}

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._given)

    def __reduce__(self) -> tuple[Any, ...]:
        settings = [dict(group.settings) for group in self.every[1:]]
        return _rebuilt, (self._given, settings)


def _rebuilt(given: Mapping[str, Mapping[str, Any]], settings: list[dict[str, Any]]) -> Groups:
    groups = Groups(given)
    groups.settle(settings)
    return groups
