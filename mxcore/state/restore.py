"""Let an updater go on from a saved state: see whether all of it fits, and only then change anything."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any, cast

import attrs

from mxcore import random
from mxcore.backend import Array, Host, backend_of
from mxcore.catalogue.registry import registry_for
from mxcore.state.manifest import FORMAT, describe_schedule, is_optimizer, provenance, settings_of, slot_names
from mxcore.state.tensorfile import map_arrays, parse, unpack
from mxcore.step import Counts, count_in
from mxcore.step.codec import packed
from mxcore.step.protocol import Index, Run, Updatable
from mxcore.watched import Watched


def restore(
    updater: Run, data: bytes, params: Mapping[str, Array] | None = None, source: str = "the text given"
) -> dict[str, Host]:
    """Let ``updater`` go on from the bytes of :func:`mxcore.state.dump`; see :func:`mxcore.load_state`."""
    arrays, manifest = parse(data, source)
    if manifest.get("format") != FORMAT:
        raise ValueError(f"{source} holds format {manifest.get('format')!r} of a state, this mxcore reads {FORMAT}")
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
    if changes := _changes(updater.optimizer, optimizer):
        warnings.warn(f"taken from the file: {', '.join(changes)}", UserWarning, stacklevel=3)
    # From here on nothing is refused.
    if type(optimizer) is type(updater.optimizer):
        _overwrite(updater.optimizer, optimizer)
    else:
        updater.optimizer = optimizer
    count_in(updater.optimizer, updater.tally)
    _set_tables(updater.optimizer, manifest["optimizer"], {entry["index"]: index for index, entry in entries})
    updater.states, updater.worker_states = states, workers
    updater.states_synced = dict.fromkeys(states, False)
    random.set_state(manifest["random"])
    for name, array in (params or {}).items():
        backend_of(array).fill(array, saved[name])
    return saved


def _settled(optimizer: Updatable, manifest: Mapping[str, Any], problems: list[str]) -> Updatable:
    """A copy of the optimizer with the settings, counters and schedule of the file."""
    saved = manifest["optimizer"]
    if saved["name"] != registry_for("optimizer").name_of(type(optimizer)) and manifest["restore_optimizer"]:
        return _recreated(optimizer, saved, problems)
    return _with_settings(optimizer, saved, problems)


def _recreated(former: Updatable, saved: Mapping[str, Any], problems: list[str]) -> Updatable:
    """A new optimizer of the class that was saved, for the parameters of the former one."""
    given = {"param_idx2name": former.idx2name, "param_dict": former.param_dict}
    if saved["schedule"]:
        given["lr_scheduler"] = _created("lr_scheduler", saved["schedule"], {})
    created = cast("Updatable", _created("optimizer", saved, given))
    created.sym_info = former.sym_info
    return _with_settings(created, saved, problems)


def _created(kind: str, saved: Mapping[str, Any], given: dict[str, Any]) -> Any:
    cls = registry_for(kind).get(saved["name"])
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    arguments = {field.alias: saved["settings"][field.name] for field in fields if field.name in saved["settings"]}
    return cls(**arguments, **given)


def _with_settings(optimizer: Updatable, saved: Mapping[str, Any], problems: list[str]) -> Updatable:
    own = provenance(optimizer, "optimizer")
    if (saved["name"], saved["distribution"]) != (own["name"], own["distribution"]):
        of = [f"{one['name']!r}" + f" of {one['distribution']}" * bool(one["distribution"]) for one in (saved, own)]
        problems.append(f"it was saved by the optimizer {of[0]}, the updater has {of[1]}")
        return optimizer
    # A shallow copy that asks the optimizer for nothing: one that delegates to another may not be able to answer.
    settled = object.__new__(type(optimizer))
    vars(settled).update(vars(optimizer))
    _assign(settled, saved["settings"], problems)
    settled.lr_scheduler = _settled_schedule(optimizer.lr_scheduler, saved["schedule"], problems)
    for name, inner in saved["wrapped"].items():
        object.__setattr__(settled, name, _with_settings(getattr(optimizer, name), inner, problems))
    return settled


def _settled_schedule(scheduler: Any, saved: Mapping[str, Any] | None, problems: list[str]) -> Any:
    own = describe_schedule(scheduler)
    names = [one and one["name"] for one in (saved, own)]
    if names[0] != names[1]:
        problems.append(f"it was saved with the lr_scheduler {names[0]!r}, the optimizer has {names[1]!r}")
    elif saved and own and saved["settings"] != own["settings"]:
        scheduler = copy.copy(scheduler)
        _assign(scheduler, saved["settings"], problems)
    return scheduler


def _assign(instance: object, settings: Mapping[str, Any], problems: list[str]) -> None:
    for name, value in settings.items():
        kept = getattr(instance, name, None)
        try:
            setattr(instance, name, tuple(value) if isinstance(kept, tuple) and isinstance(value, list) else value)
        except (ValueError, TypeError, AttributeError) as error:
            problems.append(f"{type(instance).__name__} refuses what was saved as {name!r}: {error}")


def _indices(optimizer: Updatable, entries: list[dict[str, Any]], problems: list[str]) -> list[Index]:
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
    return (master, packed(values)) if has_master else packed(values)


def _differences(
    optimizer: Updatable, entries: list[dict[str, Any]], present: Mapping[Index, Any], loaded: Mapping[Index, Any]
) -> list[str]:
    """Where the state of a rule has other slots, or other shapes or dtypes, than this updater keeps."""
    names = slot_names(optimizer)
    if names is None:
        return []
    found = {tuple(name for name in entry.get("slots", ()) if name != "master") for entry in entries}
    if found - {tuple(names)}:
        own = ", ".join(names) or "none"
        return [f"it has the slots {', '.join(slots) or 'none'}, the updater {own}" for slots in found]
    unlike = _unlike(present, loaded)
    return [f"parameter {index!r} has a state of {here}, the file {there}" for index, here, there in unlike]


def _misfits(params: Mapping[str, Array], saved: Mapping[str, Host]) -> list[str]:
    missing = [f"it has no params {name!r}" for name in params if name not in saved]
    unlike = _unlike(params, saved)
    return missing + [f"params {name!r} are {here[0]}, in the file {there[0]}" for name, here, there in unlike]


def _unlike(here: Mapping[Any, Any], there: Mapping[Any, Any]) -> list[tuple[Any, list[str], list[str]]]:
    """The keys of both tables whose arrays differ in dtype or shape, with how they are laid out in each."""
    layouts = [(key, _layout(here[key]), _layout(there[key])) for key in here if key in there]
    return [layout for layout in layouts if layout[1] != layout[2]]


def _layout(state: Any) -> list[str]:
    found: list[str] = []
    map_arrays(state, lambda array: found.append(f"{array.dtype}{list(array.shape)}"))
    return found


def _changes(before: Updatable, after: Updatable) -> list[str]:
    if type(before) is not type(after):
        return [f"the optimizer, now {type(after).__name__}"]
    old, new = settings_of(before), settings_of(after)
    return [f"{name} = {new[name]!r} (not {old.get(name)!r})" for name in new if new[name] != old.get(name)]


def _overwrite(optimizer: Updatable, settled: Updatable) -> None:
    """Let an optimizer, its scheduler and what it wraps keep their identity, and take what was loaded."""
    for name, value in vars(settled).items():
        kept = vars(optimizer).get(name)
        if kept is not None and is_optimizer(kept) and is_optimizer(value):
            _overwrite(kept, value)
        elif name == "lr_scheduler" and value is not None:
            vars(kept).update(vars(value))
        else:
            vars(optimizer)[name] = value


def _set_tables(optimizer: Updatable, saved: Mapping[str, Any], renumbered: Mapping[Index, Index]) -> None:
    """Set what is kept by parameter. A wrapping optimizer that keeps none of it reads that of the wrapped one."""

    def table(pairs: list[list[Any]]) -> Watched[Any, Any]:
        return Watched({renumbered.get(key, key): value for key, value in pairs})

    own = vars(optimizer)
    if "_counting" in own:
        optimizer.num_update = saved["num_update"]
        optimizer.lr_mult, optimizer.wd_mult = map(table, saved["multipliers"])
        if "string_indices_decay_by_name" not in saved:
            for index in renumbered.values():
                if isinstance(index, str) and index not in optimizer.idx2name:
                    optimizer.wd_mult.setdefault(index, 1.0)
        optimizer.host_numbers = table(saved["host_numbers"])
    for device, pairs in saved["counts"].items():
        counts = optimizer._all_index_update_counts.setdefault(int(device), Counts())
        counts.clear()
        counts.update(table(pairs))
    for name, inner in saved["wrapped"].items():
        _set_tables(getattr(optimizer, name), inner, renumbered)
