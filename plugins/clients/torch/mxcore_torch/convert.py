"""States of ``torch.optim`` from and to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mxcore.step import levels
from mxcore_torch.memory import key_of
from mxcore_torch.names import Names, Namesake

__all__ = ["from_torch", "to_torch"]

_HOW = {"capturable", "differentiable", "foreach", "fused", "maximize"}
_UNCOUNTED = {"SGD", "Muon"}


def _namesake(names: Names, optimizer: Any) -> Namesake | None:
    return names.namesake if len(levels(optimizer)) == 1 else None


def _settings(namesake: Namesake, names: Names, inner: Any, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a group has in ``torch.optim``."""
    found = dict(namesake.defaults)
    for key in found:
        ours = names.of.get(key, (key,))
        if key in namesake.fixed:
            continue
        if key in group:
            found[key] = group[key]
        elif all(hasattr(inner, name) for name in ours):
            values = tuple(getattr(inner, name) for name in ours)
            found[key] = values[0] if len(values) == 1 else values
    return found


def from_torch(saved: Mapping[str, Any], names: Names, optimizer: Any, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a state for ours: the same, or that of the algorithm in ``torch.optim``, translated.

    Raises:
        ValueError: it was saved with other settings than can be set for groups.
    """
    namesake = _namesake(names, optimizer)
    if namesake is None or not _is_of_torch(saved["state"], namesake):
        return dict(saved)
    inner, found = levels(optimizer)[-1], []
    for theirs, own in zip(saved["param_groups"], groups, strict=False):
        wanted = _settings(namesake, names, inner, own)
        for key in wanted.keys() & theirs.keys() - _HOW - own.keys():
            if theirs[key] not in (None, wanted[key]):
                who = f"torch.optim.{namesake.name} with {key}={theirs[key]!r}"
                raise ValueError(f"the state is that of {who}, but here it is {wanted[key]!r}")
        found.append({key: value for key, value in theirs.items() if key not in wanted or key in own})
    found += saved["param_groups"][len(found) :]
    state = {index: _read(entry, namesake) for index, entry in saved["state"].items()}
    return {**saved, "state": {index: entry for index, entry in state.items() if entry}, "param_groups": found}


def _is_of_torch(state: Mapping[Any, Any], namesake: Namesake) -> bool:
    keys = {key for entry in state.values() for key in entry}
    return bool(keys & namesake.state.keys()) and not keys & (
        {*map(key_of, namesake.state.values())} - {*namesake.state}
    )


def _read(entry: Mapping[str, Any], namesake: Namesake) -> dict[str, Any]:
    """Return the state of a parameter by our names."""
    found = {
        key_of(slot): entry[key] for key, slot in namesake.state.items() if key in entry and entry[key] is not None
    }
    return {"step": int(entry.get("step", 1)), **found} if found else {}


def to_torch(own: Mapping[str, Any], names: Names, optimizer: Any) -> dict[str, Any]:
    """Return a state as the algorithm in ``torch.optim`` has it.

    Raises:
        ValueError: ``torch.optim`` has no such algorithm.
    """
    namesake = _namesake(names, optimizer)
    if namesake is None:
        raise ValueError(f"torch.optim has no {type(optimizer).__name__}")
    inner, groups = levels(optimizer)[-1], []
    for group in own["param_groups"]:
        rest = {key: value for key, value in group.items() if key not in names.of and not hasattr(inner, key)}
        groups.append({**rest, **_settings(namesake, names, inner, group)})
    state = {index: _written(entry, namesake, inner) for index, entry in own["state"].items()}
    return {"state": state, "param_groups": groups}


def _written(entry: Mapping[str, Any], namesake: Namesake, inner: Any) -> dict[str, Any]:
    found = {key: _tensor(entry[key_of(slot)]) for key, slot in namesake.state.items() if key_of(slot) in entry}
    if namesake.name == "ASGD":  # the share of the next average
        found["mu"] = _tensor(1 / max(1.0, entry["step"] - inner.t0))
    return found if namesake.name in _UNCOUNTED else {"step": _tensor(entry["step"]), **found}


def _tensor(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.tensor(float(value))
