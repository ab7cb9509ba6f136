"""What a saved state says about an updater: the JSON manifest beside the arrays.

It names the class of the optimizer and what wrote it, and has the settings, counters and schedule; and of each
parameter, which of the arrays are its slots.
"""

from __future__ import annotations

from typing import Any

from mxcore import catalogue
from mxcore.catalogue.registry import registry_for
from mxcore.state.tensorfile import Packer
from mxcore.step.codec import by_slot
from mxcore.step.protocol import Index, Run, Updatable

FORMAT = 1
# Attributes of an optimizer that are not settings of it: saved in a place of their own, or given by the program.
_ELSEWHERE = {"idx2name", "sym_info", "param_dict", "lr_scheduler", "lr_mult", "wd_mult"}


def pack_state(packer: Packer, updater: Run, index: Index) -> dict[str, Any]:
    """What is kept for one parameter, slot by slot where the optimizer names them."""
    name = updater.optimizer.idx2name.get(index)
    label = f"state/{name or repr(index)}"
    names = slot_names(updater.optimizer)
    entry: dict[str, Any] = {"index": index, "name": name}
    if index in updater.worker_states:
        entry["workers"] = packer.pack(updater.worker_states[index], f"{label}/worker")
    # None where an author's own `create_state` made it without declaring any slots.
    named = None if names is None else by_slot(updater.states[index], names)
    if named is None:
        return {**entry, "state": packer.pack(updater.states[index], label)}
    return {**entry, "slots": {slot: packer.pack(x, f"{label}/{slot}") for slot, x in named.items()}}


def slot_names(optimizer: Updatable) -> list[str] | None:
    """The slots that an optimizer keeps as arrays; None where it has no rule and names none."""
    if type(optimizer).rule is None and not optimizer.slots:
        return None
    return [slot.name for slot in optimizer.state_slots() if not slot.on_host]


def describe(optimizer: Updatable) -> dict[str, Any]:
    """An optimizer as JSON: which class it is, its settings, counters and schedule, and those of one that it wraps."""
    return {
        **provenance(optimizer, "optimizer"),
        "settings": settings_of(optimizer),
        # Tables are lists of pairs: JSON's own would take 0 and "0" for one key.
        "string_indices_decay_by_name": True,  # before, all of them decayed
        "multipliers": [[*optimizer.lr_mult.items()], [*optimizer.wd_mult.items()]],
        "num_update": optimizer.num_update,
        "counts": {str(device): [*counts.items()] for device, counts in optimizer._all_index_update_counts.items()},
        "host_numbers": [*optimizer.host_numbers.items()],
        "schedule": describe_schedule(optimizer.lr_scheduler),
        "wrapped": {name: describe(inner) for name, inner in vars(optimizer).items() if is_optimizer(inner)},
    }


def describe_schedule(scheduler: Any) -> dict[str, Any] | None:
    """A scheduler as JSON, if there is one."""
    return scheduler and {**provenance(scheduler, "lr_scheduler"), "settings": settings_of(scheduler)}


def is_optimizer(value: object) -> bool:
    """Whether a value is an optimizer, such as one that another wraps."""
    return isinstance(value, registry_for("optimizer").base)


def provenance(instance: object, kind: str) -> dict[str, Any]:
    """What an object is an instance of: a name, and the plugin and its version that offer it."""
    registry = registry_for(kind)
    name = registry.name_of(type(instance))
    installed = catalogue.records(kind) if name not in registry.classes else ()
    record = next((record for record in installed if record.name == name), None)
    return {"name": name, "distribution": record and record.distribution, "version": record and record.version}


def settings_of(instance: object) -> dict[str, Any]:
    """The attributes of an object that are numbers, text, None, or lists of these: hyper-parameters and positions."""
    values = getattr(instance, "__dict__", {})
    return {name: value for name, value in values.items() if name not in _ELSEWHERE and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str, type(None)))
