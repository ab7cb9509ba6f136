"""Upgrade states that an older version of a class has saved, with its ``upgrade_state``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mxcore.kernel.rule.slot import INNER
from mxcore.state.entries import Entry
from mxcore.state.manifest import within
from mxcore.state.place import Place
from mxcore.step.protocol import Index
from mxcore.step.states import packed_by_slot


def upgraded(
    every: Sequence[Any],
    saved: Sequence[Place],
    entries: list[Entry],
    host: dict[Index, dict[str, float]],
    problems: list[str],
) -> list[Entry]:
    """Return the entries of a file for the present versions of an optimizer and of those that it wraps.

    Args:
        every: the optimizers, the outermost first.
        saved: what the file says about each.
        entries: the entries of the file.
        host: its host numbers, which are changed.
        problems: the list to which what cannot be upgraded is added.
    """
    for depth, (optimizer, place) in enumerate(zip(every, saved, strict=True)):
        version = place["state_version"].count() if "state_version" in place else 1
        own, name = optimizer.state_version, type(optimizer).__name__
        if version > own:
            problems.append(
                f"the state of {name} has version {version}, and this one reads up to {own}: install a newer plugin"
            )
        elif version < own:
            try:
                prefix = INNER * depth
                entries = [_entry(optimizer, version, prefix, one, host, len(every) - 1) for one in entries]
            except Exception as error:  # an author's hook may raise anything
                problems.append(f"the state of {name} cannot be upgraded from version {version} to {own}: {error}")
    return entries


def other_versions(optimizer: Any, saved: Place) -> list[str]:
    """List the optimizers in another one whose states have another version: which states are theirs is not saved."""
    found = []
    for name, inner in within(optimizer).items():
        place = saved["wrapped"][name]
        version, own = place["state_version"].count() if "state_version" in place else 1, inner.state_version
        if version != own:
            found.append(
                f"the states of {type(inner).__name__} have version {version}, not {own}: they cannot be upgraded"
            )
        found += other_versions(inner, place)
    return found


def _entry(
    optimizer: Any, version: int, prefix: str, entry: Entry, host: dict[Index, dict[str, float]], depth: int
) -> Entry:
    """Return one entry, upgraded for the optimizer whose slots have this prefix."""
    if entry.slots is None:
        raise ValueError("it does not name its slots")
    numbers = host.get(entry.index, {})
    new = optimizer.upgrade_state(version, {**_own(entry.slots, prefix), **_own(numbers, prefix)})
    declared = {slot.name: slot.on_host for slot in optimizer.own_slots()}
    if new.keys() != declared.keys():
        raise ValueError(f"it gave the slots {sorted(new)}, but the class has {sorted(declared)}")
    on_host = {prefix + name: float(new[name]) for name, is_number in declared.items() if is_number}
    arrays = {prefix + name: new[name] for name, is_number in declared.items() if not is_number}
    others = {name: value for name, value in numbers.items() if name.removeprefix(prefix) not in _own(numbers, prefix)}
    if others or on_host:
        host[entry.index] = {**others, **on_host}
    slots = _replaced(entry.slots, arrays, prefix)
    inner = packed_by_slot({name: value for name, value in slots.items() if name != "master"}, depth)
    return attrs.evolve(entry, slots=slots, state=(slots["master"], inner) if "master" in slots else inner)


def _own(slots: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the slots of one optimizer, without the prefix."""
    found = {name.removeprefix(prefix): value for name, value in slots.items() if name.startswith(prefix)}
    return {name: value for name, value in found.items() if not name.startswith(INNER) and name != "master"}


def _replaced(slots: Mapping[str, Any], own: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return slots with those of one optimizer replaced: first the master, then the outermost slots, and so on."""
    former = {prefix + name for name in _own(slots, prefix)}
    rest = {name: value for name, value in slots.items() if name not in former}
    return dict(sorted({**rest, **own}.items(), key=lambda item: (item[0] != "master", item[0].count(INNER))))
