"""Restore an updater from a saved state: first check whether all of it fits, and only then change anything."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

import attrs

from mxcore import random
from mxcore.backend import Array, Host, backend_of
from mxcore.catalogue.registry import registry_for
from mxcore.state.entries import Entry, Tables, differences, indices, unlike
from mxcore.state.manifest import FORMAT, describe_schedule, is_optimizer, provenance
from mxcore.state.packing import unpack
from mxcore.state.place import Place
from mxcore.state.settings import assign, has_text, is_converted, settings_of
from mxcore.state.tensorfile import parse
from mxcore.step import WRAPPED, Counting, Tally, adopted, count_in, depth_of, levels
from mxcore.step.protocol import Run, Updatable
from mxcore.watched import Version

_OWN = {"_counting", "_settings_version", "_tables_version"}
"""What a copy of an optimizer does not share, so that trying settings on it has no side effects."""


def restore(
    updater: Run,
    file: BinaryIO | bytes,
    params: Mapping[str, Array] | None = None,
    source: str = "the saved state",
    restore_optimizer: bool | None = None,
) -> dict[str, Host]:
    """Restore ``updater`` from a file of :func:`mxcore.state.dump`; see :func:`mxcore.load_state`.

    Args:
        updater: the updater.
        file: an open file, or its bytes.
        params: arrays to fill.
        source: the file, for messages.
        restore_optimizer: whether to take the optimizer's class from the file; None lets the file decide.
    """
    updater.check_settled()
    arrays, manifest = parse(file, source)
    if (found := manifest.table().get("format")) != FORMAT:
        raise ValueError(f"{source} has state format {found!r}, but this version of mxcore reads {FORMAT}")
    problems: list[str] = []
    described, given = manifest["optimizer"], params or {}
    asked = manifest["restore_optimizer"].flag() if restore_optimizer is None else restore_optimizer
    optimizer = _settled(updater.optimizer, described, asked, problems)
    depth = depth_of(optimizer)
    for _ in range(depth):  # the counts are those of the innermost optimizer
        described = described["wrapped"][WRAPPED]
    entries = [Entry.read(place, arrays, depth) for place in manifest["states"].list()]
    placed = dict(zip(indices(optimizer, entries, problems), entries, strict=True))
    tables = Tables.read(described, {entry.index: index for index, entry in placed.items()}, optimizer, problems)
    present = updater.states if type(optimizer) is type(updater.optimizer) else {}  # another class starts from scratch
    saved = {name: unpack(entry, arrays) for name, entry in manifest["params"].items()}
    problems += differences(optimizer, placed, present, {**saved, **given})
    problems += _misfits(given, saved)
    stream = {name: manifest["random"][name].value for name in ("seed", "position")}
    problems += random.faults(stream)
    if problems:
        raise ValueError(f"{source} does not fit this updater:\n- " + "\n- ".join(problems))
    if changes := _changes(updater.optimizer, optimizer):
        warnings.warn(f"taken from the file: {', '.join(changes)}", UserWarning, stacklevel=3)
    # From here on, nothing can fail.
    if type(optimizer) is type(updater.optimizer):
        _overwrite(updater.optimizer, optimizer)
    else:
        adopted(optimizer)
        updater.optimizer = optimizer
    count_in(updater.optimizer, updater.tally)
    tables.set_in(levels(updater.optimizer)[-1])
    updater.states = {index: entry.state for index, entry in placed.items()}
    updater.worker_states = {index: entry.workers for index, entry in placed.items() if entry.workers is not None}
    updater.states_synced = dict.fromkeys(placed, False)
    random.set_state(stream)
    for name, array in given.items():
        backend_of(array).fill(array, saved[name])
    return saved


def _settled(optimizer: Updatable, saved: Place, may_change_class: bool, problems: list[str]) -> Updatable:
    """Return a copy of the optimizer with the settings, counters and schedule of the file."""
    name = saved["name"].text()
    if name != registry_for("optimizer").name_of(type(optimizer)) and may_change_class:
        return _recreated(optimizer, saved, problems)
    return _with_settings(optimizer, saved, problems)


def _recreated(former: Updatable, saved: Place, problems: list[str]) -> Updatable:
    """Create an optimizer of the saved class for the parameters of the former one."""
    given: dict[str, Any] = {"param_idx2name": former.idx2name, "param_dict": former.param_dict}
    try:
        created = _optimizer(saved, given)
    except Exception as error:  # a user's constructor may raise anything
        problems.append(f"its optimizer cannot be created: {error}")
        return former
    created.sym_info = former.sym_info
    return _with_settings(created, saved, problems)


def _optimizer(saved: Place, given: dict[str, Any]) -> Updatable:
    """Create an optimizer, and those that it wraps."""
    if "schedule" not in saved:  # a wrapper leaves it to the optimizer inside
        given = {WRAPPED: _optimizer(saved["wrapped"][WRAPPED], given)}
    elif saved["schedule"].value is not None:
        given = {**given, "lr_scheduler": _created("lr_scheduler", saved["schedule"], {})}
    return cast("Updatable", _created("optimizer", saved, given))


def _created(kind: str, saved: Place, given: dict[str, Any]) -> Any:
    """Create an instance of a class that is already imported: a file must not trigger an import."""
    cls: Any = registry_for(kind).imported(saved["name"].text())
    if cls is None:
        raise ValueError(
            f"it was saved with the {kind} {saved['name'].text()!r}, which is not imported: a file does not import it. "
            f"If you trust it, use the class once before you load, as in mx.{kind}.create"
        )
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    # The others are set later, when the instance can tell their types.
    required = [field for field in fields if field.init and field.default is attrs.NOTHING and field.alias not in given]
    values = {field: saved["settings"][field.name].value for field in required}
    # A custom converter may turn a string into anything, such as the class of that name.
    safe = {field: value for field, value in values.items() if not (is_converted(field) and has_text(value))}
    return cls(**{field.alias: value for field, value in safe.items()}, **given)


def _with_settings(optimizer: Updatable, saved: Place, problems: list[str]) -> Updatable:
    own = provenance(optimizer, "optimizer")
    there = {"name": saved["name"].text(), "distribution": saved["distribution"].text_or_none()}
    if (there["name"], there["distribution"]) != (own["name"], own["distribution"]):
        of = [f"{one['name']!r}" + f" of {one['distribution']}" * bool(one["distribution"]) for one in (there, own)]
        problems.append(f"it was saved by the optimizer {of[0]}, but the updater has {of[1]}")
        return optimizer
    # A shallow copy without calling the optimizer: one that delegates to another may not be able to answer yet.
    settled = object.__new__(type(optimizer))
    fresh = {"_counting": Counting(Tally()), "_settings_version": Version(), "_tables_version": Version()}
    vars(settled).update(vars(optimizer), **{name: value for name, value in fresh.items() if name in vars(optimizer)})
    if optimizer._inner is None:
        vars(settled)["lr_scheduler"] = _settled_schedule(optimizer.lr_scheduler, saved["schedule"], problems)
    wrapped = {name: inner for name, inner in vars(optimizer).items() if is_optimizer(inner)}
    if (names := {name for name, _ in saved["wrapped"].items()}) != set(wrapped):
        problems.append(f"its wrapped optimizers are {sorted(names)}, but the updater's are {sorted(wrapped)}")
        return settled
    for name, inner in saved["wrapped"].items():
        vars(settled)[name] = _with_settings(wrapped[name], inner, problems)
    assign(settled, saved["settings"], problems)
    return settled


def _settled_schedule(scheduler: Any, saved: Place, problems: list[str]) -> Any:
    own = describe_schedule(scheduler)
    names = [None if saved.value is None else saved["name"].text(), own and own["name"]]
    if names[0] != names[1]:
        problems.append(f"it was saved with the lr_scheduler {names[0]!r}, but the optimizer has {names[1]!r}")
    elif own and saved["settings"].table() != own["settings"]:
        settled = copy.copy(scheduler)
        assign(settled, saved["settings"], problems)
        return settled
    return scheduler


def _misfits(params: Mapping[str, Array], saved: Mapping[str, Any]) -> list[str]:
    found = [f"it has no params {name!r}" for name in params if name not in saved]
    found += [f"params {name!r} are read-only" for name, one in params.items() if not backend_of(one).is_writable(one)]
    differ = unlike(params, saved)
    return found + [f"params {name!r} are {here[0]}, in the file {', '.join(there)}" for name, here, there in differ]


def _changes(before: Updatable, after: Updatable) -> list[str]:
    if type(before) is not type(after):
        return [f"the optimizer, now {type(after).__name__}"]
    old, new = settings_of(before), settings_of(after)
    found = [f"{name} = {new[name]!r} (not {old.get(name)!r})" for name in new if not _same(new[name], old.get(name))]
    wrapped = (before._inner, after._inner)
    return found if None in wrapped else found + _changes(*wrapped)  # type: ignore[arg-type]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (one != one and other != other)  # NaN to NaN is not a change


def _overwrite(optimizer: Updatable, settled: Updatable) -> None:
    """Copy what was loaded into the existing optimizer, its scheduler and what it wraps, keeping their identity."""
    for name, value in vars(settled).items():
        kept = vars(optimizer).get(name)
        if kept is not None and is_optimizer(kept) and is_optimizer(value):
            _overwrite(kept, value)
        elif name == "lr_scheduler" and value is not None:
            if value is not kept:
                vars(kept).update(vars(value))
        elif name not in _OWN:
            vars(optimizer)[name] = value
    if (version := vars(optimizer).get("_settings_version")) is not None:
        version.number += 1
