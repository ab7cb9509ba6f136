"""Groups of parameters: torch's, and ours by name, which are torch's once they are made."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from mxcore.groups import Groups
from mxcore_torch.names import Names

__all__ = ["Live", "patterns", "renamed", "split"]


class Live:
    """The learning rate of a group as a schedule, which reads what has been written there last.

    Args:
        group: the group.
    """

    def __init__(self, group: Mapping[str, Any]) -> None:
        self._group = group

    def __call__(self, update: int) -> float:
        """Return the learning rate."""
        return float(self._group["lr"])

    def __reduce__(self) -> tuple[Any, ...]:
        return Live, ({"lr": float(self._group["lr"])},)


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
