"""Groups of parameters: torch's, and ours by name, which are torch's once they are made."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from mxcore.groups import Groups
from mxcore_torch.names import Names

__all__ = ["Live", "changed", "patterns", "renamed", "split"]


class Live:
    """A number of a group as a schedule, which reads what has been written there last.

    Args:
        owner: the optimizer of torch.
        place: the place of the group in its ``param_groups``.
        key: the setting by torch's name.
        position: the position of the number, where the setting has several.
    """

    def __init__(self, owner: Any, place: int, key: str, position: int | None = None) -> None:
        self._owner, self._place, self._key, self._position = owner, place, key, position

    def __call__(self, update: int) -> float:
        """Return the number.

        Raises:
            ValueError: it is a learning rate, and negative or no number.
        """
        value = self._owner.param_groups[self._place][self._key]
        value = float(value if self._position is None else value[self._position])
        if self._key == "lr" and not value >= 0:
            raise ValueError(f"group {self._place} has the learning rate {value}: it must be at least 0")
        return value

    def __reduce__(self) -> tuple[Any, ...]:  # a copy has the number that there is now
        group = {self._key: self._owner.param_groups[self._place][self._key]}
        return Live, (SimpleNamespace(param_groups=[group]), 0, self._key, self._position)


def changed(keys: Sequence[str], before: Sequence[Sequence[Any]], after: Sequence[Sequence[Any]]) -> set[str]:
    """Return the settings of groups that have changed from one number to another, as a scheduler may have done.

    Args:
        keys: the settings.
        before: the values of each group.
        after: the same later.
    """
    every = (zip(keys, *pair, strict=True) for pair in zip(before, after, strict=True))
    return {key for one in every for key, old, new in one if old != new and _are_numbers(old) and _are_numbers(new)}


def _are_numbers(value: Any) -> bool:
    values = value if isinstance(value, (tuple, list)) else (value,)
    return all(isinstance(one, (int, float, torch.Tensor)) and not isinstance(one, bool) for one in values)


def renamed(group: Mapping[str, Any], names: Names, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group with torch's names of arguments.

    Args:
        group: the group.
        names: the arguments by torch's names.
        defaults: the settings of groups that say nothing else, by torch's names.
    """
    found = dict(group)
    for key, ours in names.of.items():
        if any(name in found for name in ours) and key in defaults:
            default = names.ours({key: defaults[key]})
            values = tuple(found.pop(name, default[name]) for name in ours)
            found[key] = values[0] if len(values) == 1 else values
    return found


def split(params: Any, groups: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return parameters in torch's groups, after splitting each by the patterns of ours.

    Args:
        params: what torch takes.
        groups: the settings of the parameters whose names match a pattern.

    Warns:
        FutureWarning: the parameters are a set.

    Raises:
        ValueError: parameters have no names, or a pattern matches none.
    """
    if isinstance(params, torch.Tensor):
        return params  # which torch refuses
    if isinstance(params, (set, frozenset)):  # as torch warns from 2.15 on
        warnings.warn(
            "optimizer parameters need to be organized in ordered collections, but the order of a set changes between "
            "runs: pass a list",
            FutureWarning,
            stacklevel=3,
        )
    given = list(params)
    theirs = [dict(one) for one in given] if given and isinstance(given[0], Mapping) else [{"params": given}]
    if not given or not groups:
        return theirs if given else given
    by_pattern, settings = Groups(groups), [{}, *map(dict, groups.values())]
    found: list[dict[str, Any]] = []
    met: set[int] = set()
    for one in theirs:
        pairs = _named(one)
        parts: dict[int, list[Any]] = {}
        for name, param in pairs:
            parts.setdefault(by_pattern.number_of(name), []).append((name, param))
        met |= {*parts}
        found += [{**one, **settings[number], "params": part} for number, part in sorted(parts.items())]
    if unmet := [pattern for place, pattern in enumerate(groups, 1) if place not in met]:
        raise ValueError(f"groups: {unmet[0]!r} matches the start of no parameter's name, or others come first")
    return found


def _named(group: Mapping[str, Any]) -> list[tuple[str, torch.Tensor]]:
    params = group["params"]
    every = list(params) if isinstance(params, Iterable) and not isinstance(params, torch.Tensor) else [params]
    if not all(isinstance(one, tuple) for one in every):
        raise ValueError("groups match parameters by name: pass model.named_parameters()")
    return every


def patterns(names: Sequence[Sequence[str]]) -> list[str]:
    """Return a pattern for each group that matches the names of its parameters."""
    return [rf"(?:{'|'.join(map(re.escape, some))})\Z" for some in names]
