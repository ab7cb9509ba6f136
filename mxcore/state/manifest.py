"""The JSON manifest that a saved state holds beside its arrays.

It has the class of the optimizer, the plugin and version that wrote it, the settings, counters and schedule, and for
each parameter which arrays are its slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxcore import catalogue
from mxcore.catalogue.registry import registry_for
from mxcore.nested import members
from mxcore.state.packing import Packer, encode_key
from mxcore.state.settings import numbers_of, parts_of, plain, settings_of
from mxcore.step import Tally, depth_of
from mxcore.step.protocol import Index, Run, Updatable
from mxcore.step.states import by_slot

FORMAT = 1


def pack_state(packer: Packer, updater: Run, index: Index) -> dict[str, Any]:
    """Describe the state of one parameter, by slot if the optimizer names its slots."""
    name = updater.optimizer.idx2name.get(index)
    label = f"state/{name or repr(index)}"
    names = slot_names(updater.optimizer)
    entry: dict[str, Any] = {"index": encode_key(index, "cannot save the index of a parameter"), "name": name}
    if index in updater.worker_states:
        entry["workers"] = packer.pack(updater.worker_states[index], f"{label}/worker")
    # None if a class overrides `create_state` without declaring slots.
    named = None if names is None else by_slot(updater.states[index], names, depth_of(updater.optimizer))
    if named is None:
        return {**entry, "state": packer.pack(updater.states[index], label)}
    return {**entry, "slots": {slot: packer.pack(x, f"{label}/{slot}") for slot, x in named.items()}}


def slot_names(optimizer: Updatable) -> list[str] | None:
    """Return the slots that an optimizer keeps as arrays, or None if it has no rule and names none."""
    if type(optimizer).rule is None and not optimizer.slots:
        return None
    return [slot.name for slot in optimizer.state_slots() if not slot.on_host]


def describe(optimizer: Updatable, outer: Tally | None = None) -> dict[str, Any]:
    """Describe an optimizer as JSON: its class, settings, counters and schedule, and those of the optimizers in it.

    Args:
        optimizer: the optimizer.
        outer: the tally of the optimizer that it is part of, whose description has the counts in it.
    """
    about = {
        **provenance(optimizer, "optimizer"),
        "state_version": optimizer.state_version,
        "settings": settings_of(optimizer),
        "parts": describe_parts(numbers_of(optimizer)),
    }
    if optimizer._inner is not None:  # which keeps everything else
        return {**about, "wrapped": {name: describe(inner, outer) for name, inner in within(optimizer).items()}}
    tally = tally_of(optimizer)
    own = tally is None or tally is not outer
    host_numbers = {
        index: {slot: float(value) for slot, value in numbers.items()}
        for index, numbers in (optimizer.host_numbers.items() if own else ())
    }
    return {
        **about,
        "string_indices_decay_by_name": True,  # before, all of them decayed
        "multipliers": [
            _table({key: _number(value, name, key) for key, value in getattr(optimizer, name).items()}, name)
            for name in ("lr_mult", "wd_mult")
        ],
        "num_update": int(optimizer.num_update),
        "counts": {
            str(device): _table({index: int(count) for index, count in counts.items()}, "the counts")
            for device, counts in (optimizer._all_index_update_counts.items() if own else ())
        },
        "host_numbers": _table(host_numbers, "the host numbers"),
        "model_numbers": {slot: float(value) for slot, value in optimizer.model_numbers.items()},
        "schedule": describe_part(optimizer.lr_scheduler),
        "groups": describe_groups(optimizer.groups.by_pattern),
        "wrapped": {name: describe(inner, tally) for name, inner in within(optimizer).items()},
    }


def _table(table: Mapping[Any, Any], what: str) -> list[list[Any]]:
    """Convert a table to a list of pairs: in a JSON object, 0 and "0" would be the same key."""
    return [[encode_key(key, f"cannot save a key of {what}"), value] for key, value in table.items()]


def _number(value: Any, what: str, key: Any) -> float:
    value = plain(value)
    try:
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        raise TypeError(f"cannot save the {what} of {key!r}: {value!r} is not a number") from None


def describe_part(part: Any) -> dict[str, Any] | None:
    """Describe a scheduler or loss scale as JSON, if there is one, and the schedulers in it."""
    if part is None:
        return None
    described = {**provenance(part, "lr_scheduler"), "settings": settings_of(part)}
    inner = {name: describe_part(one) for name, one in schedules_in(part).items()}
    return {**described, "parts": inner} if inner else described


def schedules_in(part: object) -> dict[str, Any]:
    """Return the schedulers that are attributes of another one."""
    base = registry_for("lr_scheduler").base
    return members(part, base) if isinstance(part, base) else {}


def describe_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the schedules and loss scales among some settings."""
    return {name: describe_part(part) for name, part in parts_of(values).items()}


def describe_groups(groups: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Describe groups, given the settings of each by pattern."""
    return [
        {
            "pattern": pattern,
            "settings": {name: plain(value) for name, value in settings.items() if name not in parts_of(settings)},
            "parts": describe_parts(settings),
        }
        for pattern, settings in groups.items()
    ]


def describe_accumulated(packer: Packer, updater: Run) -> list[dict[str, Any]]:
    """Describe the gradients that are accumulated for each parameter."""
    kept, names = updater.gate.accumulation, updater.optimizer.idx2name
    return [
        {
            "index": encode_key(index, "cannot save the index of a parameter"),
            "name": names.get(index),
            "calls": kept.calls(index),
            "complete": kept.is_complete(index),
            "sum": packer.pack(kept.sums[index], f"accumulated/{names.get(index) or repr(index)}"),
        }
        for index in kept.open
    ]


def is_optimizer(value: object) -> bool:
    """Return whether a value is an optimizer, such as one that another wraps."""
    return isinstance(value, registry_for("optimizer").base)


def tally_of(optimizer: object) -> Tally | None:
    """Return where an optimizer counts, or None if it leaves that to another one."""
    counting = vars(optimizer).get("_counting")
    return None if counting is None else counting.tally


def within(optimizer: object) -> dict[str, Any]:
    """Return the optimizers that are attributes of another one, by name; those in a tuple by name and position."""
    return members(optimizer, registry_for("optimizer").base)


def provenance(instance: object, kind: str) -> dict[str, Any]:
    """Describe an object's class: its name, and the plugin and version that offer it."""
    registry = registry_for(kind)
    name = registry.name_of(type(instance))
    installed = catalogue.records(kind) if name not in registry.classes else ()
    record = next((record for record in installed if record.name == name), None)
    return {"name": name, "distribution": record and record.distribution, "version": record and record.version}
