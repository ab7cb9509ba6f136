"""Save a run and go on with it, to the same bits as if it had not stopped.

The state of an updater is what its optimizer keeps for each parameter, the counters, the position of the schedule and
of the random numbers, and the hyper-parameters; and, so that a reader knows what wrote it, the plugin and its version.
It is one safetensors file: arrays that any tool can read, and a JSON manifest as its metadata. There is no pickle.

>>> import numpy as np, mxcore as mx, tempfile, os
>>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
>>> def start():
...     return mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1))
>>> weight, updater = np.ones(3), start()
>>> updater("w", np.ones(3), weight)
>>> mx.save_state(path, updater, {"w": weight})
>>> updater = start()
>>> weight = mx.load_state(path, updater)["w"]
>>> updater.optimizer.num_update
1
"""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from mxcore import catalogue, hooks, random
from mxcore.backend import Array, backend_of
from mxcore.counts import Counts
from mxcore.tensorfile import (
    Host,
    Packer,
    load_arrays,
    map_arrays,
    parse,
    save_arrays,
    serialize,
    unpack,
    write_atomically,
)
from mxcore.watched import Watched

if TYPE_CHECKING:
    from mxcore.optimizer import Index, Optimizer
    from mxcore.registry import Registry
    from mxcore.updater import Updater

__all__ = ["load_arrays", "load_state", "map_arrays", "save_arrays", "save_state"]

_FORMAT = 1
# Attributes of an optimizer that are not settings of it: saved in a place of their own, or given by the program.
_ELSEWHERE = {
    "idx2name", "sym_info", "param_dict", "lr_scheduler", "num_update", "host_numbers",
    "_index_update_count", "_all_index_update_counts", "lr_mult", "wd_mult",
}  # fmt: skip


def save_state(path: str | os.PathLike[str], updater: Updater, params: Mapping[str, Array] | None = None) -> None:
    """Write everything that ``updater`` needs to go on, and ``params`` beside it, to one file.

    Args:
        path: the file; it is written under another name first, then renamed.
        updater: the updater; what it keeps may be nested tuples, lists, dicts, numbers, text, None and arrays.
        params: arrays to keep with it, such as the weights, by name.

    Raises:
        TypeError: something cannot be saved; the message names it, and nothing has been written.
    """
    write_atomically(Path(path), dump(updater, params=params))
    hooks.call("mxcore_saved", path=Path(path), updater=updater)


def load_state(
    path: str | os.PathLike[str], updater: Updater, params: Mapping[str, Array] | None = None
) -> dict[str, Host]:
    """Let ``updater`` go on where the one that was saved had stopped.

    Parameters are recognised by name, where both updaters have ``param_idx2name``, else by index. Hyper-parameters
    are those of the file; where the updater had others, a warning lists them.

    Args:
        path: a file of :func:`save_state`.
        updater: an updater with an optimizer of the same class.
        params: arrays to be filled in place from those that were saved under the same names.

    Returns:
        The saved ``params`` by name, on the host.

    Raises:
        ValueError: the file does not fit; the message lists all that does not, and nothing has changed.
    """
    saved = restore(updater, Path(path).read_bytes(), params=params, source=str(path))
    hooks.call("mxcore_loaded", path=Path(path), updater=updater)
    return saved


# --- writing ---------------------------------------------------------------------------------------------------------


def dump(updater: Updater, params: Mapping[str, Array] | None = None, dump_optimizer: bool = False) -> bytes:
    """The bytes of the file that :func:`save_state` writes."""
    packer = Packer()
    manifest = {
        "format": _FORMAT,
        "optimizer": _describe(updater.optimizer),
        "restore_optimizer": dump_optimizer,
        "random": random.get_state(),
        "states": [_pack_state(packer, updater, index) for index in updater.states],
        "params": {name: packer.pack(array, f"params/{name}") for name, array in (params or {}).items()},
    }
    return serialize(packer.arrays, manifest)


def _pack_state(packer: Packer, updater: Updater, index: Index) -> dict[str, Any]:
    name = updater.optimizer.idx2name.get(index)
    label = f"state/{name or repr(index)}"
    named = _by_slot(updater.optimizer, updater.states[index])
    entry: dict[str, Any] = {"index": index, "name": name}
    if index in updater.worker_states:
        entry["workers"] = packer.pack(updater.worker_states[index], f"{label}/worker")
    if named is None:
        return {**entry, "state": packer.pack(updater.states[index], label)}
    return {**entry, "slots": {slot: packer.pack(x, f"{label}/{slot}") for slot, x in named.items()}}


def _by_slot(optimizer: Optimizer, state: Any) -> dict[str, Any] | None:
    """A state by the names of its slots; None where an author's own ``create_state`` made it without declaring any."""
    names = _slot_names(optimizer)
    if names is None:
        return None
    has_master = isinstance(state, tuple) and len(state) == 2 and (len(names) < 2 or isinstance(state[1], tuple))
    master, inner = state if has_master else (None, state)
    arrays = () if inner is None else inner if isinstance(inner, tuple) else (inner,)
    if len(arrays) != len(names):
        return None
    return {**({"master": master} if has_master else {}), **dict(zip(names, arrays, strict=True))}


def _slot_names(optimizer: Optimizer) -> list[str] | None:
    if type(optimizer).rule is None and not optimizer.slots:
        return None
    return [slot.name for slot in optimizer.state_slots() if not slot.on_host]


def _describe(optimizer: Optimizer) -> dict[str, Any]:
    """An optimizer as JSON: which class it is, its settings, counters and schedule, and those of one that it wraps."""
    from mxcore.optimizer import Optimizer, registry

    wrapped = {name: value for name, value in vars(optimizer).items() if isinstance(value, Optimizer)}
    return {
        **_provenance(optimizer, registry),
        "settings": _settings(optimizer),
        "multipliers": [_pairs(optimizer.lr_mult), _pairs(optimizer.wd_mult)],
        "num_update": optimizer.num_update,
        "counts": {str(device): _pairs(counts) for device, counts in optimizer._all_index_update_counts.items()},
        "host_numbers": _pairs(optimizer.host_numbers),
        "schedule": _describe_schedule(optimizer.lr_scheduler),
        "wrapped": {name: _describe(inner) for name, inner in wrapped.items()},
    }


def _describe_schedule(scheduler: Any) -> dict[str, Any] | None:
    from mxcore.lr_scheduler import registry

    return scheduler and {**_provenance(scheduler, registry), "settings": _settings(scheduler)}


def _provenance(instance: object, registry: Registry[Any]) -> dict[str, Any]:
    name = registry.name_of(type(instance))
    known = [record for record in catalogue.records(registry.kind) if record.name == name]
    record = known[0] if known and name not in registry.classes else None
    return {
        "name": name,
        "distribution": record and record.distribution,
        "version": record and record.version,
    }


def _pairs(table: Mapping[Any, Any]) -> list[list[Any]]:
    """A dict as JSON that keeps 0 and "0" apart."""
    return [[key, value] for key, value in table.items()]


def _settings(instance: object) -> dict[str, Any]:
    """The attributes of an object that are numbers, text, None, or lists of these: hyper-parameters and positions."""
    values = vars(instance) if hasattr(instance, "__dict__") else {}
    return {name: value for name, value in values.items() if name not in _ELSEWHERE and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str, type(None)))


# --- reading ---------------------------------------------------------------------------------------------------------


def restore(
    updater: Updater, data: bytes, params: Mapping[str, Array] | None = None, source: str = "the text given"
) -> dict[str, Host]:
    """Let ``updater`` go on from the bytes of :func:`dump`; see :func:`load_state`."""
    arrays, manifest = parse(data, source)
    if manifest.get("format") != _FORMAT:
        raise ValueError(f"{source} holds format {manifest.get('format')!r} of a state, this mxcore reads {_FORMAT}")
    problems: list[str] = []
    optimizer = _settled(updater.optimizer, manifest, problems)
    indices = _indices(optimizer, manifest["states"], problems)
    entries = list(zip(indices, manifest["states"], strict=True))
    states = {index: _unpack_state(entry, arrays) for index, entry in entries}
    workers = {index: unpack(entry["workers"], arrays) for index, entry in entries if "workers" in entry}
    present = updater.states if type(optimizer) is type(updater.optimizer) else {}  # another class starts afresh
    problems += _differences(optimizer, manifest["states"], present, states)
    saved = {name: unpack(entry, arrays) for name, entry in manifest["params"].items()}
    problems += _misfits(params or {}, saved)
    if problems:
        raise ValueError(f"{source} does not fit this updater:\n- " + "\n- ".join(problems))
    _warn_about(_changes(updater.optimizer, optimizer))
    _commit(updater, optimizer, manifest, states, {entry["index"]: index for index, entry in entries})
    updater.worker_states = workers
    for name, array in (params or {}).items():
        backend_of(array).fill(array, saved[name])
    return saved


def _settled(optimizer: Optimizer, manifest: Mapping[str, Any], problems: list[str]) -> Optimizer:
    """A copy of the optimizer with the settings, counters and schedule of the file."""
    from mxcore.optimizer import registry

    saved = manifest["optimizer"]
    if saved["name"] != registry.name_of(type(optimizer)) and manifest["restore_optimizer"]:
        return _recreated(optimizer, saved, problems)
    return _with_settings(optimizer, saved, problems)


def _recreated(former: Optimizer, saved: Mapping[str, Any], problems: list[str]) -> Optimizer:
    """A new optimizer of the class that was saved, for the parameters of the former one."""
    from mxcore import lr_scheduler, optimizer

    given = {"param_idx2name": former.idx2name, "param_dict": former.param_dict}
    if saved["schedule"]:
        given["lr_scheduler"] = _created(lr_scheduler.registry, saved["schedule"], {})
    created = cast("Optimizer", _created(optimizer.registry, saved, given))
    created.sym_info = former.sym_info
    return _with_settings(created, saved, problems)


def _created(registry: Registry[Any], saved: Mapping[str, Any], given: dict[str, Any]) -> Any:
    cls = registry.get(saved["name"])
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    settings = {field.alias: saved["settings"][field.name] for field in fields if field.name in saved["settings"]}
    return cls(**settings, **given)


def _with_settings(optimizer: Optimizer, saved: Mapping[str, Any], problems: list[str]) -> Optimizer:
    from mxcore.optimizer import registry

    own = _provenance(optimizer, registry)
    if (saved["name"], saved["distribution"]) != (own["name"], own["distribution"]):
        of = [f"{one['name']!r}" + f" of {one['distribution']}" * bool(one["distribution"]) for one in (saved, own)]
        problems.append(f"it was saved by the optimizer {of[0]}, the updater has {of[1]}")
        return optimizer
    settled = _clone(optimizer)
    _assign(settled, saved["settings"], problems)
    settled.lr_scheduler = _settled_schedule(optimizer.lr_scheduler, saved["schedule"], problems)
    for name, inner in saved["wrapped"].items():
        object.__setattr__(settled, name, _with_settings(getattr(optimizer, name), inner, problems))
    return settled


def _clone(optimizer: Optimizer) -> Optimizer:
    """A shallow copy that asks the optimizer for nothing: one that delegates to another may not be able to answer."""
    clone = object.__new__(type(optimizer))
    vars(clone).update(vars(optimizer))
    return clone


def _settled_schedule(scheduler: Any, saved: Mapping[str, Any] | None, problems: list[str]) -> Any:
    own = _describe_schedule(scheduler)
    names = [one["name"] if one else None for one in (saved, own)]
    if names[0] != names[1]:
        problems.append(f"it was saved with the lr_scheduler {names[0]!r}, the optimizer has {names[1]!r}")
    if saved is None or own is None or names[0] != names[1] or saved["settings"] == own["settings"]:
        return scheduler
    settled = copy.copy(scheduler)
    _assign(settled, saved["settings"], problems)
    return settled


def _assign(instance: object, settings: Mapping[str, Any], problems: list[str]) -> None:
    for name, value in settings.items():
        kept = getattr(instance, name, None)
        try:
            setattr(instance, name, tuple(value) if isinstance(kept, tuple) and isinstance(value, list) else value)
        except (ValueError, TypeError, AttributeError) as error:
            problems.append(f"{type(instance).__name__} refuses what was saved as {name!r}: {error}")


def _indices(optimizer: Optimizer, entries: list[dict[str, Any]], problems: list[str]) -> list[Index]:
    """Where each saved state belongs: by the name of its parameter if there are names, else by index."""
    by_name = {name: index for index, name in optimizer.idx2name.items()}
    unknown = [entry["name"] for entry in entries if by_name and entry["name"] and entry["name"] not in by_name]
    problems += [f"it has the parameter {name!r}, which the updater does not have" for name in unknown]
    return [by_name.get(entry["name"], entry["index"]) if entry["name"] else entry["index"] for entry in entries]


def _unpack_state(entry: Mapping[str, Any], arrays: Mapping[str, Host]) -> Any:
    if "state" in entry:
        return unpack(entry["state"], arrays)
    slots = {name: unpack(packed, arrays) for name, packed in entry["slots"].items()}
    has_master, master = "master" in slots, slots.pop("master", None)
    values = list(slots.values())
    state = tuple(values) if len(values) > 1 else values[0] if values else None
    return (master, state) if has_master else state


def _differences(
    optimizer: Optimizer,
    entries: list[dict[str, Any]],
    present: Mapping[Index, Any],
    loaded: Mapping[Index, Any],
) -> list[str]:
    """Where the state of a rule has other slots, or other shapes or dtypes, than this updater keeps."""
    names = _slot_names(optimizer)
    if names is None:
        return []
    found = {tuple(name for name in entry.get("slots", ()) if name != "master") for entry in entries}
    if found - {tuple(names)}:
        return [
            f"it has the slots {', '.join(slots) or 'none'}, the updater {', '.join(names) or 'none'}"
            for slots in found
        ]
    both = {index: (_layout(present[index]), _layout(loaded[index])) for index in present if index in loaded}
    return [
        f"parameter {index!r} has a state of {here}, the file {there}"
        for index, (here, there) in both.items()
        if here != there
    ]


def _layout(state: Any) -> list[str]:
    found: list[str] = []
    map_arrays(state, lambda array: found.append(f"{array.dtype}{list(array.shape)}"))
    return found


def _misfits(params: Mapping[str, Array], saved: Mapping[str, Host]) -> list[str]:
    missing = [f"it has no params {name!r}" for name in params if name not in saved]
    both = {name: (_layout(array), _layout(saved[name])) for name, array in params.items() if name in saved}
    return missing + [
        f"params {name!r} are {here[0]}, in the file {there[0]}"
        for name, (here, there) in both.items()
        if here != there
    ]


def _changes(before: Optimizer, after: Optimizer) -> list[str]:
    if type(before) is not type(after):
        return [f"the optimizer, now {type(after).__name__}"]
    old, new = _settings(before), _settings(after)
    return [f"{name} = {new[name]!r} (not {old.get(name)!r})" for name in new if new[name] != old.get(name)]


def _warn_about(changes: list[str]) -> None:
    if changes:
        warnings.warn(f"taken from the file: {', '.join(changes)}", UserWarning, stacklevel=4)


def _commit(
    updater: Updater,
    optimizer: Optimizer,
    manifest: Mapping[str, Any],
    states: dict[Index, Any],
    moved: Mapping[Index, Index],
) -> None:
    if type(optimizer) is type(updater.optimizer):
        _overwrite(updater.optimizer, optimizer)
    else:
        updater.optimizer = optimizer
    _set_tables(updater.optimizer, manifest["optimizer"], moved)
    updater.states = states
    updater.states_synced = dict.fromkeys(states, False)
    random.set_state(manifest["random"])


def _overwrite(optimizer: Optimizer, settled: Optimizer) -> None:
    """Let an optimizer, its scheduler and what it wraps keep their identity, and take what was loaded."""
    from mxcore.optimizer import Optimizer

    for name, value in vars(settled).items():
        kept = vars(optimizer).get(name)
        if isinstance(kept, Optimizer) and isinstance(value, Optimizer):
            _overwrite(kept, value)
        elif name == "lr_scheduler" and value is not None:
            vars(kept).update(vars(value))
        else:
            vars(optimizer)[name] = value


def _set_tables(optimizer: Optimizer, saved: Mapping[str, Any], moved: Mapping[Index, Index]) -> None:
    """Set what is kept by parameter. A wrapping optimizer that keeps none of it reads that of the wrapped one."""

    def table(pairs: list[list[Any]]) -> Watched[Any, Any]:
        return Watched({moved.get(key, key): value for key, value in pairs})

    own = vars(optimizer)
    if "num_update" in own:
        optimizer.num_update = saved["num_update"]
        optimizer.lr_mult, optimizer.wd_mult = map(table, saved["multipliers"])
        optimizer.host_numbers = table(saved["host_numbers"])
    for device, pairs in saved["counts"].items():
        counts = optimizer._all_index_update_counts.setdefault(int(device), Counts())
        counts.clear()
        counts.update(table(pairs))
    for name, inner in saved["wrapped"].items():
        _set_tables(getattr(optimizer, name), inner, moved)
