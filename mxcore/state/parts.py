"""What an optimizer holds besides numbers: schedules, loss scales, groups, and gradients that it has accumulated.

A file never makes such an object. It sets the attributes of the one that the program has in the same place. What has no
attributes, such as a function, has to be given again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mxcore.backend import Array, Host
from mxcore.groups import Groups
from mxcore.nested import replace_members
from mxcore.state.manifest import describe_groups, describe_part, schedules_in
from mxcore.state.packing import decode_key, unpack
from mxcore.state.place import Place
from mxcore.state.settings import assign, has_text, parts_of
from mxcore.step.protocol import Index

__all__ = [
    "overwrite_part",
    "overwritten_groups",
    "read_accumulated",
    "settled_groups",
    "settled_part",
    "settled_parts",
]


def settled_part(part: Any, saved: Place, label: str, problems: list[str]) -> Any:
    """Return a part, or a copy of it that has the attributes of a file."""
    own = describe_part(part)
    names = [None if saved.value is None else saved["name"].text(), own and own["name"]]
    if names[0] != names[1]:
        problems.append(f"it was saved with the {label} {names[0]!r}, but the optimizer has {names[1]!r}")
        return part
    if own is None:
        return part
    inner = schedules_in(part)
    changed = {}
    if inner or "parts" in saved:
        there = settled_parts(inner, saved["parts"], f"{label}: ", problems)
        changed = {name: one for name, one in there.items() if one is not inner[name]}
    if not changed and saved["settings"].table() == own["settings"]:
        return part
    settled = copy.copy(part)
    replace_members(settled, changed)
    assign(settled, saved["settings"], problems)
    return settled


def overwrite_part(part: Any, settled: Any) -> None:
    """Give a part the attributes of a copy of it, and likewise those in it, which keep their identity."""
    if part is settled:
        return
    inner, there = schedules_in(part), schedules_in(settled)
    vars(part).update(vars(settled))
    replace_members(part, inner)
    for name, one in inner.items():
        overwrite_part(one, there[name])


def overwritten_groups(former: Groups, settled: Groups) -> Groups:
    """Return settled groups with the schedules of the former ones, which get the settled values."""
    if former is settled:
        return former
    every = {pattern: dict(settings) for pattern, settings in settled.by_pattern.items()}
    for pattern, settings in every.items():
        for name, value in parts_of(settings).items():
            part = former.by_pattern.get(pattern, {}).get(name)
            if type(part) is type(value):
                overwrite_part(part, value)
                settings[name] = part
    return Groups(every)


def settled_parts(own: Mapping[str, Any], saved: Place, label: str, problems: list[str]) -> dict[str, Any]:
    """Return parts by name, each as :func:`settled_part` does; a name that only one side has is a problem."""
    there = dict(saved.items())
    kinds = {name: there[name]["name"].text() for name in sorted(there.keys() - own.keys())}
    problems += [
        f"{label}{name} was a number when it was saved, but is {own[name]!r:.80} here"
        for name in sorted(own.keys() - there.keys())
    ]
    problems += [
        f"{label}{name} followed {kind!r} when it was saved, but is a number here: pass {kind!r} again"
        for name, kind in kinds.items()
    ]
    both = [name for name in own if name in there]
    return {name: settled_part(own[name], there[name], f"{label}{name}", problems) for name in both}


def settled_groups(optimizer: Any, saved: Place, problems: list[str]) -> Groups:
    """Return the groups of a file, with the schedules that the program has in groups of the same patterns."""
    kept: Groups = optimizer.groups
    own = kept.by_pattern
    found: dict[str, dict[str, Any]] = {}
    for place in saved.list():
        pattern, label = place["pattern"].text(), f"groups[{place['pattern'].text()!r}]: "
        here = parts_of(own.get(pattern, {}))
        values = {name: value.value for name, value in place["settings"].items()}
        if odd := [name for name, value in values.items() if has_text(value)]:
            problems.append(f"{label}{odd[0]} is a string, which a file may not set in a group")
        found[pattern] = {**values, **settled_parts(here, place["parts"], label, problems)}
    if problems or describe_groups(found) == describe_groups(own):
        return kept
    groups = Groups(found)
    try:
        optimizer._settle_groups(groups)
    except ValueError as error:
        problems.append(f"the optimizer rejects the saved {error}")
    return groups


def read_accumulated(
    saved: Place, arrays: dict[str, Host], by_name: Mapping[str, Index]
) -> dict[Index, tuple[int, bool, Array]]:
    """Return the accumulated gradients of a file: how many calls, whether they are complete, and their sum."""
    found = {}
    for place in saved.list():
        name = place["name"].text_or_none()
        index = by_name.get(name, decode_key(place["index"])) if name else decode_key(place["index"])
        total = unpack(place["sum"], arrays)
        if not hasattr(total, "dtype") or total.dtype.kind not in "fc":
            raise place["sum"].error("an array of floats or complex numbers")
        found[index] = (place["calls"].count(), place["complete"].flag(), total)
    return found
